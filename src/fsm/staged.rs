//! Automata under the stages of a drain.
//!
//! ```text
//!   drain ──> [ readers: depth 1 ] ──> [ readers ] ──> [ writers ]     the start of a stage is what drains its automata
//!                  | children             | waker: Drain
//!                  v                      v
//!                guard ── released after death, so the next stage starts when the last of this one is dead (F8)
//! ```
//! The stage holds its automata weakly (F9): their last address dropped, they drain before it starts.

use super::address::Address;
use super::cell::{Look, Node};
use super::runner::Task;
use super::word::{DRAIN, Duty};
use crate::sync::Draining;
use crate::sync::drain::Guard;
use std::borrow::Cow;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

/// Where an automaton stands in a drain.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    guard: Guard,
    /// The name of the stage that the first of its line was put under.
    root: Cow<'static, str>,
    /// How many generations below that one.
    depth: u32,
}

impl Staged {
    /// Under the stage of this guard.
    pub(crate) fn under(guard: Guard) -> Staged {
        let root = guard.stage().name().to_owned().into();
        Staged { guard, root, depth: 0 }
    }

    /// A child's place: in the stage in front of ours, so that it ends first; beside us, where that one has started. Other stages of
    /// our root's name have children of their own.
    pub(crate) fn of_child(&self, name: String) -> Staged {
        let depth = self.depth + 1;
        let front = self.guard.stage().before_of(&self.root, format!("{}: depth {depth}", self.root));
        let guard = front.and_then(|stage| stage.guard(name.clone()));
        let guard = guard.unwrap_or_else(|Draining| self.guard.another(name));
        Staged { guard, root: self.root.clone(), depth }
    }

    /// The stage drains this automaton, and waits for its death. Called before its first turn.
    pub(crate) fn join<C: 'static>(self, address: &Address<C>) {
        let node = Arc::downgrade(&address.port().clone().into_node());
        let asked = node.clone();
        self.guard.tells(move || doing(&asked));
        self.guard.on_start(Waker::from(Arc::new(Drains(node))));
        address.attach(self.guard);
    }
}

/// Drains an automaton when it is woken.
struct Drains(Weak<dyn Node>);

impl Wake for Drains {
    fn wake(self: Arc<Self>) {
        let Some(node) = self.0.upgrade() else { return };
        match node.signal(DRAIN) {
            Duty::Nothing => {}
            Duty::Schedule => node.head().home.get().schedule(Task::new(node.clone())),
        }
    }
}

/// What one that is late is doing.
fn doing(node: &Weak<dyn Node>) -> String {
    let Some(node) = node.upgrade() else { return "ended".to_owned() };
    let depth = node.word().depth();
    let mut text = match node.look() {
        Look::Idle("") => "idle".to_owned(),
        Look::Idle(label) => format!("idle in {label}"),
        Look::Queued => "queued".to_owned(),
        Look::Running => "in a turn".to_owned(),
        Look::Dead => "ended".to_owned(),
    };
    if depth != 0 {
        text += &format!(", {depth} commands");
    }
    text
}
