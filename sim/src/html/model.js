// What follows from the notes: what each peer is when, how long operations take, what came before what.

const ROLES = ["down", "newborn", "follower", "pre-candidate", "candidate", "leader"];
const LETTERS = ["", "N", "F", "P", "C", "L"];
// Kinds of messages that are shown and hidden together; the first that a packet carries gives it its look.
const FAMILIES = [
  { name: "pre-vote", kinds: ["PreVote", "PreVoteReply"], dash: [2, 3], does: "“would you vote for me?”" },
  { name: "vote", kinds: ["Vote", "VoteReply", "TimeoutNow"], dash: [7, 3], does: "“vote for me”, and the answer" },
  { name: "append", kinds: ["Append", "AppendReply"], dash: [], does: "entries of the log, and “I have them”" },
  { name: "heartbeat", kinds: ["Heartbeat", "HeartbeatReply"], dash: [1, 3], does: "“I lead”, “I follow”" },
  { name: "snapshot", kinds: ["Chunk", "ChunkReply"], dash: [12, 3], does: "a copy of the state, in pieces" },
  { name: "request", kinds: ["Forward", "ReadAsk", "ReadAnswer"], dash: [7, 3, 1, 3], does: "what clients want, passed to the leader" },
  { name: "birth", kinds: ["Hello", "Attest"], dash: [3, 2, 3, 6], does: "“I may be new”, “I know you”" },
];
const RANK = ["vote", "pre-vote", "snapshot", "append", "birth", "request", "heartbeat"];

function model(info, notes) {
  const nodes = info.nodes, names = info.kinds.map(kind => kind[0]);
  const familyOf = names.map(name => FAMILIES.findIndex(family => family.kinds.includes(name)));
  const rank = family => RANK.indexOf(FAMILIES[family].name);
  const changes = Array.from({ length: nodes }, () => []), operations = [], packets = [];
  const open = new Map();

  for (const note of notes) {
    if (note.tag === SENT) {
      const families = note.bodies.map(body => familyOf[body.kind]).sort((one, other) => rank(one) - rank(other));
      note.families = families.length ? families : [FAMILIES.length - 1];
      note.family = note.families[0];
      packets.push(note);
    } else if (note.tag === CAME) {
      note.families = notes[note.packet].families;
      note.family = notes[note.packet].family;
    } else if (note.tag === CHANGED) {
      changes[note.node].push(note);
    } else if (note.tag === ASKED) {
      const key = note.client + "/" + note.operation;
      let one = open.get(key);
      if (!one) {
        one = { client: note.client, asks: [], end: null, came: null };
        open.set(key, one);
        operations.push(one);
      }
      one.asks.push(note);
      note.of = one;
    } else if (note.tag === TOLD) {
      const one = open.get(note.client + "/" + note.operation);
      if (one) {
        note.of = one;
        one.end = note;
        one.came = note.came;
      }
    }
  }

  // Cause before effect: a step of a lane is deeper than the one before it, an arrival deeper than its departure.
  const depths = new Array(nodes + info.clients).fill(0), times = new Array(nodes + info.clients).fill(-1);
  let deepest = 0;
  for (const note of notes) {
    const lane = laneOf(note, nodes);
    if (lane === null) {
      note.depth = deepest;
      continue;
    }
    // Who tells is among those who were asked; the last of them, as far as can be seen.
    const cause = note.tag === CAME ? notes[note.packet].depth
      : note.tag === TOLD && note.of ? depths[note.of.asks[note.of.asks.length - 1].node] : 0;
    const isNew = note.tag === CAME || times[lane] !== note.at;
    note.depth = Math.max(depths[lane] + (isNew ? 1 : 0), cause ? cause + 1 : 0);
    depths[lane] = note.depth;
    times[lane] = note.at;
    if (note.tag === ASKED) {
      depths[note.node] = Math.max(depths[note.node], note.depth);
      times[note.node] = -1;
    }
    deepest = Math.max(deepest, note.depth);
  }

  // Bands: as long as a peer has one role in one term. The last reaches to the end of the film.
  const bands = changes.map(list => {
    const out = [];
    for (const note of list) {
      const { role, term } = note.frame, end = out[out.length - 1];
      if (end && end.role === role && end.term === term) continue;
      if (end) end.to = note;
      out.push({ role, term, from: note, to: null });
    }
    return out;
  });

  const isAnomaly = note => note.tag === MARKED ? !["line", "withheld"].includes(info.marks[note.mark][0])
    : note.tag === CAME ? note.end === DAMAGED
    : note.tag === TOLD ? note.came !== 0
    : note.tag === CHANGED && (went(note) || cutsLog(note) || note.before.role === 5 && note.frame.role !== 5);
  const isStory = note => note.tag === MARKED || isAnomaly(note) && note.tag !== CAME
    || note.tag === CHANGED && (note.frame.role !== note.before.role || installs(note));
  notes.forEach(note => { note.isAnomaly = isAnomaly(note); note.isStory = isStory(note); });
  const delays = packets.filter(note => note.arrivals.length).map(note => notes[note.arrivals[0]].at - note.at);
  const delay = delays.length ? delays.sort((one, other) => one - other)[delays.length >> 1] : 1000;

  // What a peer was after all notes up to this one.
  const frameAt = (node, index) => {
    const list = changes[node];
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].index <= index) low = middle + 1; else high = middle;
    }
    return low ? list[low - 1].frame : null;
  };
  const inFlight = index => packets.filter(note => note.index <= index && note.copies
    && (note.arrivals.length < (note.fate === DOUBLED ? 2 : 1) || note.arrivals.some(came => index < came)));
  const lastBefore = at => {
    let low = 0, high = notes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (notes[middle].at <= at) low = middle + 1; else high = middle;
    }
    return Math.max(0, low - 1);
  };
  const cuts = cutStates(info.spells.filter(spell => spell[0] === "cut"), nodes);
  return { nodes, notes, packets, changes, bands, operations, cuts, deepest, delay, frameAt, inFlight, lastBefore, names };
}

// When a peer is cut off, and how much of what would cross the gap between two lanes is cut besides.
function cutStates(spells, nodes) {
  const edges = [...new Set(spells.flatMap(spell => [spell[3], spell[4]]))].sort((one, other) => one - other);
  const out = [], open = new Map(), all = Array.from({ length: nodes }, (_, node) => node);
  for (let nth = 0; nth + 1 < edges.length; nth++) {
    const [from, to] = [edges[nth], edges[nth + 1]];
    const cut = new Set(spells.filter(spell => spell[3] <= from && from < spell[4]).map(spell => spell[1] * nodes + spell[2]));
    const is = (one, other) => one === other || cut.has(one * nodes + other);
    const now = new Map(), alone = [];
    for (const node of all) {
      const deaf = all.every(other => is(other, node)), mute = all.every(other => is(node, other));
      if (deaf || mute) {
        now.set(`lane ${node} ${deaf && mute ? "is cut off" : deaf ? "hears nothing" : "is not heard"}`, 1);
        alone.push(node);
      }
    }
    const rest = all.filter(node => !alone.includes(node));
    for (let gap = 0; gap + 1 < nodes; gap++) {
      const pairs = rest.filter(one => one <= gap).flatMap(one => rest.filter(other => gap < other).flatMap(other => [[one, other], [other, one]]));
      const share = pairs.filter(([one, other]) => is(one, other)).length / (pairs.length || 1);
      if (share) now.set(`gap ${gap} ${share}`, share);
    }
    for (const key of open.keys()) if (!now.has(key) || open.get(key).to !== from) open.delete(key);
    for (const [key, share] of now) {
      const was = open.get(key), [what, place, ...words] = key.split(" ");
      if (was) was.to = to;
      else {
        const one = { what, place: +place, words: words.join(" "), share, from, to };
        open.set(key, one);
        out.push(one);
      }
    }
  }
  return out;
}

// Peers first, then clients; null: nobody's.
function laneOf(note, nodes) {
  switch (note.tag) {
    case SENT: return note.from;
    case CAME: return note.to;
    case CHANGED: return note.node;
    case ASKED: case TOLD: return nodes + note.client;
    default: return null;
  }
}

const went = note => note.before.role !== 0 && note.frame.role === 0;
const installs = note => note.before.role !== 0 && note.before.last < note.frame.base[0];
// Something that stood in the log stands there no more, by another's word: not what a crash took.
function cutsLog(note) {
  const { before, frame } = note;
  if (before.role === 0 || frame.role === 0 || before.life !== frame.life) return false;
  return frame.last < before.last || termAt(frame, before.last) !== termAt(before, before.last);
}

// The term of an entry; null where the frame does not know one.
function termAt(frame, index) {
  if (index === frame.base[0]) return frame.base[1];
  if (index < frame.base[0] || frame.last < index) return null;
  for (let nth = frame.runs.length - 1; 0 <= nth; nth--) {
    if (frame.runs[nth][0] <= index) return frame.runs[nth][1];
  }
  return null;
}
