// Beside the diagram: what each peer is at the cursor, what is selected, and everything that happened as a list.

const escape = text => String(text).replace(/[&<>"]/g, letter => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" })[letter]);
const HUES = 8;

function statePane(info, world, view) {
  return () => {
    const frames = Array.from({ length: world.nodes }, (_, node) => world.frameAt(node, view.cursor));
    const last = Math.max(1, ...frames.map(frame => frame ? frame.last : 0));
    const count = Math.max(5, Math.floor(($("state").parentElement.clientWidth - 440) / 29)), first = Math.max(1, last - count + 1);
    const indexes = Array.from({ length: Math.min(count, last) }, (_, nth) => first + nth);
    const heads = indexes.map(index => `<th class="index" scope="col">${index}</th>`).join("");
    const rows = frames.map((frame, node) => {
      if (!frame) return `<tr><th scope="row">${node}</th><td colspan="${5 + indexes.length}">has not started yet</td></tr>`;
      const cells = indexes.map(index => cell(frame, index)).join("");
      const role = ROLES[frame.role];
      return `<tr><th scope="row">${node}</th><td><span class="chip ${role}">${LETTERS[frame.role] || "–"}</span> ${role}</td>`
        + `<td>${frame.term}</td><td>${frame.vote ? frame.vote - 1 : "–"}</td>`
        + `<td>${frame.durable}</td><td>${frame.commit}</td><td>${frame.applied}</td>${cells}</tr>`;
    }).join("");
    $("state").innerHTML = `<thead><tr><th scope="col">peer</th><th scope="col">role</th><th scope="col">term</th><th scope="col">vote</th>`
      + `<th scope="col">durable</th><th scope="col">commit</th><th scope="col">applied</th>${heads}</tr></thead><tbody>${rows}</tbody>`;
    $("state-when").textContent = view.causal ? "at depth " + (world.notes[view.cursor] || { depth: 0 }).depth : "at " + clock(view.at);
    const flying = world.inFlight(view.cursor).filter(view.shows), shown = flying.slice(-8);
    $("flying-count").textContent = flying.length === 0 ? "no packet is on its way" : flying.length === 1 ? "1 packet on its way" : flying.length + " packets on their way";
    $("flying").innerHTML = shown.map(note => `<li><button class="link" data-note="${note.index}">${escape(say(info, world, note))}</button></li>`).join("")
      + (flying.length > shown.length ? `<li>and ${flying.length - shown.length} earlier</li>` : "");
  };
}

// One entry of one log: the term's colour, and as words how far it has come.
function cell(frame, index) {
  const term = termAt(frame, index);
  if (index <= frame.base[0] && frame.base[0]) {
    return `<td class="cell snap" title="entry ${index}: in the snapshot">▣</td>`;
  }
  if (term === null) return `<td class="cell none"></td>`;
  const way = [index <= frame.durable ? "durable" : "not durable yet", index <= frame.commit ? "committed" : "not known to be committed"];
  if (index <= frame.applied) way.push("applied");
  const classes = [index <= frame.durable ? "durable" : "loose", index <= frame.commit ? "committed" : "", frame.role === 0 ? "asleep" : ""];
  return `<td class="cell hue${term % HUES} ${classes.join(" ")}" title="entry ${index} of term ${term}: ${way.join(", ")}">${term}`
    + `<span class="unseen"> ${way.join(", ")}</span></td>`;
}

function detailPane(info, world, view) {
  return () => {
    const note = world.notes[view.cursor];
    if (!note) return;
    const words = say(info, world, note);
    $("picked-words").textContent = words[0].toUpperCase() + words.slice(1) + ".";
    const rows = detail(info, world, note).map(([name, value, isHead]) => `<div${isHead ? ' class="head"' : ""}><dt>${escape(name)}</dt><dd>${escape(value)}</dd></div>`);
    const packet = note.tag === CAME ? world.notes[note.packet] : note;
    const links = note.tag === CAME ? [[note.packet, "to its sending"]]
      : packet.arrivals ? packet.arrivals.map((index, nth) => [index, nth ? "to its second arrival" : "to its arrival"]) : [];
    $("picked").innerHTML = rows.join("");
    $("picked-links").innerHTML = links.map(([index, word]) => `<button class="link" data-note="${index}">${word}</button>`).join(" ");
  };
}

// A list of any length of which only what is in view is there; a screen reader is told the whole length.
function eventList(info, world, view) {
  const box = $("list"), tall = 26;
  let shown = [];
  const place = () => {
    let low = 0, high = shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (shown[middle] < view.cursor) low = middle + 1; else high = middle;
    }
    return low;
  };
  const fill = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / tall) - 10), count = Math.ceil(box.clientHeight / tall) + 20;
    const now = place();
    const rows = shown.slice(first, first + count).map((index, nth) => {
      const note = world.notes[index], nth_ = first + nth, is = index === view.cursor;
      const lane = note.tag === SENT || note.tag === CAME ? "packet" : note.tag === CHANGED ? "peer" : note.tag === MARKED ? "mark" : "client";
      return `<li role="option" id="e${index}" data-note="${index}" aria-selected="${is}" aria-setsize="${shown.length}" aria-posinset="${nth_ + 1}" `
        + `class="${lane}${note.isAnomaly ? " bad" : ""}" style="top:${nth_ * tall}px"><span class="when">${clock(note.at)}<span class="unseen">: </span></span>`
        + `<span class="what">${escape(say(info, world, note))}</span></li>`;
    });
    // What is selected is always there, wherever the list is scrolled to.
    if (shown[now] === view.cursor && (now < first || first + count <= now)) {
      const note = world.notes[view.cursor];
      rows.push(`<li role="option" id="e${note.index}" data-note="${note.index}" aria-selected="true" aria-setsize="${shown.length}" aria-posinset="${now + 1}" `
        + `style="top:${now * tall}px"><span class="when">${clock(note.at)}: </span><span class="what">${escape(say(info, world, note))}</span></li>`);
    }
    $("rows").style.height = shown.length * tall + "px";
    $("rows").innerHTML = rows.join("");
    if (shown[now] === view.cursor) $("rows").setAttribute("aria-activedescendant", "e" + view.cursor);
    else $("rows").removeAttribute("aria-activedescendant");
  };
  const filter = () => {
    shown = world.notes.filter(note => view.lists(note)).map(note => note.index);
    const all = world.notes.length.toLocaleString("en");
    $("count").textContent = `${shown.length.toLocaleString("en")} of ${all} events`;
    fill();
  };
  const reveal = () => {
    const y = place() * tall;
    if (y < box.scrollTop + tall || box.scrollTop + box.clientHeight - 2 * tall < y) {
      box.scrollTop = y - box.clientHeight / 2;
    }
    fill();
  };
  // The next or the one before among those that are listed, and that `is` holds of.
  const step = (by, is) => {
    let at = place();
    if (by < 0) at--;
    else if (shown[at] === view.cursor) at++;
    while (0 <= at && at < shown.length && !is(world.notes[shown[at]])) at += by;
    return shown[at] === undefined ? null : shown[at];
  };
  box.addEventListener("scroll", fill, { passive: true });
  return { filter, fill, reveal, step, shown: () => shown };
}

// What the run was told to do: the line that was reached last is lit.
function scriptPane(info, world, view) {
  const marks = world.notes.filter(note => note.tag === MARKED);
  const lines = info.script.split("\n"), reached = new Map();
  marks.forEach(note => {
    const number = /^line (\d+):/.exec(info.marks[note.mark][2]);
    if (number) reached.set(+number[1], note.index);
  });
  // A plan's faults stand in order of time, below its head.
  if (reached.size === 0) marks.forEach((note, nth) => reached.set(nth + 2, note.index));
  $("script").innerHTML = lines.map((line, nth) => {
    const note = reached.get(nth + 1), number = `<span class="number">${nth + 1}</span>`;
    return note === undefined ? `<li>${number}<span>${escape(line) || " "}</span></li>`
      : `<li data-line="${note}">${number}<button class="link" data-note="${note}">${escape(line)}</button></li>`;
  }).join("");
  return () => {
    let lit = null;
    $("script").querySelectorAll("[data-line]").forEach(item => {
      item.classList.remove("now");
      if (+item.dataset.line <= view.cursor) lit = item;
    });
    if (lit) lit.classList.add("now");
  };
}
