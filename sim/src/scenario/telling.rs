//! What a member is told in another's name, as words and back: see [`tell`](crate::tell).

use super::Who;
use super::parse::Words;
use crate::aim::KINDS;
use crate::tell::{FACTS, Fact, Number, Tell, said_of};
use std::fmt;

/// Reads what stands behind `tell`, or `lie to`.
pub(super) fn tell(words: &mut Words<'_>, is_lie: bool) -> Result<Tell<Who>, String> {
    let to = words.who()?;
    words.must("from")?;
    let (from, name) = (words.who()?, words.next()?);
    let kind = KINDS.into_iter().find(|&kind| kind == name).ok_or_else(|| format!("`{name}` is no kind of message"))?;
    let mut says: Vec<(&str, Number<Who>)> = Vec::new();
    while words.peek().is_some() {
        let name = words.next()?;
        let name = said_of(kind, name).ok_or_else(|| format!("`{name}` is nothing that {kind} says"))?;
        if says.iter().any(|(said, _)| *said == name) {
            return Err(format!("{kind} says `{name}` once"));
        }
        says.push((name, number(words.next()?)?));
    }
    Ok(Tell { to, from, kind, says, is_lie })
}

/// `7`, `L.term` or `L.last+2`.
fn number(word: &str) -> Result<Number<Who>, String> {
    let none = || format!("a number expected, such as 7, L.term or L.last+2, not `{word}`");
    if let Ok(number) = word.parse() {
        return Ok(Number::Plain(number));
    }
    let (node, fact) = word.split_once('.').ok_or_else(none)?;
    let (fact, by) = match fact.rfind(['+', '-']).and_then(|at| Some((&fact[..at], fact[at..].parse().ok()?))) {
        Some((fact, by)) => (fact, by),
        None => (fact, 0),
    };
    let (_, fact) = *FACTS.iter().find(|(known, _)| *known == fact).ok_or_else(none)?;
    Ok(Number::Of(Words::new(node).who()?, fact, by))
}

fn of_fact(fact: Fact) -> &'static str {
    FACTS.iter().find(|(_, known)| *known == fact).map_or("", |(word, _)| word)
}

impl fmt::Display for Tell<usize> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_lie { "lie to" } else { "tell" };
        write!(f, "{verb} {} from {} {}", self.to, self.from, self.kind)?;
        self.says.iter().try_for_each(|(name, number)| match number {
            Number::Plain(number) => write!(f, " {name} {number}"),
            Number::Of(node, fact, 0) => write!(f, " {name} {node}.{}", of_fact(*fact)),
            Number::Of(node, fact, by) => write!(f, " {name} {node}.{}{by:+}", of_fact(*fact)),
        })
    }
}
