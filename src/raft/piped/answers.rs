//! Tickets, and how each gets its one answer.

use super::protocol::{Status, done, kind, refused};
use crate::pipe::{CHUNK_MAX, Outbox};
use crate::raft::Index;
use crate::raft::peer::Failure;
use std::sync::Arc;

/// The longest reply: what a chunk holds beside its kind, a ticket, a status and an index.
const REPLY_MAX: usize = CHUNK_MAX - 32;

/// Makes tickets, and knows how many are open.
#[derive(Clone, Debug)]
pub(super) struct Tickets {
    outbox: Outbox,
    open: Arc<()>,
}

impl Tickets {
    pub(super) fn new(outbox: Outbox) -> Tickets {
        Tickets { outbox, open: Arc::new(()) }
    }

    pub(super) fn take(&self, number: u64) -> Ticket {
        Ticket { number, answered: false, outbox: self.outbox.clone(), _open: Arc::clone(&self.open) }
    }

    /// How many are not answered yet.
    pub(super) fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

/// The front end's number for a request. Answered exactly once: if by nobody else, then when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    answered: bool,
    outbox: Outbox,
    _open: Arc<()>,
}

impl Ticket {
    /// It is done. A reply that no chunk holds is none: `otherwise` says what that means for the request.
    pub(super) fn done(mut self, index: Index, answer: &[u8], otherwise: Status) {
        if REPLY_MAX < answer.len() {
            return self.refuse(otherwise, "the reply is larger than a chunk of the pipe");
        }
        self.say(&done(self.number, index, answer));
    }

    /// It is not, and why.
    pub(super) fn refuse(mut self, status: Status, why: &str) {
        self.say(&refused(self.number, status, why));
    }

    /// It is not: the peer has said why.
    pub(super) fn fail(self, why: Failure) {
        let (status, line) = words(why);
        self.refuse(status, &line);
    }

    fn say(&mut self, reply: &[u8]) {
        self.answered = true;
        self.outbox.keep(kind::REPLY, &[reply]);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            let (status, line) = words(Failure::Gone);
            self.say(&refused(self.number, status, &line));
        }
    }
}

/// A failure's status and line.
fn words(why: Failure) -> (Status, String) {
    let status = match why {
        Failure::Full => Status::Full,
        Failure::TooLarge => Status::TooLarge,
        // The status says the rest.
        Failure::Draining => return (Status::Draining, "retry another peer".into()),
        Failure::Invalid => Status::Invalid,
        Failure::Expired => Status::Expired,
        Failure::Unknown | Failure::Gone => Status::Unknown,
    };
    (status, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{Chunk, Reader};
    use std::io;

    /// What a front end gets if `answer` is done with ticket 9.
    fn replies(answer: impl FnOnce(&Tickets, Ticket)) -> Vec<Chunk> {
        let (from, to) = io::pipe().unwrap();
        let (outbox, _ended) = Outbox::spawn(to, 1, 1 << 20).unwrap();
        let tickets = Tickets::new(outbox.clone());
        let ticket = tickets.take(9);
        assert_eq!(tickets.open(), 1);
        answer(&tickets, ticket);
        assert_eq!(tickets.open(), 0);
        outbox.close();
        Reader::new(from).map(Result::unwrap).collect()
    }

    #[test]
    fn a_ticket_is_answered_once_and_if_by_nobody_then_when_it_is_dropped() {
        let done = replies(|_, ticket| ticket.done(Index(7), b"yes", Status::Unknown));
        assert_eq!((done.len(), &done[0].rest[..]), (1, &b"\x09\x00\x07yes"[..]));
        let refused = replies(|_, ticket| ticket.fail(Failure::Draining));
        assert_eq!((refused.len(), &refused[0].rest[..]), (1, &b"\x09\x03retry another peer"[..]));
        let dropped = replies(|_, ticket| drop(ticket));
        assert_eq!((dropped.len(), dropped[0].rest[..2].to_vec()), (1, vec![9, Status::Unknown as u8]));
    }

    #[test]
    fn a_reply_that_no_chunk_holds_says_what_that_means() {
        let reply = replies(|_, ticket| ticket.done(Index(7), &vec![0; CHUNK_MAX], Status::TooLarge));
        assert_eq!(reply[0].rest[..2], [9, Status::TooLarge as u8]);
    }

    #[test]
    fn a_failure_that_promises_nothing_was_applied_has_a_status_that_promises_it() {
        for why in [
            Failure::Full,
            Failure::TooLarge,
            Failure::Draining,
            Failure::Invalid,
            Failure::Expired,
            Failure::Unknown,
            Failure::Gone,
        ] {
            let promises = !matches!(words(why).0, Status::Done | Status::Expired | Status::Unknown);
            assert_eq!(promises, !why.may_have_applied(), "{why}");
        }
    }
}
