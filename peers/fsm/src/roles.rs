//! What the actors of the benches do.

use crate::platform::{END, Message, Next, Platform, Role};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

/// Counts what it hears, until so many senders have said that they are done; then tells the count.
pub(crate) struct Count {
    pub(crate) senders: usize,
    pub(crate) heard: u64,
    pub(crate) done: Sender<u64>,
}

impl Role for Count {
    fn hear(&mut self, message: Message) -> Next {
        if black_box(message) != END {
            self.heard += 1;
            return Next::On;
        }
        self.senders -= 1;
        if self.senders != 0 {
            return Next::On;
        }
        self.done.send(self.heard).expect("someone waits for it");
        Next::End
    }
}

/// An address that is known only once all actors of a bench are born.
pub(crate) type Later<A> = Arc<OnceLock<A>>;

/// Told this, an actor binds its thread to the processor of that number above it.
pub(crate) const PIN: Message = 1 << 63;

/// One of a ring: hands a number on, less one; who gets 0 tells.
pub(crate) struct Link<P: Platform> {
    pub(crate) next: Later<P::Address<Link<P>>>,
    pub(crate) done: Sender<()>,
}

impl<P: Platform> Role for Link<P> {
    fn hear(&mut self, message: Message) -> Next {
        match message {
            0 => self.done.send(()).expect("someone waits for it"),
            END => return Next::End,
            pin if PIN <= pin => rsm_peers_kit::machine::pin((pin - PIN) as usize),
            hops => P::tell(self.next.get().expect("the ring was closed before it began"), hops - 1),
        }
        Next::On
    }
}

/// One that only lives, and is counted.
pub(crate) struct Idle(Arc<AtomicUsize>);

impl Idle {
    pub(crate) fn new(alive: &Arc<AtomicUsize>) -> Idle {
        Idle(alive.clone())
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Role for Idle {
    fn hear(&mut self, _: Message) -> Next {
        Next::On
    }
}

/// One that passes on what it is told, so many at a time.
pub(crate) struct Source<P: Platform> {
    pub(crate) sink: P::Address<Count>,
}

impl<P: Platform> Role for Source<P> {
    fn hear(&mut self, message: Message) -> Next {
        if message == END {
            P::tell(&self.sink, END);
            return Next::End;
        }
        (0..message).for_each(|number| P::tell(&self.sink, number));
        Next::On
    }
}

/// Asks all leaves, again and again.
pub(crate) struct Hub<P: Platform> {
    pub(crate) leaves: Vec<P::Address<Leaf<P>>>,
    pub(crate) rounds: u64,
    pub(crate) answers: usize,
    pub(crate) done: Sender<()>,
}

impl<P: Platform> Role for Hub<P> {
    fn hear(&mut self, message: Message) -> Next {
        match message {
            END => return Next::End,
            0 => self.answers += 1,
            rounds => (self.rounds, self.answers) = (rounds + 1, self.leaves.len()),
        }
        if self.answers == self.leaves.len() {
            (self.rounds, self.answers) = (self.rounds - 1, 0);
            match self.rounds {
                0 => self.done.send(()).expect("someone waits for it"),
                _ => self.leaves.iter().for_each(|leaf| P::tell(leaf, 1)),
            }
        }
        Next::On
    }
}

/// Answers the hub.
pub(crate) struct Leaf<P: Platform> {
    pub(crate) hub: Later<P::Address<Hub<P>>>,
}

impl<P: Platform> Role for Leaf<P> {
    fn hear(&mut self, message: Message) -> Next {
        if message == END {
            return Next::End;
        }
        P::tell(self.hub.get().expect("the hub was made known before it began"), 0);
        Next::On
    }
}

/// Is told when it was told, in nanoseconds since then; says how long ago that is.
pub(crate) struct Clocked {
    pub(crate) since: Instant,
    pub(crate) late_ns: Sender<u64>,
}

impl Role for Clocked {
    fn hear(&mut self, message: Message) -> Next {
        if message == END {
            return Next::End;
        }
        let late_ns = (self.since.elapsed().as_nanos() as u64).saturating_sub(message);
        self.late_ns.send(late_ns).expect("someone waits for it");
        Next::On
    }
}

/// Wakes another, then holds its worker.
pub(crate) struct Hog<P: Platform> {
    pub(crate) victim: P::Address<Clocked>,
    pub(crate) since: Instant,
    pub(crate) hold: Duration,
}

impl<P: Platform> Role for Hog<P> {
    fn hear(&mut self, message: Message) -> Next {
        if message == END {
            return Next::End;
        }
        let now = self.since.elapsed();
        P::tell(&self.victim, now.as_nanos() as u64);
        while self.since.elapsed() < now + self.hold {
            std::hint::spin_loop();
        }
        Next::On
    }
}

/// Tells itself something for ever, until it is told to end; says then how much it has heard.
pub(crate) struct Greedy<P: Platform> {
    pub(crate) me: Later<P::Address<Greedy<P>>>,
    pub(crate) count: u64,
    pub(crate) heard: Arc<AtomicU64>,
    pub(crate) alive: Arc<AtomicUsize>,
}

impl<P: Platform> Role for Greedy<P> {
    fn hear(&mut self, message: Message) -> Next {
        if message == END {
            self.heard.fetch_add(self.count, SeqCst);
            self.alive.fetch_sub(1, SeqCst);
            return Next::End;
        }
        self.count += 1;
        P::tell(self.me.get().expect("it was made known before it was told"), 0);
        Next::On
    }
}

/// Hears nothing until its gate opens; tells when it has heard all, and lives on.
pub(crate) struct Gated {
    pub(crate) gate: Option<Arc<Barrier>>,
    pub(crate) left: u64,
    pub(crate) done: Sender<()>,
}

impl Role for Gated {
    fn hear(&mut self, message: Message) -> Next {
        if let Some(gate) = self.gate.take() {
            gate.wait();
        }
        black_box(message);
        self.left -= 1;
        if self.left == 0 {
            self.done.send(()).expect("someone waits for it");
        }
        Next::On
    }
}
