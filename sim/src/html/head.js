// The words around the diagram: the verdict, the facts, the legend, what may be hidden.

// What must hold at the end of a run is asked there: of one that was stopped before, nobody knows.
function verdict({ broken, stopped }) {
  if (!broken) return stopped ? "Every rule held so far: the run was stopped here, before its end." : "Every rule held.";
  const [rule, what, means] = broken;
  return means ? `Rule ${rule} is broken: ${means}. Here: ${what}.` : `${rule} does not hold: ${what}.`;
}

function heading() {
  document.body.classList.toggle("broken", Boolean(info.broken));
  $("seal").textContent = info.broken ? "✕" : info.stopped ? "…" : "✓";
  $("title").textContent = info.title;
  $("words").textContent = verdict(info);
  document.title = `${info.title} ${$("seal").textContent}`;
  const lost = world.packets.filter(note => note.fate === LOST || note.fate === CUT).length;
  const many = (count, word) => `<b>${count.toLocaleString("en")}</b> ${word}${count === 1 ? "" : "s"}`;
  const facts = [many(info.nodes, "peer"), `<b>${((info.end - info.from) / 1e6).toFixed(2)} s</b> of simulated time`,
    `${many(world.packets.length, "packet")}, <b>${lost.toLocaleString("en")}</b> lost`, many(world.operations.length, "request"), `seed <b>${escape(info.seed)}</b>`];
  if (info.mutant) facts.push(`with a fault put in on purpose: <b>${escape(info.mutant[0])}</b>. ${escape(info.mutant[1])}`);
  $("facts").innerHTML = facts.join(" · ");
  $("replay").textContent = info.replay;
  const missing = [];
  if (info.from) missing.push(`the first ${clock(info.from)}`);
  if (info.thin) missing.push("heartbeats and their answers that arrived once and whole");
  $("missing").hidden = missing.length === 0;
  $("missing").textContent = `Left out, since a page holds 400 KiB: ${missing.join(", and ")}.`;
}

function legend() {
  const means = ["", "may not vote yet: is it new, or was its disk lost?", "follows a leader", "asks whether it could win", "asks for votes", "decides the order of entries"];
  $("legend-roles").innerHTML = [5, 4, 3, 2, 1].map(role => {
    const name = ROLES[role];
    return `<li><svg width="30" height="20" aria-hidden="true"><rect class="${name}" width="30" height="20"/><rect fill="url(#p-${name})" width="30" height="20"/>`
      + (role === 5 ? "" : `<rect class="${name} plate" x="8" y="3" width="14" height="14"/>`)
      + `<text class="role ${name}" x="15" y="14" text-anchor="middle">${LETTERS[role]}</text></svg><span><b>${name}</b> <span class="small">${means[role]}</span></span></li>`;
  }).join("");
  const sample = (family, wide) => `<svg width="${wide}" height="10" aria-hidden="true"><line x1="0" x2="${wide - 6}" y1="5" y2="5" style="stroke:var(--f${family})" stroke-width="1.8" `
    + `stroke-dasharray="${FAMILIES[family].dash.join(" ")}"/><path d="M${wide} 5 l-8 -3.5 v7z" style="fill:var(--f${family})"/></svg>`;
  $("legend-arrows").innerHTML = FAMILIES.map((family, nth) => `<li>${sample(nth, 38)}<span><b>${family.name}</b> <span class="small">${family.does}</span></span></li>`).join("");
  const counts = FAMILIES.map((_, nth) => world.packets.filter(note => note.families.includes(nth)).length);
  $("kinds").innerHTML = FAMILIES.map((family, nth) => counts[nth] ? `<button aria-pressed="true" data-family="${nth}">${sample(nth, 24)}${family.name}</button>` : "").join("");
  $("peers").innerHTML = view.peers.map((_, node) => `<button aria-pressed="true" data-peer="${node}" aria-label="peer ${node}">${node}</button>`).join("");
  const toggle = (button, all, nth) => {
    all[nth] = !all[nth];
    button.setAttribute("aria-pressed", String(all[nth]));
    filtered();
  };
  $("kinds").addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) toggle(button, view.families, +button.dataset.family);
  });
  $("peers").addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) toggle(button, view.peers, +button.dataset.peer);
  });
  $("peers").insertAdjacentText("afterbegin", "peers ");
}

heading();
legend();
$("arrows").setAttribute("aria-label", `diagram of ${info.nodes} peers; all that it shows stands in the list of events`);
picture.layout();
// It begins where a rule breaks, or with the first leader. A long run is not shown whole at first.
const leads = world.notes.find(note => note.tag === CHANGED && note.frame.role === 5);
const told = world.notes.filter(note => note.tag === CHANGED && note.isStory);
const begin = info.broken && told.length ? told[told.length - 1].index : leads ? leads.index : 0;
if (world.packets.length > 1500) {
  const at = world.notes[begin].at, span = (info.end - info.from) * 300 / world.packets.length;
  look(info.broken ? at - span * 0.9 : at - span * 0.2, info.broken ? at + span * 0.1 : at + span * 0.8);
}
list.filter();
select(begin);
picture.draw();
drawStrip(picture);
