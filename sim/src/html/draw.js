// The diagram: bands and signs as SVG, arrows on a canvas, what is selected as SVG above both. Only what is in view.

const SIGNS = { cut: "✂", heal: "⚭", crash: "✕", start: "▲", wipe: "⌫", pause: "‖", disk: "◆", clock: "◷", packet: "→",
  line: "¶", withheld: "○", clog: "≋" };
const AXIS = 24, FLAGS = 26, BAND = 24, CALL = 16;

function canvasOf(info, world, view) {
  const stage = $("stage"), canvas = $("arrows"), under = $("under"), over = $("over");
  const context = canvas.getContext("2d");
  const size = { width: 0, height: 0, gutter: 0, pitch: 0 };

  const layout = () => {
    size.width = stage.clientWidth;
    size.gutter = size.width < 640 ? 44 : 92;
    size.pitch = world.nodes <= 3 ? 88 : world.nodes <= 5 ? 70 : 58;
    size.peers = AXIS + FLAGS + world.nodes * size.pitch;
    size.height = size.peers + info.clients * CALL + 10;
    stage.style.height = size.height + "px";
    const ratio = window.devicePixelRatio || 1;
    canvas.width = size.width * ratio;
    canvas.height = size.height * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    [under, over].forEach(svg => svg.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`));
  };
  const top = node => AXIS + FLAGS + node * size.pitch + (size.pitch - BAND) / 2;
  const callTop = client => size.peers + client * CALL;
  const where = note => view.causal ? note.depth : note.at;
  const toX = value => size.gutter + (value - view.from) / (view.to - view.from) * (size.width - size.gutter);
  const fromX = x => view.from + (x - size.gutter) / (size.width - size.gutter) * (view.to - view.from);
  const xOf = note => toX(where(note));
  const end = () => view.causal ? world.deepest + 1 : info.end;

  // Both ends of a packet's arrows; one that does not arrive ends on its way.
  const arrows = note => {
    const x = xOf(note), down = note.from < note.to;
    const y = top(note.from) + (down ? BAND : 0), far = top(note.to) + (down ? 0 : BAND);
    const out = note.arrivals.map(index => ({ x, y, toX: xOf(world.notes[index]), toY: far, end: world.notes[index].end }));
    if (out.length === 0) {
      const on = view.causal ? 1 : world.delay;
      out.push({ x, y, toX: toX(where(note) + on * 0.6), toY: y + (far - y) * 0.6, end: note.copies ? null : "lost" });
    }
    return out;
  };
  const inView = arrow => size.gutter <= Math.max(arrow.x, arrow.toX) && Math.min(arrow.x, arrow.toX) <= size.width;

  const axis = () => {
    const out = [], span = view.to - view.from, room = Math.max(2, Math.floor((size.width - size.gutter) / 110));
    let step = Math.pow(10, Math.floor(Math.log10(span / room)));
    while (room < span / step) step *= step.toString().startsWith("2") ? 2.5 : 2;
    step = Math.max(1, step);
    for (let tick = Math.ceil(view.from / step) * step; tick <= view.to; tick += step) {
      const x = toX(tick).toFixed(1);
      const label = view.causal ? String(tick) : step < 1000 ? (tick / 1e3).toFixed(3).replace(/0+$/, "") + " ms"
        : step < 1e6 ? +(tick / 1e3).toFixed(1) + " ms" : tick / 1e6 + " s";
      out.push(`<line class="tick" x1="${x}" x2="${x}" y1="${AXIS - 6}" y2="${size.height}"/>`
        + `<text class="axis" x="${+x + 4}" y="15">${label}</text>`);
    }
    return out.join("");
  };

  // What stands above the arrows although it is drawn with what lies below them.
  let captions = "";

  // A lane that is cut off, or the gap between lanes that are.
  const cuts = () => {
    if (view.causal) return "";
    return world.cuts.map(({ what, place, words, share, from, to }) => {
      const x = Math.max(size.gutter, toX(from)), wide = Math.min(size.width, toX(to)) - x, isLane = what === "lane";
      if (wide <= 0) return "";
      const y = isLane ? top(place) - 9 : top(place) + BAND + 9, high = isLane ? BAND + 18 : top(place + 1) - y - 9;
      const word = isLane ? `✂ peer ${place} ${words}` : share === 1 ? "✂ cut" : "";
      if (word.length * 7 < wide) captions += `<text class="cut-word" x="${x + 5}" y="${isLane ? y - 3 : y + high / 2 + 4}">${word}</text>`;
      return `<g opacity="${(0.25 + 0.75 * share).toFixed(2)}"><rect class="cut" x="${x}" y="${y}" width="${wide}" height="${high}"/>`
        + `<rect fill="url(#p-cut)" x="${x}" y="${y}" width="${wide}" height="${high}"/></g>`;
    }).join("");
  };

  const bandsOf = node => {
    const out = [], y = top(node);
    let drawn = -1;
    for (const band of world.bands[node]) {
      const x = Math.max(size.gutter, xOf(band.from)), to = Math.min(size.width, band.to ? xOf(band.to) : toX(end()));
      if (to < size.gutter || size.width < x || to - drawn < 0.4) continue;
      drawn = to;
      const wide = Math.max(0.6, to - x), name = ROLES[band.role];
      if (band.role === 0) {
        out.push(`<rect class="down" x="${x}" y="${y}" width="${wide}" height="${BAND}"/>`);
        if (44 < wide) out.push(`<text class="down-word" x="${x + 6}" y="${y + 16}">down</text>`);
        continue;
      }
      out.push(`<rect class="band ${name}" x="${x}" y="${y}" width="${wide}" height="${BAND}"/>`
        + `<rect fill="url(#p-${name})" x="${x}" y="${y}" width="${wide}" height="${BAND}"/>`);
      const label = 150 < wide ? `${LETTERS[band.role]}  ${name}, term ${band.term}`
        : 34 < wide ? `${LETTERS[band.role]} ${band.term}` : 11 < wide ? LETTERS[band.role] : "";
      if (label) {
        const room = Math.min(wide - 3, label.length * 6.6 + 6);
        captions += `<rect class="band ${name} plate" x="${x + 2}" y="${y + 4}" width="${room}" height="${BAND - 8}"/>`
          + `<text class="role ${name}" x="${x + 4}" y="${y + 16}">${label}</text>`;
      }
    }
    return out.join("");
  };

  const spells = () => view.causal ? "" : info.spells.filter(spell => ["paused", "stuck", "full"].includes(spell[0])).map(([what, node, , from, to]) => {
    const x = Math.max(size.gutter, toX(from)), wide = Math.min(size.width, toX(to)) - x;
    if (wide <= 0) return "";
    const y = top(node), word = { paused: "‖ stands still", stuck: "◆ disk hangs", full: "◆ disk full" }[what];
    const shape = what === "paused" ? `<rect fill="url(#p-paused)" x="${x}" y="${y}" width="${wide}" height="${BAND}"/>` : "";
    return `${shape}<rect class="spell" x="${x}" y="${y + BAND}" width="${wide}" height="3"/>`
      + (90 < wide ? `<text class="spell-word" x="${x + 2}" y="${y + BAND + 14}">${word}</text>` : "");
  }).join("");

  const flags = () => {
    const out = [];
    let free = 0;
    for (const note of world.notes) {
      if (note.tag !== MARKED) continue;
      const [sign, node] = info.marks[note.mark], x = Math.max(size.gutter + 10, Math.min(xOf(note), size.width - 10));
      if (xOf(note) < size.gutter - 1 || size.width + 1 < xOf(note) || x < free) continue;
      free = x + 15;
      const kind = ["line", "withheld", "heal", "start"].includes(sign) ? "calm" : "bad";
      const low = node === null ? AXIS + FLAGS : top(node);
      out.push(`<g class="flag ${kind}" data-note="${note.index}"><line x1="${x}" x2="${x}" y1="${AXIS + 20}" y2="${low}"/>`
        + `<circle cx="${x}" cy="${AXIS + 12}" r="8"/><text x="${x}" y="${AXIS + 16}">${SIGNS[sign] || "!"}</text></g>`);
    }
    return out.join("");
  };

  // Where a peer starts, takes a snapshot, installs one, or loses a part of its log.
  const signs = () => {
    const out = [];
    for (let node = 0; node < world.nodes; node++) {
      let free = 0;
      for (const note of world.changes[node]) {
        const { before, frame } = note;
        const sign = went(note) ? "✕" : before.role === 0 && 1 < frame.life ? "▲" : installs(note) ? "⤓" : cutsLog(note) ? "✂"
          : before.snapshot < frame.snapshot ? "▣" : null;
        if (!sign) continue;
        const x = xOf(note);
        if (x < size.gutter || size.width < x || x < free) continue;
        free = x + (sign === "▣" ? 11 : 7);
        const kind = sign === "✕" || sign === "✂" ? "bad" : "calm";
        out.push(`<text class="sign ${kind}" data-note="${note.index}" x="${x}" y="${top(node) - 4}">${sign}</text>`);
      }
    }
    return out.join("");
  };

  const calls = () => world.operations.map(one => {
    const first = one.asks[0], x = xOf(first), to = one.end ? xOf(one.end) : toX(end());
    if (to < size.gutter || size.width < x) return "";
    const left = Math.max(size.gutter, x), wide = Math.max(1, Math.min(size.width, to) - left);
    const kind = one.came === 0 ? "ok" : one.came === null ? "open" : "other", y = callTop(one.client);
    const words = wide < 30 ? "" : (130 < wide ? sayAsk(first).replace("to ", "") : ["open", "add", "swap", "read"][first.what])
      + (one.came === 0 ? " ✓" : one.came === null ? " …" : " ?");
    return `<g class="call ${kind}" data-note="${first.index}"><rect x="${left}" y="${y + 2}" width="${wide}" height="${CALL - 4}" rx="2"/>`
      + (words ? `<text x="${left + 3}" y="${y + 12}">${words}</text>` : "") + "</g>";
  }).join("");

  const gutter = () => {
    const out = [`<rect class="gutter" x="0" y="0" width="${size.gutter}" height="${size.height}"/>`];
    for (let node = 0; node < world.nodes; node++) {
      const short = size.gutter < 60;
      out.push(`<text class="name" x="8" y="${top(node) + 17}">${short ? "p" : "peer "}${node}</text>`);
    }
    for (let client = 0; client < info.clients; client++) {
      out.push(`<text class="client" x="8" y="${callTop(client) + 12}">${size.gutter < 60 ? "c" : "client "}${client}</text>`);
    }
    return out.join("");
  };

  const drawArrows = () => {
    context.clearRect(0, 0, size.width, size.height);
    context.save();
    context.beginPath();
    context.rect(size.gutter, 0, size.width - size.gutter, size.height);
    context.clip();
    const byFamily = FAMILIES.map(() => []);
    let count = 0;
    for (const note of world.packets) {
      if (!view.shows(note)) continue;
      for (const arrow of arrows(note)) {
        if (!inView(arrow)) continue;
        byFamily[note.family].push([arrow, note]);
        count++;
      }
    }
    const faint = count < 400 ? 1 : count < 3000 ? 0.75 : 0.4, heads = count < 3000;
    const colors = view.colors();
    byFamily.forEach((list, family) => {
      context.strokeStyle = context.fillStyle = colors.families[family];
      context.globalAlpha = faint;
      context.lineWidth = FAMILIES[family].name === "heartbeat" ? 0.9 : 1.3;
      context.setLineDash(heads ? FAMILIES[family].dash : []);
      context.beginPath();
      list.forEach(([arrow]) => { context.moveTo(arrow.x, arrow.y); context.lineTo(arrow.toX, arrow.toY); });
      context.stroke();
      context.setLineDash([]);
      if (!heads) return;
      list.forEach(([arrow, note]) => { if (arrow.end === 0 || arrow.end === DAMAGED) head(arrow, note.fate === DOUBLED); });
    });
    context.globalAlpha = faint;
    context.strokeStyle = colors.bad;
    context.lineWidth = 1.6;
    if (count < 6000) byFamily.flat().forEach(([arrow]) => { if (arrow.end !== 0 && arrow.end !== null) cross(arrow); });
    context.restore();
    return count;
  };
  const head = (arrow, isDouble) => {
    const long = Math.hypot(arrow.toX - arrow.x, arrow.toY - arrow.y) || 1;
    const dx = (arrow.toX - arrow.x) / long, dy = (arrow.toY - arrow.y) / long;
    for (let back = 0; back <= (isDouble ? 5 : 0); back += 5) {
      const x = arrow.toX - dx * back, y = arrow.toY - dy * back;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x - dx * 7 - dy * 3, y - dy * 7 + dx * 3);
      context.lineTo(x - dx * 7 + dy * 3, y - dy * 7 - dx * 3);
      context.fill();
    }
  };
  const cross = ({ toX: x, toY: y }) => {
    context.beginPath();
    context.moveTo(x - 4, y - 4);
    context.lineTo(x + 4, y + 4);
    context.moveTo(x + 4, y - 4);
    context.lineTo(x - 4, y + 4);
    context.stroke();
  };

  // The cursor, and what is selected.
  const above = () => {
    const note = world.notes[view.cursor], out = [captions];
    if (info.broken && !view.causal) {
      const x = toX(info.end), word = "✕ " + info.broken[0], wide = word.length * 6.6 + 10;
      out.push(`<line class="breaks" x1="${x - 1}" x2="${x - 1}" y1="${AXIS}" y2="${size.height}"/>`
        + `<rect class="breaks-plate" x="${x - wide}" y="${AXIS + 22}" width="${wide}" height="18" rx="3"/><text class="breaks-word" x="${x - wide / 2}" y="${AXIS + 35}">${escape(word)}</text>`);
    }
    if (note) {
      const x = view.causal ? xOf(note) : toX(view.at);
      if (size.gutter <= x && x <= size.width) {
        const word = view.causal ? "depth " + note.depth : clock(view.at), wide = word.length * 7 + 10;
        const left = Math.min(Math.max(size.gutter, x - wide / 2), size.width - wide);
        out.push(`<line class="cursor" x1="${x}" x2="${x}" y1="${AXIS - 4}" y2="${size.height}"/>`
          + `<rect class="cursor-plate" x="${left}" y="2" width="${wide}" height="18" rx="3"/><text class="cursor-word" x="${left + wide / 2}" y="15">${word}</text>`);
      }
      const packet = note.tag === SENT ? note : note.tag === CAME ? world.notes[note.packet] : null;
      if (packet) {
        arrows(packet).forEach(arrow => out.push(`<line class="picked" x1="${arrow.x}" y1="${arrow.y}" x2="${arrow.toX}" y2="${arrow.toY}"/>`));
        const arrow = arrows(packet)[0];
        out.push(`<circle class="picked" cx="${note === packet ? arrow.x : xOf(note)}" cy="${note === packet ? arrow.y : arrow.toY}" r="5"/>`);
      } else if (note.tag === CHANGED) {
        out.push(`<rect class="picked" x="${xOf(note) - 4}" y="${top(note.node) - 4}" width="8" height="${BAND + 8}" rx="3"/>`);
      } else if (note.of) {
        out.push(`<rect class="picked" x="${xOf(note) - 4}" y="${callTop(note.client)}" width="8" height="${CALL}" rx="3"/>`);
      } else if (note.tag === MARKED) {
        out.push(`<circle class="picked" cx="${xOf(note)}" cy="${AXIS + 12}" r="11"/>`);
      }
    }
    over.innerHTML = `<clipPath id="inside"><rect x="${size.gutter - 6}" y="0" width="${size.width}" height="${size.height}"/></clipPath><g clip-path="url(#inside)">${out.join("")}</g>`;
  };

  // The note under a point: an arrow that is near, else what the lane says there.
  const noteAt = (x, y) => {
    let best = null, least = 7;
    for (const note of world.packets) {
      if (!view.shows(note)) continue;
      for (const arrow of arrows(note)) {
        if (!inView(arrow)) continue;
        const dx = arrow.toX - arrow.x, dy = arrow.toY - arrow.y;
        const along = Math.max(0, Math.min(1, ((x - arrow.x) * dx + (y - arrow.y) * dy) / (dx * dx + dy * dy || 1)));
        const far = Math.hypot(x - arrow.x - along * dx, y - arrow.y - along * dy);
        if (far < least) [best, least] = [note, far];
      }
    }
    if (best) return best;
    for (let node = 0; node < world.nodes; node++) {
      if (y < top(node) || top(node) + BAND < y) continue;
      const band = world.bands[node].filter(one => xOf(one.from) <= x).pop();
      if (band) return band.from;
    }
    return null;
  };

  const draw = () => {
    captions = "";
    under.innerHTML = axis() + cuts() + Array.from({ length: world.nodes }, (_, node) => bandsOf(node)).join("")
      + spells() + calls() + signs() + flags() + gutter();
    view.drawn = drawArrows();
    above();
  };
  return { layout, draw, above, noteAt, fromX, toX, xOf, end, size, where };
}

// The whole run in a strip: who led when, where something went wrong, and what part of it is in view.
function strip(info, world, view) {
  const canvas = $("strip"), context = canvas.getContext("2d");
  return picture => {
    const ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
    canvas.width = wide * ratio;
    canvas.height = high * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const colors = view.colors(), end = picture.end(), begin = view.causal ? 0 : info.from;
    const toX = value => (value - begin) / (end - begin || 1) * wide, row = (high - 8) / world.nodes;
    world.bands.forEach((bands, node) => bands.forEach(band => {
      const x = toX(picture.where(band.from)), to = band.to ? toX(picture.where(band.to)) : wide;
      context.fillStyle = colors.roles[band.role];
      context.fillRect(x, 6 + node * row, Math.max(0.5, to - x), row - 1);
    }));
    context.fillStyle = colors.bad;
    world.notes.forEach(note => { if (note.isAnomaly && note.tag !== CAME) context.fillRect(toX(picture.where(note)), 0, 1.5, 5); });
    context.strokeStyle = colors.accent;
    context.lineWidth = 2;
    const left = toX(view.from), right = toX(view.to);
    context.globalAlpha = 0.12;
    context.fillStyle = colors.accent;
    context.fillRect(left, 0, right - left, high);
    context.globalAlpha = 1;
    context.strokeRect(Math.max(1, left), 1, Math.max(3, Math.min(wide - 1, right) - Math.max(1, left)), high - 2);
  };
}
