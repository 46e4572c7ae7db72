//! A peer that may not vote yet, for it may have voted in a former life: it only asks who it is.

use super::{Alarm, Consensus, Effect, Follower, Message, News, Role, birth};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Incarnation, NodeId};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a peer asks that the others know another life of: it waits for an operator, not for a packet.
const STRANGE_HELLO: Duration = Duration::from_secs(1);

/// What only a newborn knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Newborn {
    attested_by: BTreeSet<NodeId>,
}

impl Newborn {
    /// A newborn that asks at once; a follower, if nobody need attest.
    pub(super) fn begin(core: &mut Consensus) -> Role {
        core.clock.arm(Alarm::Hello, Duration::ZERO);
        Newborn::default().decide(core)
    }

    /// Who has attested that this is the life it knows.
    #[must_use]
    pub fn attested_by(&self) -> &BTreeSet<NodeId> {
        &self.attested_by
    }

    /// A member says which life of ours it knows.
    pub(super) fn on_attest(mut self, core: &mut Consensus, from: NodeId, bound: Incarnation) -> Role {
        mark!("newborn-refused", bound != core.me.incarnation);
        if bound == core.me.incarnation && core.log.membership().has_voter(from) {
            mark!("newborn-attested");
            self.attested_by.insert(from);
        }
        self.decide(core)
    }

    fn decide(self, core: &mut Consensus) -> Role {
        let enough = birth::attesters_of(core);
        let needed = mutate!(BornAtOnce, mutate!(BornOfFew, enough, enough.saturating_sub(1)), 0);
        if self.attested_by.len() < needed {
            return Role::Newborn(self);
        }
        mark!("born");
        mark!("born-after-refusal", !core.strange_to.is_empty());
        core.born = true;
        core.clock.disarm(Alarm::Hello);
        core.answers.push(Effect::News(News::Born { attested_by: self.attested_by.into_iter().collect() }));
        Follower::begin(core)
    }

    /// Voters whose attestation is still awaited.
    pub(super) fn awaited<'a>(&'a self, core: &'a Consensus) -> impl Iterator<Item = NodeId> + 'a {
        let members = core.log.membership();
        let others = members.ids().filter(move |&id| id != core.me.node && members.has_voter(id));
        others.filter(|id| !self.attested_by.contains(id))
    }

    pub(super) fn flush(&self, core: &mut Consensus, effects: &mut Vec<Effect>) {
        if core.clock.rings(Alarm::Hello) {
            // `Hello` names no life of its receiver: it may come from whoever has never heard of it.
            let hello = |to| Effect::Send { to, incarnation: None, message: Message::Hello };
            effects.extend(self.awaited(core).map(hello));
            let pause = if core.strange_to.is_empty() { core.options.heartbeat } else { STRANGE_HELLO };
            core.clock.arm(Alarm::Hello, pause);
        }
    }
}
