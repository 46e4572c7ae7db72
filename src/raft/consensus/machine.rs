//! The core alone, with its role: for tests, for the model, and for anyone who wants no runner.

use super::{Consensus, Effect, Input, Options, Role, Unfit};
use crate::raft::{Recovered, Time};

/// A core and the role it is in.
///
/// ```
/// use rsm::raft::consensus::{Input, Machine, Membership, Options};
/// use rsm::raft::{NodeId, Recovered, Time};
///
/// let members = Membership::of_voters([(NodeId(7), "here")]);
/// let mut machine = Machine::new(Options::new(NodeId(7), members), Recovered::default(), 1, Time(0)).unwrap();
/// let mut effects = Vec::new();
/// let later = machine.deadline();
/// machine.step(Input::Tick, later);
/// machine.flush(later, &mut effects);
/// assert_eq!(machine.core().term().0, 1);    // alone, it stands for election at once
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    core: Consensus,
    role: Role,
}

impl Machine {
    /// From what a store has kept. `seed` is drawn afresh at each start: asks must not repeat.
    ///
    /// # Errors
    /// [`Unfit`], if these options or this store cannot be worked with.
    pub fn new(options: Options, recovered: Recovered, seed: u64, now: Time) -> Result<Machine, Unfit> {
        Consensus::new(options, recovered, seed, now).map(|(core, role)| Machine { core, role })
    }

    /// One input.
    ///
    /// # Panics
    /// As [`Consensus::next`].
    pub fn step(&mut self, input: Input, now: Time) {
        let role = std::mem::replace(&mut self.role, Role::Newborn(super::Newborn::default()));
        self.role = self.core.next(role, input, now);
    }

    /// What now follows, added to `effects`.
    pub fn flush(&mut self, now: Time, effects: &mut Vec<Effect>) {
        self.core.flush(&mut self.role, now, effects);
    }

    /// When to come back if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.core.deadline()
    }

    /// What every role shares.
    #[must_use]
    pub fn core(&self) -> &Consensus {
        &self.core
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }
}
