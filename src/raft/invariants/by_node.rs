//! What is known of each of a few nodes.
//!
//! ```text
//!   [(2, ..), (0, ..), (1, ..)]      in order of first sight; looked through from the front
//! ```
//! A cluster has so few that this is quicker than a tree, and it is asked several times after each step.

use crate::raft::NodeId;

/// A map with a handful of keys.
#[derive(Clone, Debug)]
pub(super) struct ByNode<T>(Vec<(NodeId, T)>);

impl<T> Default for ByNode<T> {
    fn default() -> Self {
        ByNode(Vec::new())
    }
}

impl<T> ByNode<T> {
    #[inline]
    fn place(&self, node: NodeId) -> Option<usize> {
        self.0.iter().position(|(id, _)| *id == node)
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&T> {
        self.0.iter().find(|(id, _)| *id == node).map(|(_, of)| of)
    }

    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut T> {
        self.0.iter_mut().find(|(id, _)| *id == node).map(|(_, of)| of)
    }

    pub(super) fn remove(&mut self, node: NodeId) {
        if let Some(place) = self.place(node) {
            self.0.swap_remove(place);
        }
    }

    /// All of them, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> + '_ {
        self.0.iter().map(|(node, of)| (*node, of))
    }
}

impl<T: Default> ByNode<T> {
    /// What is known of this node: nothing yet, if it was never asked for.
    #[inline]
    pub(super) fn of(&mut self, node: NodeId) -> &mut T {
        let place = self.place(node).unwrap_or_else(|| {
            self.0.push((node, T::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }
}
