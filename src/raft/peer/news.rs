//! What observers are told, in order: a ring that each reads at its own pace.
//!
//! ```text
//!   publish ──> | .. | 41 | 42 | 43 |      the last 1,024
//!                       ▲         ▲
//!                    slow reader  quick reader          too slow: Missed(n), then on
//! ```

use crate::raft::consensus::News;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// How many news are kept for slow readers.
const KEPT: usize = 1_024;

/// Where news are pinned up.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pinned: Lock<Pinned>,
}

#[derive(Debug, Default)]
struct Pinned {
    news: VecDeque<News>,
    /// The number of the first that is kept.
    first: u64,
    ended: bool,
    readers: Vec<Weak<Event>>,
}

impl Board {
    /// Pins this up. A commit behind a commit takes its place.
    pub(crate) fn publish(&self, news: News) {
        let mut pinned = self.pinned.lock();
        if pinned.ended {
            return;
        }
        pinned.ended = news == News::Exit;
        if let (News::Committed(_), Some(last @ News::Committed(_))) = (&news, pinned.news.back_mut()) {
            *last = news;
        } else {
            pinned.news.push_back(news);
        }
        if KEPT < pinned.news.len() {
            pinned.news.pop_front();
            pinned.first += 1;
        }
        pinned.readers.retain(|reader| reader.strong_count() != 0);
        let readers: Vec<_> = pinned.readers.iter().filter_map(Weak::upgrade).collect();
        drop(pinned);
        readers.iter().for_each(|reader| reader.set());
    }

    /// A reader of what comes from now on.
    pub(crate) fn reader(self: &Arc<Board>) -> NewsReader {
        let mut reader = self.reader_of_all();
        let pinned = self.pinned.lock();
        if !pinned.ended {
            reader.next = pinned.first + pinned.news.len() as u64;
        }
        drop(pinned);
        reader
    }

    /// A reader of what is kept, and of what comes.
    pub(crate) fn reader_of_all(self: &Arc<Board>) -> NewsReader {
        let event = Arc::new(Event::new());
        let mut pinned = self.pinned.lock();
        pinned.readers.push(Arc::downgrade(&event));
        let next = pinned.first;
        drop(pinned);
        NewsReader { board: Arc::clone(self), event, next, over: false }
    }
}

/// An iterator over what happens to a peer, from when it was asked for: it waits for each, and ends after
/// [`News::Exit`].
#[derive(Debug)]
pub struct NewsReader {
    board: Arc<Board>,
    event: Arc<Event>,
    next: u64,
    over: bool,
}

impl NewsReader {
    /// The next, if it is there already; `None` too once it is over.
    pub fn try_next(&mut self) -> Option<News> {
        if self.over {
            return None;
        }
        let pinned = self.board.pinned.lock();
        if self.next < pinned.first {
            let missed = pinned.first - self.next;
            self.next = pinned.first;
            return Some(News::Missed(missed));
        }
        let news = pinned.news.get((self.next - pinned.first) as usize)?.clone();
        self.next += 1;
        self.over = news == News::Exit;
        Some(news)
    }
}

impl Iterator for NewsReader {
    type Item = News;

    fn next(&mut self) -> Option<News> {
        loop {
            let news = self.try_next();
            if news.is_some() || self.over {
                return news;
            }
            self.event.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Index;

    #[test]
    fn a_reader_hears_what_came_since_it_asked_until_the_exit() {
        let board = Arc::new(Board::default());
        board.publish(News::Missed(7));
        let reader = board.reader();
        board.publish(News::Committed(Index(1)));
        board.publish(News::Exit);
        board.publish(News::Committed(Index(2)));
        assert_eq!(reader.collect::<Vec<_>>(), [News::Committed(Index(1)), News::Exit]);
    }

    #[test]
    fn who_asks_after_the_end_hears_that_it_is_over() {
        let board = Arc::new(Board::default());
        board.publish(News::Exit);
        assert_eq!(board.reader().last(), Some(News::Exit));
    }

    #[test]
    fn commits_behind_one_another_are_one() {
        let board = Arc::new(Board::default());
        let mut reader = board.reader();
        (1..=9).for_each(|index| board.publish(News::Committed(Index(index))));
        assert_eq!(reader.try_next(), Some(News::Committed(Index(9))));
        assert_eq!(reader.try_next(), None);
    }

    #[test]
    fn a_reader_that_is_too_slow_is_told_how_much_it_missed() {
        let board = Arc::new(Board::default());
        let mut reader = board.reader();
        (0..KEPT as u64 + 3).for_each(|n| board.publish(News::Missed(n)));
        assert_eq!(reader.try_next(), Some(News::Missed(3)), "so many are gone");
        assert_eq!(reader.try_next(), Some(News::Missed(3)), "the first that is kept");
    }

    #[test]
    fn a_reader_that_waits_is_woken() {
        let board = Arc::new(Board::default());
        let mut reader = board.reader();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || reader.next());
            board.publish(News::Exit);
            assert_eq!(waiting.join().expect("the reader does not panic"), Some(News::Exit));
        });
    }
}
