// Each note as a sentence, and what else there is to be said of it.

const ASKS = ["to open a session", "to append", "to swap", "to read"];
// As `Failure` stands in the crate, after `ok`.
const CAMES = ["ok", "its queue is full", "the command is too large", "it is draining", "the request is invalid",
  "the session has expired", "nothing certain: it may have been applied", "nothing: the peer has ended"];

const peer = node => "peer " + node;
const time = us => (us / 1e6).toFixed(us % 1000 ? 6 : 3).replace(/(\.\d{3})(\d+)$/, "$1 $2") + " s";
const clock = us => (us / 1e6).toFixed(3) + " s";

function sayBody(names, body, from, to) {
  const f = body.fields, me = peer(from), you = peer(to);
  switch (names[body.kind]) {
    case "PreVote": return `${me} asks ${you} whether it would vote for it in term ${f[0]}`;
    case "PreVoteReply": return `${me} ${f[2] ? "would" : "would not"} vote for ${you} in term ${f[1]}`;
    case "Vote": return `${me} asks ${you} for its vote in term ${f[0]}: its log ends at ${f[1]}, term ${f[2]}`;
    case "VoteReply": return `${me} ${f[1] ? "grants" : "refuses"} its vote in term ${f[0]} to ${you}`;
    case "Append": return f[3]
      ? `${me} sends ${you} ${f[3] === 1 ? "entry " + (f[1] + 1) : "entries " + (f[1] + 1) + " to " + (f[1] + f[3])} in term ${f[0]}`
      : `${me} asks ${you} in term ${f[0]} whether its log holds entry ${f[1]} of term ${f[2]}`;
    case "AppendReply": return f[1]
      ? `${me} acknowledges to ${you} in term ${f[0]}: durable up to ${f[2]}`
      : `${me} tells ${you} in term ${f[0]} that the entry does not fit: try from ${f[2]}`;
    case "Heartbeat": return `${me} tells ${you} that it leads term ${f[0]}, commit ${f[1]} (round ${f[2]})`;
    case "HeartbeatReply": return `${me} answers ${you} in term ${f[0]} that it follows (round ${f[1]})`;
    case "Forward": return `${me} passes ${f[0] === 1 ? "a proposal" : f[0] + " proposals"} on to ${you}`;
    case "ReadAsk": return `${me} asks ${you} from where a read is safe`;
    case "ReadAnswer": return `${me} tells ${you}: a read is safe from ${f[1]} on`;
    case "TimeoutNow": return `${me} tells ${you} to stand for election in term ${f[0]}`;
    case "Hello": return `${me} says to ${you} that it is here, and may be new`;
    case "Attest": return `${me} tells ${you} which life of it it knows`;
    case "Chunk": return `${me} sends ${you} bytes ${f[3]} to ${f[3] + f[4]} of ${f[5]} of its snapshot up to ${f[1]}`;
    case "ChunkReply": return `${me} wants byte ${f[2]} of the snapshot from ${you}`;
    default: return `${me} says something to ${you}`;
  }
}

function sayPacket(names, note) {
  if (!note.bodies.length) return `${peer(note.from)} sends ${peer(note.to)} an empty packet`;
  return note.bodies.map(body => sayBody(names, body, note.from, note.to)).join("; ");
}

function sayChange(note) {
  const { before, frame } = note, said = [];
  if (before.role !== 0 && frame.role === 0) return "goes down";
  if (before.role === 0 && frame.role !== 0) {
    said.push(frame.life === 1 ? "starts as " + ROLES[frame.role] : "starts again as " + ROLES[frame.role]);
  } else if (before.role !== frame.role) {
    said.push(frame.role === 5 ? `becomes leader of term ${frame.term}`
      : before.role === 5 ? `leads no more and becomes ${ROLES[frame.role]}` : `becomes ${ROLES[frame.role]}`);
  }
  if (before.term !== frame.term && frame.role !== 5) said.push(`is in term ${frame.term}`);
  if (before.vote !== frame.vote && frame.vote) {
    said.push(frame.vote === note.node + 1 ? "votes for itself" : `votes for peer ${frame.vote - 1}`);
  }
  if (before.leader !== frame.leader && frame.leader && frame.role === 2) said.push(`follows peer ${frame.leader - 1}`);
  if (installs(note)) said.push(`installs a snapshot up to ${frame.base[0]}`);
  else if (cutsLog(note)) said.push(`cuts its log, which ended at ${before.last}, and now ends at ${frame.last}`);
  else if (before.last !== frame.last) said.push(`has a log up to ${frame.last}`);
  if (before.snapshot !== frame.snapshot) said.push(`has a snapshot up to ${frame.snapshot}`);
  if (!installs(note) && before.base[0] !== frame.base[0]) said.push(`keeps its log from ${frame.base[0] + 1} on`);
  if (before.durable !== frame.durable) said.push(`is durable up to ${frame.durable}`);
  if (before.commit !== frame.commit) said.push(`knows ${frame.commit} to be committed`);
  if (before.applied !== frame.applied) said.push(`has applied up to ${frame.applied}`);
  return said.join(", ") || "changes";
}

const sayAsk = note => note.list === null ? ASKS[note.what]
  : note.item === null ? `${ASKS[note.what]} list ${note.list}` : `${ASKS[note.what]} number ${note.item} to list ${note.list}`;

// Without its time.
function say(info, world, note) {
  switch (note.tag) {
    case SENT: {
      const fate = { [LOST]: "; it is lost", [CUT]: "; the link is cut", [DOUBLED]: "; it comes twice" }[note.fate] || "";
      return sayPacket(world.names, note) + fate;
    }
    case CAME: {
      const kinds = world.notes[note.packet].bodies.map(body => world.names[body.kind]).join(", ") || "nothing";
      if (note.end === MISSED) return `${kinds} from ${peer(note.from)} finds ${peer(note.to)} down`;
      if (note.end === DAMAGED) return `${kinds} from ${peer(note.from)} reaches ${peer(note.to)} damaged, and is refused`;
      if (note.end === CROWDED) return `${kinds} from ${peer(note.from)} to ${peer(note.to)} is lost: too much is on its way`;
      return `${peer(note.to)} receives ${kinds} from ${peer(note.from)}`;
    }
    case CHANGED: return `${peer(note.node)} ${sayChange(note)}`;
    case ASKED: return `client ${note.client} asks ${peer(note.node)} ${sayAsk(note)}`;
    case TOLD: return `client ${note.client} is told: ${CAMES[note.came] || "an error"}`;
    default: return info.marks[note.mark][2];
  }
}

// Rows of name and value: what a click shows.
function detail(info, world, note) {
  const rows = [["when", time(note.at)]];
  const packet = note.tag === CAME ? world.notes[note.packet] : note.tag === SENT ? note : null;
  if (packet) {
    rows.push(["from, to", `${peer(packet.from)} → ${peer(packet.to)}`], ["sent", time(packet.at)]);
    packet.arrivals.forEach(index => {
      const came = world.notes[index], end = ["", " (nobody there)", " (damaged)", " (lost in the crowd)"][came.end];
      rows.push(["arrives", `${time(came.at)}, after ${((came.at - packet.at) / 1000).toFixed(3)} ms${end}`]);
    });
    if (packet.fate === LOST) rows.push(["arrives", "never: lost by the network"]);
    if (packet.fate === CUT) rows.push(["arrives", "never: the link is cut"]);
    if (packet.copies && packet.arrivals.length === 0) rows.push(["arrives", "not before the run ends"]);
    packet.bodies.forEach(body => {
      rows.push(["message", world.names[body.kind], true]);
      body.fields.forEach((value, nth) => {
        const name = info.kinds[body.kind][nth + 1];
        rows.push([name, ["granted", "matched", "transfer"].includes(name) ? (value ? "yes" : "no") : String(value)]);
      });
    });
  } else if (note.tag === CHANGED) {
    rows.push(["peer", String(note.node)]);
    NUMBERS.filter(name => note.before[name] !== note.frame[name]).forEach(name => {
      const show = value => name === "role" ? ROLES[value] : name === "vote" || name === "leader"
        ? (value ? peer(value - 1) : "nobody") : String(value);
      rows.push([name, `${show(note.before[name])} → ${show(note.frame[name])}`]);
    });
  } else if (note.of) {
    const first = note.of.asks[0];
    rows.push(["client", String(note.client)], ["wants", sayAsk(first)]);
    note.of.asks.forEach(ask => rows.push(["asks", `${peer(ask.node)} at ${clock(ask.at)}`]));
    rows.push(["told", note.of.end ? `${CAMES[note.of.came] || "an error"}, at ${clock(note.of.end.at)}` : "nothing yet"]);
  }
  return rows;
}
