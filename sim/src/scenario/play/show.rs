//! What a picture of a story shows besides the peers: the lines of its script, and the calls that they make.

use super::Play;
use crate::client::Told;
use crate::html::{Ask, Mark};
use crate::scenario::Who;

/// Calls that are not answered yet, by the lane that each stands on.
#[derive(Debug, Default)]
pub(super) struct Shown(Vec<Option<usize>>);

impl Play<'_> {
    /// A line of the script is about to be carried out.
    pub(super) fn show_line(&mut self, number: usize, text: &str) {
        let now = self.time.now();
        if let Some(film) = &mut self.world.film {
            let text = text.split('#').next().unwrap_or_default().trim();
            film.mark(Mark::line(number, text), now);
        }
    }

    /// A call is made, on the first lane that is free.
    pub(super) fn show_call(&mut self, ticket: usize, at: &Who, ask: Ask) -> Result<(), String> {
        let node = self.who(at)?;
        let Some(film) = &mut self.world.film else { return Ok(()) };
        let lanes = &mut self.shown.0;
        let lane = lanes.iter().position(Option::is_none).unwrap_or_else(|| {
            lanes.push(None);
            lanes.len() - 1
        });
        lanes[lane] = Some(ticket);
        film.asked(lane, node, ticket as u64, ask);
        self.world.filmed();
        Ok(())
    }

    /// Calls that have been answered in the last step.
    pub(super) fn show_answers(&mut self) {
        let Some(film) = &mut self.world.film else { return };
        let answers = self.answers.lock();
        let mut any = false;
        for (client, slot) in self.shown.0.iter_mut().enumerate() {
            let Some((ticket, outcome)) = slot.and_then(|ticket| Some((ticket, *answers.get(&ticket)?))) else {
                continue;
            };
            film.told(&Told { client, operation: ticket as u64, outcome });
            (*slot, any) = (None, true);
        }
        drop(answers);
        if any {
            self.world.filmed();
        }
    }
}
