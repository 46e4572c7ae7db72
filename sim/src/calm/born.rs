//! Who is not born yet, or never will be.
//!
//! ```text
//!   all of the core were here before: born within three longest timeouts
//!   emptied, and known to others by a former life: not born, and says so: who knows that life, and who is awaited
//! ```

use super::Phase;
use crate::node::Node;
use crate::plan::MS;
use rsm::raft::NodeId;
use rsm::raft::consensus::{Consensus, Newborn, Role};
use std::collections::BTreeSet;

/// So long, in longest timeouts, it takes until all of a core are born who can be.
const BORN: u64 = 3;
/// Who has heard that others know another life of it asks each second; of so many questions one is answered.
const ASKS: u64 = 8;
/// A second by a slow clock.
const SECOND: u64 = 1_060 * MS;

/// Who of a node's peers it says that it waits for, and who knows another life of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Waits {
    awaited: BTreeSet<NodeId>,
    known_to: BTreeSet<NodeId>,
}

impl Phase<'_> {
    /// Nobody counts whose directory was emptied: the core has none of them, unless they are born all the same.
    pub(super) fn be_born(&mut self) -> Option<()> {
        let is_known = |&id: &usize| {
            let of = |core: &Consensus, _: &Role| !core.is_born() && core.strange_to().next().is_some();
            self.world.nodes[id].look(of) == Some(true)
        };
        let more = if self.core.iter().any(is_known) { ASKS * SECOND } else { 0 };
        self.until(BORN * self.t_max + more, "birth of all", |phase| {
            let is_born = |&id: &usize| phase.world.nodes[id].look(|core, _| core.is_born()) == Some(true);
            phase.core.iter().all(is_born)
        })
    }

    /// Who has not been born in all of this phase, of those that run since it began, has told its observers why; `core` was
    /// there all the time.
    pub(super) fn say_what_they_wait_for(&self, lives: &[u64], core: &BTreeSet<usize>) -> Option<()> {
        for (node, &life) in self.world.nodes.iter().zip(lives).filter(|(node, life)| node.life == **life) {
            let Some(waits) = waits(node) else { continue };
            let me = NodeId(node.id as u64);
            let incarnation = node.process.as_ref().map(|process| process.peer.identity().incarnation);
            let knows_another =
                |core: &Consensus, _: &Role| core.bindings().of(me).is_some_and(|bound| Some(bound) != incarnation);
            let is_known = core.iter().any(|&id| self.world.nodes[id].look(knows_another) == Some(true));
            let (awaited, known_to) = self.world.check.lock().says_that_it_waits_for(me);
            let said = Waits { awaited, known_to };
            if said != waits || waits.awaited.is_empty() || is_known && said.known_to.is_empty() {
                let why =
                    format!("{} waits to be born, and says {said:?} in life {life}; its state: {waits:?}", node.id);
                return self.broken(why);
            }
        }
        Some(())
    }
}

/// What a node waits for, if it runs and is not born.
fn waits(node: &Node) -> Option<Waits> {
    let of = |core: &Consensus, role: &Role| {
        let Role::Newborn(newborn) = role else { return None };
        Some(Waits { awaited: awaited(core, newborn), known_to: core.strange_to().collect() })
    };
    node.look(of).flatten()
}

/// The other voters that have not attested its life.
fn awaited(core: &Consensus, newborn: &Newborn) -> BTreeSet<NodeId> {
    let members = core.membership();
    let others = members.ids().filter(|&id| id != core.me().node && members.has_voter(id));
    others.filter(|id| !newborn.attested_by().contains(id)).collect()
}
