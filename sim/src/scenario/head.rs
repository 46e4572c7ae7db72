//! The first line of a script: how large the cluster is, and what it does otherwise than a quiet one.

use super::parse::{T, Words};
use super::{Exact, Head};
use crate::client::{KINDS, Kind};
use crate::lists::FATAL;
use crate::net::Weather;
use crate::plan::{Families, INBOX, LISTS, MS, SNAPSHOT_BYTES, Swarm, TICKETS, TIMEOUT, WINDOW_BYTES};
use crate::stream::Ratio;
use std::fmt;
use std::time::Duration;

/// So many clients may act of their own.
const CLIENTS_MAX: u64 = 1_000;

/// A quiet cluster of so many: what goes wrong is the script's.
fn quiet(nodes: usize) -> Swarm {
    let (delay_min, delay_mean) = (MS / 2, MS / 2);
    Swarm {
        nodes,
        election: Duration::from_nanos(T),
        heartbeat: Duration::from_nanos(T / 5),
        timeout: TIMEOUT,
        snapshot_entries: 1_000,
        snapshot_bytes: SNAPSHOT_BYTES,
        segment_bytes: 128 << 10,
        sessions_max: 64,
        clients: 0,
        lists: LISTS,
        kinds: KINDS.to_vec(),
        rest: MS,
        tickets: TICKETS,
        inbox: INBOX,
        weather: Weather { spread: 1, ..Weather::fair(delay_min, delay_mean) },
        disk_mean: MS / 10,
        powersafe: true,
        sector: 512,
        ties: false,
        drift_ppm: 0,
        pre_vote: true,
        check_quorum: true,
        window: 256,
        window_bytes: WINDOW_BYTES,
        entry_bytes: usize::MAX,
        append_bytes: 256 << 10,
        cache_bytes: 16 << 20,
        piece_bytes: 256 << 10,
        pad: 0,
        is_budgeted: true,
        families: Families::default(),
        pace: 1,
        liars: 0,
        tomorrow: false,
        is_control: false,
    }
}

/// The options of a cluster, by name.
pub(crate) const OPTIONS: [&str; 43] = [
    "loss",
    "patchy",
    "double",
    "replay",
    "flip",
    "truncate",
    "late",
    "fifo",
    "crowd",
    "bandwidth",
    "spread",
    "ties",
    "drift",
    "election",
    "heartbeat",
    "snapshots",
    "segment",
    "sessions",
    "tickets",
    "inbox",
    "delay",
    "jitter",
    "disk",
    "powersafe",
    "pre-vote",
    "check-quorum",
    "window",
    "append",
    "cache",
    "piece",
    "pad",
    "timeout",
    "snapshot-bytes",
    "window-bytes",
    "entry",
    "sector",
    "budget",
    "liars",
    "tomorrow",
    "clients",
    "lists",
    "kinds",
    "rest",
];

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The value of an option, in words.
fn value(swarm: &Swarm, option: &str) -> String {
    let time = |time: Duration| Exact(nanoseconds(time)).to_string();
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    let weather = &swarm.weather;
    match option {
        "loss" => weather.loss.of_1000().to_string(),
        "patchy" => switch(weather.is_patchy),
        "double" => weather.double.of_1000().to_string(),
        "flip" => weather.flip.of_1000().to_string(),
        "late" => weather.late.of_1000().to_string(),
        "replay" => weather.replay.of_1000().to_string(),
        "truncate" => weather.truncate.of_1000().to_string(),
        "fifo" => switch(weather.is_fifo),
        "crowd" => weather.crowd_max.unwrap_or_default().to_string(),
        "bandwidth" => weather.bandwidth.unwrap_or_default().to_string(),
        "spread" => weather.spread.max(1).to_string(),
        "tickets" => swarm.tickets.to_string(),
        "inbox" => swarm.inbox.to_string(),
        "powersafe" => switch(swarm.powersafe),
        "ties" => switch(swarm.ties),
        "drift" => swarm.drift_ppm.to_string(),
        "election" => time(swarm.election),
        "heartbeat" => time(swarm.heartbeat),
        "snapshots" => swarm.snapshot_entries.to_string(),
        "segment" => swarm.segment_bytes.to_string(),
        "sessions" => swarm.sessions_max.to_string(),
        "delay" => Exact(weather.delay_min).to_string(),
        "jitter" => Exact(weather.delay_mean).to_string(),
        "disk" => Exact(swarm.disk_mean).to_string(),
        "pre-vote" => switch(swarm.pre_vote),
        "check-quorum" => switch(swarm.check_quorum),
        "window" => swarm.window.to_string(),
        "append" => swarm.append_bytes.to_string(),
        "cache" => swarm.cache_bytes.to_string(),
        "pad" => swarm.pad.to_string(),
        "timeout" => time(swarm.timeout),
        "snapshot-bytes" => swarm.snapshot_bytes.to_string(),
        "window-bytes" => swarm.window_bytes.to_string(),
        "entry" => swarm.entry_bytes.to_string(),
        "sector" => swarm.sector.to_string(),
        "budget" => switch(swarm.is_budgeted),
        "liars" => swarm.liars.to_string(),
        "tomorrow" => switch(swarm.tomorrow),
        "clients" => swarm.clients.to_string(),
        "lists" => swarm.lists.to_string(),
        "kinds" => swarm.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(","),
        "rest" => Exact(swarm.rest).to_string(),
        _ => swarm.piece_bytes.to_string(),
    }
}

/// Sets an option to the value that comes next.
fn set(swarm: &mut Swarm, option: &str, words: &mut Words<'_>) -> Result<(), String> {
    let weather = &mut swarm.weather;
    match option {
        "loss" => weather.loss = ratio(words)?,
        "patchy" => weather.is_patchy = switch(words)?,
        "double" => weather.double = ratio(words)?,
        "flip" => weather.flip = ratio(words)?,
        "late" => weather.late = ratio(words)?,
        "replay" => weather.replay = ratio(words)?,
        "truncate" => weather.truncate = ratio(words)?,
        "fifo" => weather.is_fifo = switch(words)?,
        // None is no limit.
        "crowd" => weather.crowd_max = Some(words.number()? as usize).filter(|most| 0 < *most),
        "bandwidth" => weather.bandwidth = Some(words.number()?).filter(|most| 0 < *most),
        "spread" => weather.spread = words.number()?,
        "tickets" => swarm.tickets = words.number()? as usize,
        "inbox" => swarm.inbox = words.number()? as usize,
        "powersafe" => swarm.powersafe = switch(words)?,
        "ties" => swarm.ties = switch(words)?,
        "drift" => swarm.drift_ppm = words.number()? as i64,
        "election" => swarm.election = Duration::from_nanos(words.time()?),
        "heartbeat" => swarm.heartbeat = Duration::from_nanos(words.time()?),
        "snapshots" => swarm.snapshot_entries = words.number()?,
        "segment" => swarm.segment_bytes = words.number()?,
        "sessions" => swarm.sessions_max = words.number()? as usize,
        "delay" => weather.delay_min = words.time()?,
        "jitter" => weather.delay_mean = words.time()?,
        "disk" => swarm.disk_mean = words.time()?,
        "pre-vote" => swarm.pre_vote = switch(words)?,
        "check-quorum" => swarm.check_quorum = switch(words)?,
        "window" => swarm.window = words.number()? as usize,
        "append" => swarm.append_bytes = words.number()? as usize,
        "cache" => swarm.cache_bytes = words.number()? as usize,
        "piece" => swarm.piece_bytes = words.number()?,
        "pad" => swarm.pad = u16::try_from(words.number()?).map_err(|why| why.to_string())?,
        "timeout" => swarm.timeout = Duration::from_nanos(words.time()?),
        "snapshot-bytes" => swarm.snapshot_bytes = words.number()?,
        "window-bytes" => swarm.window_bytes = words.number()? as usize,
        "entry" => swarm.entry_bytes = words.number()? as usize,
        "budget" => swarm.is_budgeted = switch(words)?,
        "liars" => swarm.liars = words.number()? as usize,
        "tomorrow" => swarm.tomorrow = switch(words)?,
        "sector" => swarm.sector = words.number()?.max(1),
        "clients" => swarm.clients = clients(words)?,
        "lists" => swarm.lists = lists(words)?,
        "kinds" => swarm.kinds = kinds(words)?,
        "rest" => swarm.rest = rest(words)?,
        word => return Err(format!("`{word}` is no option of a cluster")),
    }
    Ok(())
}

fn switch(words: &mut Words<'_>) -> Result<bool, String> {
    match words.next()? {
        "on" => Ok(true),
        "off" => Ok(false),
        word => Err(format!("on or off expected, not `{word}`")),
    }
}

/// Those who act of their own.
fn clients(words: &mut Words<'_>) -> Result<usize, String> {
    match words.number()? {
        clients @ 0..=CLIENTS_MAX => Ok(clients as usize),
        clients => Err(format!("at most {CLIENTS_MAX} clients, not {clients}")),
    }
}

/// The last name is that of the one that no state machine survives.
fn lists(words: &mut Words<'_>) -> Result<usize, String> {
    match words.number()? {
        lists if (1..=u64::from(FATAL)).contains(&lists) => Ok(lists as usize),
        lists => Err(format!("one list to {FATAL}, not {lists}")),
    }
}

/// Who rests less asks for ever in no time, where nobody hears.
fn rest(words: &mut Words<'_>) -> Result<u64, String> {
    Some(words.time()?).filter(|rest| MS <= *rest).ok_or_else(|| "a client rests for 1ms at least".to_owned())
}

/// More kinds with a comma between; as often as one stands there, so much the likelier is it drawn.
fn kinds(words: &mut Words<'_>) -> Result<Vec<Kind>, String> {
    let of = |name: &str| {
        let kind = KINDS.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| format!("`{name}` is no kind of client"))
    };
    let kinds = words.next()?.split(',').map(of).collect::<Result<Vec<_>, _>>()?;
    if kinds.iter().any(|kind| kind.is_busy()) {
        Ok(kinds)
    } else {
        Err("the first client goes on changing something: name writer, retrier, plain, swapper or repeater, too"
            .to_owned())
    }
}

fn some(words: &mut Words<'_>) -> Result<u64, String> {
    match words.number()? {
        0 => Err("at least one seed".to_owned()),
        seeds => Ok(seeds),
    }
}

/// Of a thousand packets.
fn ratio(words: &mut Words<'_>) -> Result<Ratio, String> {
    match words.number()? {
        of @ 0..=1_000 => Ok(Ratio::new(of as u32, 1_000)),
        of => Err(format!("at most 1000 of a thousand, not {of}")),
    }
}

impl Head {
    pub(super) fn parse(line: &str) -> Result<Head, String> {
        let mut words = Words::new(line);
        words.must("cluster")?;
        let nodes = words.number()? as usize;
        if !(1..=7).contains(&nodes) {
            return Err("a cluster has one to seven nodes".to_owned());
        }
        let mut head = Head { seed: 0, seeds: 1, swarm: quiet(nodes) };
        while words.peek().is_some() {
            match words.next()? {
                "seed" => head.seed = words.number()?,
                "seeds" => head.seeds = some(&mut words)?,
                option => set(&mut head.swarm, option, &mut words)?,
            }
        }
        Ok(head)
    }

    /// The same, without what is drawn from the seed before the run: its clients act by lines alone.
    pub(super) fn of(seed: u64, swarm: &Swarm) -> Head {
        let Swarm { clients, lists, kinds, rest, families, pace, is_control, .. } = quiet(swarm.nodes);
        let mut swarm = Swarm { clients, lists, kinds, rest, families, pace, is_control, ..swarm.clone() };
        swarm.weather.spread = swarm.weather.spread.max(1);
        Head { seed, seeds: 1, swarm }
    }

    /// This option is as in a quiet cluster.
    pub(crate) fn quieten(&mut self, option: &str) {
        let usual = value(&quiet(self.swarm.nodes), option);
        set(&mut self.swarm, option, &mut Words::new(&usual)).expect("it is the value of an option");
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (swarm, usual) = (&self.swarm, quiet(self.swarm.nodes));
        write!(f, "cluster {} seed {}", swarm.nodes, self.seed)?;
        let is_of_all = |option: &&str| !["lists", "kinds", "rest"].contains(option);
        let options = OPTIONS.into_iter().filter(|option| 0 < swarm.clients || is_of_all(option));
        let said = options.map(|option| (option, value(swarm, option)));
        let mut said = said.filter(|(option, said)| *said != value(&usual, option));
        said.try_for_each(|(option, said)| write!(f, " {option} {said}"))
    }
}
