// Bytes to notes: the other half of coder.rs and encode.rs, which name every number that stands here.

function base64(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

// A range decoder that learns as its coder learns.
function reader(bytes) {
  let place = 0, code = 0, range = 0xffffffff;
  const models = [];
  const pull = () => { code = ((code << 8) | (bytes[place++] || 0)) >>> 0; };
  const widen = () => { while (range < 0x1000000) { range = (range << 8) >>> 0; pull(); } };
  for (let nth = 0; nth < 4; nth++) pull();
  const bit = (model, at) => {
    const bound = (range >>> 11) * model[at];
    if (code < bound) {
      range = bound;
      model[at] += (2048 - model[at]) >> 4;
      widen();
      return 0;
    }
    code -= bound;
    range -= bound;
    model[at] -= model[at] >> 4;
    widen();
    return 1;
  };
  const number = sort => {
    const model = models[sort] || (models[sort] = new Uint16Array(576).fill(1024));
    let at = 1;
    for (let nth = 0; nth < 6; nth++) at = at << 1 | bit(model, at);
    const length = at - 64;
    let value = length ? 1 : 0;
    at = 1;
    for (let nth = 1; nth < length; nth++) {
      let low;
      if (at < 8) {
        low = bit(model, 64 + length * 8 + at);
        at = at << 1 | low;
      } else {
        range >>>= 1;
        low = code >= range ? 1 : 0;
        if (low) code -= range;
        widen();
      }
      value = value * 2 + low;
    }
    return value;
  };
  const signed = sort => {
    const folded = number(sort);
    return folded % 2 ? -(folded + 1) / 2 : folded / 2;
  };
  return { number, signed };
}

const SENT = 1, CAME = 2, CHANGED = 3, ASKED = 4, TOLD = 5, MARKED = 6;
const LOST = 0, DOUBLED = 2, CUT = 3;
const MISSED = 1, DAMAGED = 2, CROWDED = 3;
const NUMBERS = ["role", "term", "vote", "leader", "life", "snapshot", "durable", "commit", "applied", "last"];

// Every note: { tag, at, index } and what its tag says. A packet knows the notes of its arrivals, and they know it.
function decode(info) {
  const { number, signed } = reader(base64(info.film));
  const nodes = info.nodes, links = nodes * nodes, notes = [];
  const onWay = Array.from({ length: links }, () => []), kinds = new Array(links).fill(0);
  const last = new Float64Array(16 * 8 * links);
  const blank = { base: [0, 0], runs: [] };
  NUMBERS.forEach(name => { blank[name] = 0; });
  const frames = new Array(nodes).fill(blank);
  const operations = new Array(info.clients).fill(0), items = new Array(info.clients).fill(0);
  let tag = 0, at = info.from, link = 0, marks = 0;

  const body = () => {
    const kind = number(208 + kinds[link]), fields = [];
    kinds[link] = kind;
    for (let nth = 0; nth < info.kinds[kind].length - 1; nth++) {
      const place = (kind * 8 + nth) * links + link;
      last[place] += signed(224 + kind * 8 + nth);
      fields.push(last[place]);
    }
    return { kind, fields };
  };
  const log = (before, frame) => {
    frame.base = [before.base[0] + signed(385), before.base[1] + signed(386)];
    const held = before.runs.filter((run, nth) => nth + 1 === before.runs.length || frame.base[0] + 1 < before.runs[nth + 1][0])
      .map(run => [Math.max(run[0], frame.base[0] + 1), run[1]]);
    frame.runs = held.slice(0, number(387));
    let [first, term] = frame.runs.length ? frame.runs[frame.runs.length - 1] : frame.base;
    for (let more = number(388); 0 < more; more--) {
      first += signed(389);
      term += signed(390);
      frame.runs.push([first, term]);
    }
  };
  const change = () => {
    const node = number(196), before = frames[node], frame = Object.assign({}, before);
    NUMBERS.forEach((name, nth) => { if (number(352 + nth)) frame[name] += signed(368 + nth); });
    if (number(384)) log(before, frame);
    frames[node] = frame;
    return { node, frame, before };
  };
  const operation = () => {
    const client = number(197);
    operations[client] += signed(199);
    return { client, operation: operations[client] };
  };
  const ask = client => {
    const what = number(200), list = what ? number(201) : null;
    if (what === 1 || what === 2) items[client] += signed(202);
    return { what, list, item: what === 1 || what === 2 ? items[client] : null };
  };
  const read = {
    [SENT]: index => {
      link = number(64 + link);
      const fate = number(192), bodies = [];
      for (let more = number(193); 0 < more; more--) bodies.push(body());
      const copies = fate === LOST || fate === CUT ? 0 : fate === DOUBLED ? 2 : 1;
      if (copies) onWay[link].push({ index, copies });
      return { from: Math.floor(link / nodes), to: link % nodes, fate, bodies, copies, arrivals: [] };
    },
    [CAME]: index => {
      link = number(128 + link);
      const which = number(194), end = number(195), packet = onWay[link][which];
      if (--packet.copies === 0) onWay[link].splice(which, 1);
      notes[packet.index].arrivals.push(index);
      return { from: Math.floor(link / nodes), to: link % nodes, packet: packet.index, end };
    },
    [CHANGED]: change,
    [ASKED]: () => {
      const who = operation(), node = number(198);
      return Object.assign(who, { node }, ask(who.client));
    },
    [TOLD]: () => Object.assign(operation(), { came: number(203) }),
    [MARKED]: () => ({ mark: marks++ }),
  };
  for (;;) {
    const next = number(tag);
    if (next === 0) return notes;
    at += number(8 + tag * 7 + next);
    tag = next;
    const index = notes.length;
    notes.push(Object.assign({ tag, at, index }, read[tag](index)));
  }
}
