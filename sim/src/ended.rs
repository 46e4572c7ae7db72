//! Processes that end by themselves: which may, and when they start again.

use crate::event::Event;
use crate::liar::tells_of_a_stop;
use crate::lists::LAST_WORDS;
use crate::plan::{FOR_EVER, MS};
use crate::world::World;

/// Who has ended since it cannot read what it holds is started again so much later, if it is not said.
const UNREAD: u64 = 100 * MS;

/// Who has stopped over a lie is started again so much later.
const STOPPED: u64 = 100 * MS;

impl World {
    /// A process that has ended by itself, as one does whose disk has failed, starts again.
    pub(crate) fn ended(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        let Some(process) = node.process.as_ref().filter(|process| process.peer.has_ended()) else { return };
        let (fault, left) = (process.peer.fault(), process.peer.status());
        let down = match (node.broken, node.drained) {
            (_, Some(down)) if fault.is_none() => {
                if (left.tickets, left.queue) != (0, 0) {
                    let why = format!("{id} has ended, and leaves {} tickets, {} inputs", left.tickets, left.queue);
                    self.check.lock().break_rule("R21", why);
                }
                self.sums.drained += u64::from(down != FOR_EVER);
                down
            }
            (Some(down), _) if fault.as_deref().is_some_and(is_of_the_disk) => {
                self.sums.broken += 1;
                node.has_failed = node.has_failed();
                down
            }
            _ if node.rots.is_some() && node.disk.is_rotten() && fault.as_deref().is_some_and(tells_of_damage) => {
                self.marks.hit("end-by-damage");
                node.rots.unwrap_or_default()
            }
            _ if node.unread_before < node.disk.unread() && fault.as_deref().is_some_and(is_of_the_disk) => {
                self.marks.hit("end-by-a-part-unread");
                node.rots.unwrap_or(UNREAD)
            }
            _ if node.is_lied_to && fault.as_deref().is_some_and(tells_of_a_stop) => {
                self.sums.stops += 1;
                STOPPED
            }
            _ if self.script.is_fatal() && fault.as_deref().is_some_and(tells_of_last_words) => FOR_EVER,
            _ => {
                return self.check.lock().break_rule("R23", format!("{id} has ended by itself: {fault:?}"));
            }
        };
        node.kill();
        node.disk.kill();
        if down < FOR_EVER {
            self.later(down, Event::Start { node: id });
        }
    }
}

/// Whether this is how a process ends whose disk holds damage.
fn tells_of_damage(fault: &str) -> bool {
    fault.contains("is damaged")
}

fn tells_of_last_words(fault: &str) -> bool {
    fault.contains(LAST_WORDS)
}

/// Whether this is how a process ends whose disk has failed.
fn is_of_the_disk(fault: &str) -> bool {
    ["the disk failed: input/output error", "an earlier write failed"].iter().any(|words| fault.contains(words))
}
