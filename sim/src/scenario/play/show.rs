//! What a picture of a story shows besides the peers and its calls: the lines of its script.

use super::Play;
use crate::html::Mark;

impl Play<'_> {
    /// A line of the script is about to be carried out.
    pub(super) fn show_line(&mut self, number: usize, text: &str) {
        let now = self.time.now();
        if let Some(film) = &mut self.world.film {
            let text = text.split('#').next().unwrap_or_default().trim();
            film.mark(Mark::line(number, text), now);
        }
    }
}
