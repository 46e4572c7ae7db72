// What is in view, what is selected, and what keys and pointers do to both.

const $ = id => document.getElementById(id);
window.addEventListener("error", event => { document.title = "error: " + event.message; });
const info = JSON.parse($("data").textContent);
const world = model(info, decode(info));
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

// All that can be chosen.
const view = {
  from: info.from, to: info.end, cursor: 0, at: info.from, causal: false, everything: false, query: "", term: null,
  families: FAMILIES.map(() => true), peers: Array.from({ length: info.nodes }, () => true),
};
const termOf = note => note.tag === CHANGED ? [note.frame.term] : note.tag === SENT || note.tag === CAME
  ? (note.tag === SENT ? note : world.notes[note.packet]).bodies.map(body => {
    const place = info.kinds[body.kind].findIndex(name => name === "term" || name === "asked term");
    return place < 0 ? null : body.fields[place - 1];
  }) : null;
const fitsTerm = note => view.term === null || (termOf(note) || [view.term]).includes(view.term);
// Whether a packet's arrow is drawn.
view.shows = note => note.families.some(family => view.families[family]) && view.peers[note.from] && view.peers[note.to] && fitsTerm(note);
// Whether an event is listed.
view.lists = note => {
  if (!view.everything && !note.isStory && !view.query) return false;
  if (note.tag === SENT || note.tag === CAME ? !view.shows(note) : !fitsTerm(note)) return false;
  if (note.tag === CHANGED && !view.peers[note.node]) return false;
  return !view.query || say(info, world, note).toLowerCase().includes(view.query);
};
// What style sheets say, as a canvas wants it.
let colors = null;
view.colors = () => {
  if (colors) return colors;
  const probe = document.body.appendChild(document.createElement("i"));
  const read = name => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  colors = { families: FAMILIES.map((_, nth) => read("f" + nth)), roles: ROLES.map(read), bad: read("bad"), accent: read("accent") };
  probe.remove();
  return colors;
};

const picture = canvasOf(info, world, view), drawStrip = strip(info, world, view);
const showState = statePane(info, world, view), showDetail = detailPane(info, world, view), showScript = scriptPane(info, world, view);
const list = eventList(info, world, view);

let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; picture.draw(); drawStrip(picture); });
}
function look(from, to) {
  const least = view.causal ? 4 : 20, whole = picture.end() - (view.causal ? 0 : info.from), begin = view.causal ? 0 : info.from;
  const span = Math.min(whole, Math.max(least, to - from));
  view.from = Math.max(begin, Math.min(from + (to - from - span) / 2, begin + whole - span));
  view.to = view.from + span;
  redraw();
}
// Keeps what lies under `x` where it is.
function zoom(by, x) {
  const at = picture.fromX(x === undefined ? (picture.size.gutter + picture.size.width) / 2 : x);
  look(at - (at - view.from) * by, at + (view.to - at) * by);
}
function zoomHere(by) {
  const note = world.notes[view.cursor], x = note ? picture.xOf(note) : undefined;
  zoom(by, picture.size.gutter <= x && x <= picture.size.width ? x : undefined);
}
function fit() { look(view.causal ? 0 : info.from, picture.end()); }
function move(by) { look(view.from + by * (view.to - view.from), view.to + by * (view.to - view.from)); }

function select(index, at) {
  if (index === null || index === undefined || !world.notes[index]) return;
  view.cursor = index;
  view.at = at === undefined ? world.notes[index].at : at;
  const where = picture.where(world.notes[index]), span = view.to - view.from;
  if (where < view.from || view.to < where) look(where - span / 2, where + span / 2);
  picture.above();
  showState();
  showDetail();
  showScript();
  list.reveal();
}
const anything = () => true, wrong = note => note.isAnomaly;
function next(by, is) {
  const found = list.step(by, is || anything);
  if (found !== null) select(found);
}

let playing = null;
function play() {
  const stop = () => {
    cancelAnimationFrame(playing);
    clearTimeout(playing);
    playing = null;
    $("play").setAttribute("aria-pressed", "false");
    list.reveal();
  };
  if (playing !== null) return stop();
  $("play").setAttribute("aria-pressed", "true");
  // Who wants no motion is led from event to event; so is who looks at causes, which have no pace.
  if (still.matches || view.causal) {
    const step = () => {
      const found = list.step(1, anything);
      if (found === null) return stop();
      select(found);
      playing = setTimeout(step, 900);
    };
    return step();
  }
  if (info.end <= view.at) select(0);
  let last = null;
  const frame = now => {
    // What is in view takes twelve seconds.
    view.at += last === null ? 0 : (view.to - view.from) * (now - last) / 12000;
    last = now;
    if (info.end <= view.at) return stop();
    if (view.to < view.at) look(view.at - (view.to - view.from) * 0.1, view.at + (view.to - view.from) * 0.9);
    view.cursor = world.lastBefore(view.at);
    picture.above();
    showState();
    showDetail();
    showScript();
    playing = requestAnimationFrame(frame);
  };
  playing = requestAnimationFrame(frame);
}
function causal(is) {
  view.causal = is;
  $("by-time").setAttribute("aria-pressed", String(!is));
  $("by-cause").setAttribute("aria-pressed", String(is));
  const note = world.notes[view.cursor];
  if (is) look(note.depth - 20, note.depth + 40); else fit();
  select(view.cursor);
}
function listAll(is) {
  view.everything = is;
  $("only-story").setAttribute("aria-pressed", String(!is));
  $("all-events").setAttribute("aria-pressed", String(is));
  list.filter();
  list.reveal();
}
function filtered() { list.filter(); redraw(); showState(); }

const KEYS = {
  j: () => next(1), k: () => next(-1), n: () => next(1, wrong), N: () => next(-1, wrong), " ": play, "?": () => $("keys").showModal(),
  "/": () => $("search").focus(), "+": () => zoomHere(0.6), "=": () => zoomHere(0.6), "-": () => zoomHere(1 / 0.6), 0: fit,
  c: () => causal(!view.causal), e: () => listAll(!view.everything), ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2),
  Home: () => select(0), End: () => select(world.notes.length - 1),
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const inField = event.target.tagName === "INPUT", isButton = ["BUTTON", "SUMMARY"].includes(event.target.tagName);
  if (event.target === $("search") && event.key === "Enter") { next(1); event.preventDefault(); return; }
  if (inField && event.key === "Escape") { event.target.value = ""; event.target.dispatchEvent(new Event("input")); $("rows").focus(); return; }
  if (inField || isButton && event.key === " ") return;
  const inList = event.target === $("rows") ? { ArrowDown: KEYS.j, ArrowUp: KEYS.k } : {};
  const act = inList[event.key] || KEYS[event.key];
  if (!act) return;
  act();
  event.preventDefault();
});

// What carries the number of a note leads to it, wherever it stands.
document.addEventListener("click", event => {
  const found = event.target.closest("[data-note]");
  if (found) select(+found.dataset.note);
});
const buttons = { play, before: () => next(-1), after: () => next(1), wrong: () => next(1, wrong), out: () => zoomHere(1 / 0.6), in: () => zoomHere(0.6), fit,
  "by-time": () => causal(false), "by-cause": () => causal(true), "only-story": () => listAll(false), "all-events": () => listAll(true),
  help: KEYS["?"], close: () => $("keys").close() };
Object.entries(buttons).forEach(([id, act]) => $(id).addEventListener("click", act));
$("search").addEventListener("input", event => { view.query = event.target.value.trim().toLowerCase(); list.filter(); });
$("term").addEventListener("input", event => {
  view.term = /^\d+$/.test(event.target.value.trim()) ? +event.target.value : null;
  filtered();
});
$("copy").addEventListener("click", () => navigator.clipboard && navigator.clipboard.writeText(info.replay).then(() => { $("copy").textContent = "copied"; }));
const THEMES = ["light dark", "light", "dark"], THEME_NAMES = ["as the system has them", "light", "dark"];
$("theme").addEventListener("click", () => {
  const at = (THEMES.indexOf(document.documentElement.style.colorScheme || THEMES[0]) + 1) % 3;
  document.documentElement.style.colorScheme = THEMES[at];
  $("theme").setAttribute("aria-label", "colours: " + THEME_NAMES[at]);
  repaint();
});
function repaint() { colors = null; redraw(); }
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

const stage = $("stage");
stage.addEventListener("wheel", event => {
  event.preventDefault();
  const x = event.clientX - stage.getBoundingClientRect().left;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) move((event.deltaX || event.deltaY) / 1500);
  else zoom(Math.pow(1.0015, event.deltaY), x);
}, { passive: false });
let drag = null;
stage.addEventListener("pointerdown", event => { drag = { x: event.clientX, from: view.from, to: view.to, moved: false }; });
window.addEventListener("pointermove", event => {
  if (drag) {
    const by = (drag.x - event.clientX) / (picture.size.width - picture.size.gutter) * (drag.to - drag.from);
    drag.moved = drag.moved || Math.abs(drag.x - event.clientX) > 4;
    if (drag.moved) look(drag.from + by, drag.to + by);
  } else if (event.target.closest && event.target.closest("#stage")) hint(event);
  else $("hint").hidden = true;
});
window.addEventListener("pointerup", event => {
  const was = drag;
  drag = null;
  if (!was || was.moved || !event.target.closest("#stage") || event.target.closest("[data-note]")) return;
  const box = stage.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  const note = picture.noteAt(x, y);
  if (note) select(note.index);
  else if (!view.causal) select(world.lastBefore(picture.fromX(x)), Math.max(info.from, Math.min(info.end, picture.fromX(x))));
});
function hint(event) {
  const box = stage.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top, on = event.target.closest("[data-note]");
  const note = on ? world.notes[+on.dataset.note] : view.drawn < 3000 ? picture.noteAt(x, y) : null;
  $("hint").hidden = !note;
  if (!note) return;
  $("hint").textContent = clock(note.at) + ": " + say(info, world, note);
  $("hint").style.left = Math.min(x + 14, box.width - 300) + "px";
  $("hint").style.top = y + 16 + "px";
}
let brush = false;
const brushTo = event => {
  const box = $("strip").getBoundingClientRect(), begin = view.causal ? 0 : info.from;
  const at = begin + (event.clientX - box.left) / box.width * (picture.end() - begin), span = view.to - view.from;
  look(at - span / 2, at + span / 2);
};
$("strip").addEventListener("pointerdown", event => { brush = true; brushTo(event); });
window.addEventListener("pointermove", event => { if (brush) brushTo(event); });
window.addEventListener("pointerup", () => { brush = false; });
new ResizeObserver(() => { picture.layout(); redraw(); }).observe(stage);
