//! Who the children are, and the end of one of them for good: asked of a supervisor that lives.
//!
//! ```text
//!   children ──> the oldest first, without the dead            remove ──> stop ──patience──> kill ──> forgotten
//! ```

use super::Supervisor;
use super::child::{Life, Order, Restart, Slot};
use super::door::Door;
use super::state::{Told, What};
use crate::fsm::address::Address;
use crate::fsm::automaton::CellId;
use crate::fsm::cell::Node;
use crate::fsm::context::Context;
use crate::fsm::rejected::Rejected;
use crate::sync::oneshot::{self, Ticket};
use std::borrow::Cow;

impl Address<Told> {
    /// Ends the child behind that door for good, whatever its [`Restart`] says: it is stopped, or killed when patience is over, and
    /// one that waits to be born never is. No child of this supervisor: nothing.
    ///
    /// # Errors
    /// If the supervisor drains or has ended, or its inbox is full.
    pub fn remove<C: 'static>(&self, door: &Door<C>) -> Result<(), Rejected<Told>> {
        self.post(Told(What::Remove(door.port().clone().into_node())))
    }

    /// Who the children are, the oldest first; without those that are dead for good.
    ///
    /// # Errors
    /// If the supervisor drains or has ended, or its inbox is full. The ticket is an error if it ends before it answers.
    pub fn children(&self) -> Result<Ticket<Vec<SupervisedChild>>, Rejected<Told>> {
        let (reply, ticket) = oneshot::channel();
        self.post(Told(What::List(reply))).map(|()| ticket)
    }
}

/// One child of a supervisor, as [`Address::children`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupervisedChild {
    /// What it was called when it was added.
    pub name: Cow<'static, str>,
    /// After which ends it is born again.
    pub restart: Restart,
    /// Which automaton lives behind its door; `None` while it waits to be born.
    pub cell: Option<CellId>,
}

/// Kills one life, if it has not ended.
pub(super) struct Killer(Box<dyn FnOnce() + Send>);

impl Killer {
    pub(super) fn new(kill: impl FnOnce() + Send + 'static) -> Killer {
        Killer(Box::new(kill))
    }

    pub(super) fn kill(self) {
        (self.0)();
    }
}

impl Slot {
    /// What is told of it.
    pub(super) fn listed(&self) -> SupervisedChild {
        let cell = if self.life == Life::Lives { self.line.cell() } else { None };
        SupervisedChild { name: self.name.clone(), restart: self.restart, cell }
    }
}

impl Supervisor {
    /// Ends the child behind that door for good: at once if it waits to be born.
    pub(super) fn remove(&mut self, door: &dyn Node, context: &mut Context<Self>) {
        let Some(at) = self.slots.iter().position(|slot| slot.line.is_behind(door)) else { return };
        let (nth, life) = (self.slots[at].nth, self.slots[at].life);
        match life {
            Life::Waits => self.forget(nth),
            Life::Lives => {
                let slot = &mut self.slots[at];
                slot.restart = Restart::Never;
                let patience = slot.patience.unwrap_or(self.patience);
                slot.line.order(Order::Stop);
                if let Some(late) = slot.line.killer() {
                    context.after(patience, Told(What::Overdue(late)));
                }
            }
        }
    }
}
