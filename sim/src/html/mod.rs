//! A run as a picture: one page of its own, to be opened in any browser, which asks nobody for anything.
//!
//! ```text
//!   run ──> Film: what was seen, in order ──> bytes ──┐
//!   verdict, how to run it again, words ──> JSON ─────┴──> page.html + page.css + *.js = one file
//! ```
//! A lane for each peer, bands for what it was, arrows for what was said. For who wants to see what Raft does, and for
//! who wants to see where a run went wrong. A page is a function of the run: the same run gives the same bytes.

#[cfg(test)]
mod browser;
mod coder;
mod encode;
mod film;
mod note;
mod sentence;
#[cfg(test)]
mod tests;

pub use film::Film;
pub(crate) use note::Ask;
pub(crate) use sentence::Mark;

use encode::{Cut, Encoded, encode};
use film::{Lasting, Spell};
use note::FIELDS;
use rsm::time::Time;
use sentence::{list, quoted};

/// A page is at most so long, in bytes. What does not fit is left out, and the page says so.
pub const BYTES_MAX: usize = 400 << 10;

/// What a page says about its run.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// What is shown.
    pub title: String,
    /// The seed.
    pub seed: u64,
    /// The rule that was broken and how, or what does not hold; `None` if all is well.
    pub broken: Option<(String, String)>,
    /// The run was stopped before its end: what must hold there was not asked.
    pub is_stopped: bool,
    /// How to run it again.
    pub replay: String,
    /// What was put in on purpose: its name, and what it does.
    pub mutant: Option<(String, String)>,
    /// The hash of all steps, if it is a seed's.
    pub hash: Option<u128>,
    /// How many steps it took, likewise.
    pub steps: Option<u64>,
    /// What the run was told to do, line by line.
    pub script: String,
}

const SHELL: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPTS: [&str; 8] = [
    include_str!("decode.js"),
    include_str!("model.js"),
    include_str!("words.js"),
    include_str!("draw.js"),
    include_str!("panes.js"),
    include_str!("main.js"),
    include_str!("head.js"),
    include_str!("test.js"),
];

/// The page of a film.
#[must_use]
pub fn page(film: &Film, about: &About) -> String {
    page_within(film, about, BYTES_MAX)
}

fn page_within(film: &Film, about: &About, bytes_max: usize) -> String {
    let whole = Cut { from: Time::ZERO, is_thin: false };
    let (end, eighth) = (film.now.0, film.now.0 / 8);
    // First an eighth less and an eighth less, then half of what is left.
    let from = |nth: u32| if nth < 8 { u64::from(nth) * eighth } else { end - (end >> (nth - 4)) };
    let part = |nth: u32| Cut { from: Time(from(nth)), is_thin: true };
    let cuts = std::iter::once(whole).chain((0..20).map(part));
    let mut pages = cuts.map(|cut| shell().replacen(DATA, &data(film, about, cut, &encode(film, cut)), 1));
    pages.find(|page| page.len() <= bytes_max).expect("a millionth of a run fits")
}

/// Stands where the data go.
const DATA: &str = "/*data*/";

/// A page without its data.
#[must_use]
pub fn shell() -> String {
    SHELL.replacen("/*style*/", STYLE, 1).replacen("/*scripts*/", &SCRIPTS.join("\n"), 1)
}

fn data(film: &Film, about: &About, cut: Cut, encoded: &Encoded) -> String {
    let maybe = |text: Option<String>| text.unwrap_or_else(|| "null".to_owned());
    let pair = |pair: &(String, String)| list([quoted(&pair.0), quoted(&pair.1)]);
    let broken = |(rule, what): &(String, String)| {
        list([quoted(rule), quoted(what), meaning(rule).map_or_else(|| "null".to_owned(), quoted)])
    };
    let kinds = FIELDS
        .iter()
        .map(|(name, fields)| list(std::iter::once(quoted(name)).chain(fields.iter().map(|field| quoted(field)))));
    let marks = film.marks.iter().map(|mark| {
        let node = mark.node.map_or_else(|| "null".to_owned(), |node| node.to_string());
        list([quoted(mark.sign), node, quoted(&mark.words)])
    });
    let fields = [
        ("format", "1".to_owned()),
        ("title", quoted(&about.title)),
        ("seed", quoted(&about.seed.to_string())),
        ("replay", quoted(&about.replay)),
        ("broken", maybe(about.broken.as_ref().map(broken))),
        ("stopped", about.is_stopped.to_string()),
        ("mutant", maybe(about.mutant.as_ref().map(pair))),
        ("hash", maybe(about.hash.map(|hash| format!("\"{hash:032x}\"")))),
        ("steps", maybe(about.steps.map(|steps| steps.to_string()))),
        ("script", quoted(&about.script)),
        ("nodes", film.frames.len().to_string()),
        ("clients", film.clients.to_string()),
        ("from", (cut.from.0 / 1_000).to_string()),
        ("end", (film.now.0 / 1_000).to_string()),
        ("thin", cut.is_thin.to_string()),
        ("counts", list(encoded.counts.iter().map(usize::to_string))),
        ("kinds", list(kinds)),
        ("marks", list(marks)),
        ("spells", list(film.spells.iter().map(|spell| of_spell(spell, film.now)))),
        ("film", format!("\"{}\"", coder::base64(&encoded.bytes))),
    ];
    let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", fields.join(",\n"))
}

/// What a rule of this number says, in the words of its list.
fn meaning(rule: &str) -> Option<&'static str> {
    const RULES: &str = include_str!("../../../docs/invariants.md");
    let row = RULES.lines().find_map(|line| line.strip_prefix("| ")?.strip_prefix(rule)?.strip_prefix(" | "))?;
    row.split(" | ").next()
}

fn of_spell(spell: &Spell, end: Time) -> String {
    let (name, one, other) = match spell.what {
        Lasting::Cut(from, to) => ("cut", from, to),
        Lasting::Clogged(from, to) => ("clogged", from, to),
        Lasting::Paused(node) => ("paused", node, node),
        Lasting::Stuck(node) => ("stuck", node, node),
        Lasting::Full(node) => ("full", node, node),
    };
    let (from, until) = (spell.from.0 / 1_000, spell.until.min(end).0 / 1_000);
    list([quoted(name), one.to_string(), other.to_string(), from.to_string(), until.to_string()])
}
