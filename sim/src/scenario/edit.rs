//! Parts of a moment that can be other than they are: whom it names, and how long it lasts.

use super::Moment;
use crate::plan::{FOR_EVER, MS, Shape, What};

/// No fault but one for ever lasts so long.
const LONG: u64 = 60_000 * MS;

impl Moment {
    /// Half as long, down to a millisecond; and what lasts for ever no longer than any seed: half of ever is days.
    pub(crate) fn shorten(&mut self) {
        if let Moment::Fault(what) = self
            && let Some(lasts) = what.lasts_mut().filter(|lasts| MS < **lasts)
        {
            *lasts = if FOR_EVER <= *lasts { LONG } else { (*lasts / 2).max(MS) };
        }
    }

    /// A whole number of milliseconds.
    pub(crate) fn round(&mut self) {
        if let Moment::Fault(what) = self
            && let Some(lasts) = what.lasts_mut()
        {
            *lasts = lasts.next_multiple_of(MS);
        }
    }

    /// Whether it speaks of nodes other than this one; the numbers of those behind it are one less.
    pub(crate) fn leave_out(&mut self, out: usize) -> bool {
        let mut nodes = match self {
            Moment::Call(node, _) => vec![node],
            Moment::Fault(What::Cut { shape: Shape::Split(sides), .. } | What::Aside { nodes: sides, .. }) => {
                *sides = (*sides & ((1 << out) - 1)) | (*sides >> (out + 1) << out);
                return *sides != 0;
            }
            Moment::Fault(what) => what.nodes_mut(),
        };
        let is_other = nodes.iter().all(|node| **node != out);
        nodes.iter_mut().filter(|node| out < ***node).for_each(|node| **node -= 1);
        is_other
    }
}

impl What {
    /// The nodes that it names one by one; those that are bits, as the sides of a split, are not among them.
    pub(super) fn nodes_mut(&mut self) -> Vec<&mut usize> {
        match self {
            What::Cut { shape, .. } => match shape {
                Shape::Split(_) | Shape::Leader | Shape::Chain | Shape::Ring => Vec::new(),
                Shape::HalfBridge(node)
                | Shape::Isolate(node)
                | Shape::Deaf(node)
                | Shape::Mute(node)
                | Shape::Bridge(node) => vec![node],
                Shape::Link(from, to) => vec![from, to],
            },
            What::Clog { from, to, .. } => vec![from, to],
            What::Crash { node, .. }
            | What::CrashAtDisk { node, .. }
            | What::Pause { node, .. }
            | What::Stuck { node, .. }
            | What::Slow { node, .. }
            | What::Broken { node, .. }
            | What::Full { node, .. }
            | What::Rot { node, .. }
            | What::Leap { node, .. }
            | What::Rollback { node, .. }
            | What::Drain { node, .. }
            | What::Wipe { node, .. } => vec![node],
            What::Aim(aim) => aim.from.iter_mut().chain(&mut aim.to).collect(),
            What::Tell(tell) => tell.nodes_mut(),
            What::Blackout { .. } | What::Await(_) | What::Aside { .. } | What::AtLeader { .. } => Vec::new(),
        }
    }

    /// How long it lasts, in nanoseconds.
    pub(super) fn lasts_mut(&mut self) -> Option<&mut u64> {
        match self {
            What::Cut { lasts, .. }
            | What::Clog { lasts, .. }
            | What::Pause { lasts, .. }
            | What::Stuck { lasts, .. }
            | What::Slow { lasts, .. }
            | What::Full { lasts, .. }
            | What::Aside { lasts, .. }
            | What::AtLeader { lasts, .. } => Some(lasts),
            What::Await(aimed) => Some(&mut aimed.lasts),
            What::Crash { down, .. }
            | What::Rot { down, .. }
            | What::CrashAtDisk { down, .. }
            | What::Blackout { down }
            | What::Broken { down, .. }
            | What::Rollback { down, .. }
            | What::Drain { down, .. }
            | What::Wipe { down, .. } => Some(down),
            What::Leap { by, .. } => Some(by),
            What::Tell(_) => None,
            What::Aim(aim) => aim.act.by_mut(),
        }
    }
}
