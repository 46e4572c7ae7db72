//! What may be true of a cluster at a moment.

use super::super::{Condition, Who};
use super::{LIST, Play};
use rsm::raft::consensus::{Consensus, Role};

impl Play<'_> {
    fn core<R>(&self, who: &Who, look: impl FnOnce(&Consensus, &Role) -> R) -> Result<Option<R>, String> {
        Ok(self.world.nodes[self.who(who)?].look(look))
    }

    pub(super) fn holds(&mut self, condition: &Condition) -> Result<bool, String> {
        let is = |found: Option<bool>| Ok(found == Some(true));
        match condition {
            Condition::Leader(name, others) => {
                let others = others.iter().map(|who| self.who(who)).collect::<Result<Vec<_>, _>>()?;
                let leader = self.world.leader().filter(|leader| !others.contains(leader));
                leader.into_iter().for_each(|leader| _ = self.names.insert(name.clone(), leader));
                Ok(leader.is_some())
            }
            Condition::NoLeader => Ok(self.world.leader().is_none()),
            Condition::Leads(who) => is(self.core(who, |_, role| role.is_leader())?),
            Condition::Follows(who, leader) => {
                let leader = rsm::raft::NodeId(self.who(leader)? as u64);
                is(self.core(who, |core, role| core.leader(role) == Some(leader) && !role.is_leader())?)
            }
            Condition::Is(who, name) => is(self.core(who, |_, role| role.name().to_string() == *name)?),
            Condition::Commits(who, index) => is(self.core(who, |core, _| *index <= core.commit().0)?),
            Condition::Snapshot(who, index) => is(self.core(who, |core, _| *index <= core.log().snapshot().index.0)?),
            Condition::Holds(who, value) => Ok(self.times(who, value)? == Some(1)),
            Condition::Lacks(who, value) => Ok(self.times(who, value)? == Some(0)),
            Condition::Down(who) => Ok(self.world.nodes[self.who(who)?].process.is_none()),
            Condition::Elections(count) => Ok(self.world.check.lock().elections == *count),
            Condition::Term(most) => {
                let terms = self.world.nodes.iter().filter_map(|node| node.look(|core, _| core.term().0));
                Ok(terms.max().is_some_and(|term| term <= *most))
            }
            Condition::AllEqual => Ok(self.all_equal()),
        }
    }

    /// How often a value stands in a node's list.
    fn times(&self, who: &Who, value: &str) -> Result<Option<usize>, String> {
        let number = self.world.script.number(value).ok_or_else(|| format!("{value} was never proposed"))?;
        let Some(process) = &self.world.nodes[self.who(who)?].process else { return Ok(None) };
        let state = process.peer.state();
        Ok(Some(state.read().get(LIST).iter().filter(|item| item.0 == number).count()))
    }

    /// All who live have the same log, know all of it to be committed, and have applied it.
    fn all_equal(&self) -> bool {
        let of = |node: &crate::node::Node| {
            let (last, commit) = node.look(|core, _| (core.log().last(), core.commit()))?;
            let state = node.process.as_ref()?.peer.state();
            let view = state.read();
            Some((last, commit, view.index(), (*view).clone()))
        };
        let states: Vec<_> = self.world.nodes.iter().filter_map(of).collect();
        let whole = states.iter().all(|(last, commit, applied, _)| last.index == *commit && commit == applied);
        whole && states.windows(2).all(|pair| pair[0] == pair[1])
    }
}
