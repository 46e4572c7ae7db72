// The page tests itself when it is opened with #test: what came of it stands in its title.

function selfTest() {
  const wrongs = [], must = (holds, words) => { if (!holds) wrongs.push(words); };
  const tags = new Array(7).fill(0);
  world.notes.forEach(note => tags[note.tag]++);
  must(tags.every((count, tag) => count === info.counts[tag]), `read ${tags}, written ${info.counts}`);
  world.operations.forEach(one => must(!one.end || one.asks[0].depth < one.end.depth, `client ${one.client} is told before it asks`));
  world.notes.forEach(note => {
    const words = say(info, world, note) + JSON.stringify(detail(info, world, note));
    must(!/undefined|NaN|null|says something/.test(words), `note ${note.index}: ${words}`);
    must(note.tag !== SENT || note.arrivals.length <= note.copies, `packet ${note.index} arrives more often than it was sent`);
    const cause = note.tag === CAME ? world.notes[note.packet] : null;
    must(!cause || cause.at <= note.at && cause.depth < note.depth, `note ${note.index} comes before its cause`);
  });
  const whole = { broken: null, stopped: false }, part = { broken: null, stopped: true };
  must(verdict(whole) === "Every rule held." && /so far/.test(verdict(part)), "a run that was stopped is judged as if it had ended");
  must(/^Rule R7 is broken: it holds. Here: it does not.$/.test(verdict({ ...part, broken: ["R7", "it does not", "it holds"] })), "a broken rule is not told");
  must($("words").textContent === verdict(info), "another verdict stands on the page");
  walk(must);
  for (const scheme of ["light", "dark"]) {
    document.documentElement.style.colorScheme = scheme;
    contrast((holds, words) => must(holds, `${scheme}: ${words}`));
    colors = null;
    fit();
    picture.draw();
    must(view.drawn > 0 || world.packets.length === 0, `${scheme}: no arrow is drawn`);
    const { width, height } = $("arrows"), copy = Object.assign(document.createElement("canvas"), { width, height });
    const paper = copy.getContext("2d", { willReadFrequently: true });
    paper.drawImage($("arrows"), 0, 0);
    const pixels = paper.getImageData(0, 0, width, height).data;
    must(pixels.some(value => value !== 0) || world.packets.length === 0, `${scheme}: the canvas is empty`);
  }
  document.documentElement.style.colorScheme = "";
  must($("under").querySelectorAll(".band, .down").length >= info.nodes, "some lane has no band");
  must($("legend-roles").children.length === 5 && $("kinds").children.length > 0, "there is no legend");
  document.title = wrongs.length ? "failed: " + wrongs.slice(0, 5).join(" | ") : `ok ${world.notes.length} events ${world.packets.length} packets`;
}

// Every key does what the help says, and whoever hears the list is told where it leads.
function walk(must) {
  const press = (key, on) => (on || document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const heard = () => {
    const item = document.getElementById($("rows").getAttribute("aria-activedescendant"));
    return item && item.getAttribute("aria-selected") === "true" && item.textContent.includes(say(info, world, world.notes[view.cursor]));
  };
  press("Home");
  must(view.cursor === 0, "Home does not lead to the first event");
  if (!view.everything) press("e");
  must(list.shown().length === world.notes.length, "not everything is listed");
  for (let nth = 1; nth <= 30 && nth < world.notes.length; nth++) {
    press("j");
    must(view.cursor === nth && heard(), `j leads to ${view.cursor}, not to ${nth}`);
  }
  press("k");
  must(view.cursor === Math.min(30, world.notes.length - 1) - 1 && heard(), "k does not lead back");
  press("Home");
  const first = world.notes.find(note => note.isAnomaly && 0 < note.index);
  press("n");
  must(!first || view.cursor === first.index, "n does not lead to what went wrong first");
  press("End");
  must(view.cursor === world.notes.length - 1, "End does not lead to the last event");
  press("N");
  must(!first || world.notes[view.cursor].isAnomaly || view.cursor === world.notes.length - 1, "N does not lead back to what went wrong");
  press("0");
  const span = view.to - view.from, near = () => view.to - view.from;
  press("+");
  press("+");
  const closer = near();
  must(closer < span, "+ does not come closer");
  press("-");
  must(closer < near() && near() < span, "- does not go further away");
  // From one end to the other and back: wherever the cursor was, one of them moves.
  for (let nth = 0; nth < 9; nth++) press("ArrowLeft");
  const left = view.from;
  press("ArrowRight");
  must(left < view.from, "the right arrow does not lead to the right");
  press("ArrowLeft");
  must(Math.abs(view.from - left) < 1e-6 * span, "the left arrow does not lead back");
  press("0");
  must(near() === span, "0 does not show the whole run");
  press("c");
  must(view.causal && picture.end() === world.deepest + 1, "c does not show causes");
  must($("by-cause").getAttribute("aria-pressed") === "true" && $("by-time").getAttribute("aria-pressed") === "false", "nobody is told that causes are shown");
  press("c");
  must(!view.causal && $("by-time").getAttribute("aria-pressed") === "true", "c does not lead back to time");
  press(" ");
  must(playing !== null, "space does not play");
  press(" ");
  must(playing === null, "space does not stop");
  press("?");
  must($("keys").open && $("keys").matches(":modal"), "? does not help, or by what Esc does not close");
  $("close").click();
  must(!$("keys").open, "the help does not close");
  press("/");
  must(document.activeElement === $("search"), "/ does not search");
  $("search").value = "leader of term";
  $("search").dispatchEvent(new Event("input"));
  const found = list.shown().every(index => say(info, world, world.notes[index]).includes("leader of term"));
  must(found && list.shown().length < world.notes.length, "the search finds what does not fit");
  press("Home");
  press("Enter", $("search"));
  must(!list.shown().length || list.shown().includes(view.cursor), "Enter does not lead to what was found");
  press("Escape", $("search"));
  must(view.query === "" && list.shown().length === world.notes.length, "Esc does not end the search");
  const button = $("kinds").querySelector("button");
  button.click();
  must(list.shown().length < world.notes.length, "a kind that is switched off is still listed");
  button.click();
  const all = list.shown().length, peer = $("peers").querySelector("button"), touches = note => note.tag === CHANGED ? note.node === 0 : note.from === 0 || note.to === 0;
  peer.click();
  must(!view.peers[0] && peer.getAttribute("aria-pressed") === "false", "a peer is not switched off");
  must(list.shown().every(index => ![SENT, CHANGED].includes(world.notes[index].tag) || !touches(world.notes[index])), "a peer that is switched off is still listed");
  peer.click();
  must(view.peers[0] && list.shown().length === all, "a peer is not switched on again");
  $("term").value = "1";
  $("term").dispatchEvent(new Event("input"));
  must(list.shown().every(index => !termOf(world.notes[index]) || termOf(world.notes[index]).includes(1)), "another term than the one asked for is listed");
  press("Escape", $("term"));
  must(view.term === null && list.shown().length === all, "Esc does not show all terms again");
  press("e");
  must(!view.everything && $("only-story").getAttribute("aria-pressed") === "true", "e does not lead back to the story");
}

// What is read stands out from what it stands on.
function contrast(must) {
  const probe = document.body.appendChild(document.createElement("i"));
  const light = name => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(part => part / 255);
    const [r, g, b] = parts.map(part => part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pairs = [["fg", "bg"], ["fg", "panel"], ["muted", "bg"], ["muted", "panel"], ["accent", "panel"], ["on-accent", "accent"], ["bad", "panel"],
    ["bad", "bad-bg"], ["good", "good-bg"], ["good", "bg"], ["bad", "bg"], ["bg", "fg"], ["fg", "bad-bg"]];
  ROLES.slice(1).forEach(role => pairs.push(["on-" + role, role]));
  FAMILIES.forEach((_, nth) => pairs.push(["f" + nth, "panel"]));
  for (let hue = 0; hue < HUES; hue++) pairs.push(["fg", "h" + hue]);
  pairs.forEach(([one, other]) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b), ratio = (high + 0.05) / (low + 0.05);
    must(ratio >= 4.5, `${one} on ${other}: ${ratio.toFixed(2)}`);
  });
  probe.remove();
}

if (location.hash === "#test") selfTest();
