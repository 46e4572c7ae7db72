//! Where commands are posted.
//!
//! ```text
//!   Address ──Arc──> Port: a cell, or a cell seen in another language      counted besides: the last one dropped is a drain
//!      │  downgrade ↑ upgrade, while one is left
//!   WeakAddress ──Weak──> the same; it keeps nobody from draining
//! ```
//! It is typed by what the automaton understands, and knows nothing of what it is.

use super::automaton::{CellId, End, Mode};
use super::cell::{Node, Port, schedule};
use super::counters::{Counters, Latency};
use super::inbox::{Notice, Watcher};
use super::posting::Posting;
use super::rejected::Rejected;
use super::word::{DRAIN, KILL, STOP};
use crate::sync::oneshot::{self, Ticket};
use crate::sync::shim::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

mod mapped;

/// Where commands of type `C` go: an automaton, named by what it understands and not by what it is.
///
/// Cloned freely, used from any thread or task; [`post`](Self::post) never waits. Automata that speak the same language are
/// interchangeable, and two addresses are equal if they lead to the same automaton.
///
/// Three ways to an end stand side by side:
///
/// | call | further posts | what is queued | `Drain` | `Exit` | [`End`] |
/// |---|---|---|---|---|---|
/// | [`drain`](Self::drain) | `Draining`, from `Exit` on `Dead` | is delivered | yes | yes | `Exited` |
/// | [`stop`](Self::stop) | `Dead` | is dropped, the senders of replies with it | no | yes | `Exited` |
/// | [`kill`](Self::kill) | `Dead` | is dropped | no | no | `Killed` |
///
/// Each holds from the moment the call returns; each lets the input in hand finish; a stop wins over a drain, a kill over both.
/// When the **last address is dropped** the automaton is drained. Its own timers, its queue, [weak](WeakAddress) addresses and
/// the runner do not count as addresses; two automata that hold each other's do, so hold the way back weakly.
pub struct Address<C: 'static> {
    port: Arc<dyn Port<C>>,
}

impl<C: 'static> Address<C> {
    /// The first address of a new cell, whose count is 1 already.
    pub(crate) fn first(port: Arc<dyn Port<C>>) -> Address<C> {
        Address { port }
    }

    /// One more address of a cell.
    pub(crate) fn another(port: Arc<dyn Port<C>>) -> Address<C> {
        // ORDERING: Relaxed, as for an `Arc`: whoever clones holds an address, or is the cell itself in its turn.
        port.node().addresses().fetch_add(1, Ordering::Relaxed);
        Address { port }
    }

    pub(crate) fn port(&self) -> &Arc<dyn Port<C>> {
        &self.port
    }

    fn node(&self) -> &dyn Node {
        self.port.node()
    }

    /// Queues a command behind all others. Never waits.
    ///
    /// `Ok` means that the command will be delivered unless the automaton is stopped, killed, or panics before.
    ///
    /// # Errors
    /// Hands the command back if the inbox is full, or the automaton drains or has ended.
    pub fn post(&self, command: C) -> Result<(), Rejected<C>> {
        let duty = self.port.post(command)?;
        schedule(&self.port, duty);
        Ok(())
    }

    /// As [`post`](Self::post), but where that is refused by a full inbox this waits for room: first come, first served among those
    /// who wait, while a `post` that finds room takes it.
    ///
    /// Until it is accepted the command is the future's own: dropped before, it drops the command, and nothing was posted. The
    /// future holds an address.
    ///
    /// # Errors
    /// Hands the command back if the automaton drains or has ended, also meanwhile. Never [`Full`](Rejected::Full).
    ///
    /// ```
    /// use rsm::fsm::{Automaton, Bounded, Context, Input, Runner, Threads};
    ///
    /// struct Sum;
    /// impl Automaton for Sum {
    ///     type State = u64;
    ///     type Command = u64;
    ///     fn next(&mut self, sum: u64, input: Input<Self>, _: &mut Context<Self>) -> u64 {
    ///         match input {
    ///             Input::Command(number) => sum + number,
    ///             Input::Exit => {
    ///                 assert_eq!(sum, 5_050, "none was lost, although two have room");
    ///                 sum
    ///             }
    ///             Input::Start | Input::Transition { .. } | Input::Drain => sum,
    ///         }
    ///     }
    /// }
    ///
    /// let sum = Threads.builder(Sum, 0).inbox(Bounded(2)).spawn();
    /// let end = Threads.block_on(async {
    ///     for number in 1..=100 {
    ///         sum.post_async(number).await?;
    ///     }
    ///     sum.drain();
    ///     Ok::<_, rsm::fsm::Rejected<u64>>(sum.ended().await)
    /// })?;
    /// assert!(matches!(end, Ok(rsm::fsm::End::Exited)));
    /// # Ok::<(), rsm::fsm::Rejected<u64>>(())
    /// ```
    pub fn post_async(&self, command: C) -> Posting<C> {
        Posting::new(self.clone(), command)
    }

    /// No command is accepted from here on; those accepted are delivered, then the automaton ends. Said twice it is nothing.
    pub fn drain(&self) {
        schedule(&self.port, self.node().signal(DRAIN));
    }

    /// The automaton ends after the input in hand, by [`Input::Exit`](super::Input::Exit). What is queued is dropped.
    pub fn stop(&self) {
        schedule(&self.port, self.node().signal(STOP));
    }

    /// The automaton ends after the input in hand, without a word. What is queued is dropped.
    pub fn kill(&self) {
        schedule(&self.port, self.node().signal(KILL));
    }

    /// Whether it takes commands. One load.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode::of(self.node().word())
    }

    /// How many commands are queued, up to 2^24 - 1, without those the present turn has in hand. One load.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.node().word().depth() as usize
    }

    /// Which automaton this leads to.
    #[must_use]
    pub fn cell(&self) -> CellId {
        self.node().id()
    }

    /// What it has seen so far. Enters the inbox for a few loads.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.node().counters()
    }

    /// How long those waited who woke it, by a sample. Enters the inbox for a few loads.
    #[must_use]
    pub fn latency(&self) -> Latency {
        self.node().latency()
    }

    /// Resolves once the automaton is dead: its state was dropped before, its guards were released. Also if it is dead already,
    /// and for each who asks.
    pub fn ended(&self) -> Ticket<End> {
        let (sender, ticket) = oneshot::channel();
        if let Some((Watcher::Ticket(sender), end)) = self.node().watch(Watcher::Ticket(sender)) {
            // Nobody else holds this ticket: it is there.
            let _ = sender.send(end);
        }
        ticket
    }

    /// An address that does not keep the automaton from draining.
    #[must_use]
    pub fn downgrade(&self) -> WeakAddress<C> {
        self.port.clone().weak()
    }

    /// The same automaton in another language: what is posted there passes through `into`, and `back` undoes it for a command
    /// that is refused. So a child can report in its parent's language. Two small allocations; a post pays one call more.
    ///
    /// ```
    /// use rsm::fsm::{Address, Automaton, Context, Input, Runner, VirtualTime};
    ///
    /// struct Shop { sold: u32 }
    /// enum Order { Sold(u32), Close }
    /// impl Automaton for Shop {
    ///     type State = ();
    ///     type Command = Order;
    ///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
    ///         match input {
    ///             Input::Command(Order::Sold(count)) => self.sold += count,
    ///             Input::Command(Order::Close) => context.drain(),
    ///             Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
    ///         }
    ///     }
    /// }
    ///
    /// let time = VirtualTime::new(1);
    /// let shop = time.spawn(Shop { sold: 0 }, ());
    /// // For one that knows numbers alone, and nothing of shops.
    /// let counter: Address<u32> = shop.map(Order::Sold, |order| match order {
    ///     Order::Sold(count) => count,
    ///     Order::Close => 0, // never posted there
    /// });
    /// counter.post(3)?;
    /// time.run_until_idle(&mut ());
    /// assert_eq!(time.look::<Shop, _>(&shop, |shop, ()| shop.sold), Some(3));
    ///
    /// // Weakly, it keeps nobody from draining: for registries, and the way back.
    /// let weak = counter.downgrade();
    /// assert!(weak.upgrade().is_some_and(|address| address == counter));
    /// drop(shop.post(Order::Close));
    /// time.run_until_idle(&mut ());
    /// assert_eq!(counter.post(4).map_err(|refused| refused.into_inner()), Err(4)); // as it was posted
    /// drop((shop, counter));
    /// assert!(weak.upgrade().is_none());
    /// # Ok::<(), rsm::fsm::Rejected<u32>>(())
    /// ```
    #[must_use]
    pub fn map<D: Send + 'static>(
        &self,
        into: impl Fn(D) -> C + Send + Sync + 'static,
        back: impl Fn(C) -> D + Send + Sync + 'static,
    ) -> Address<D> {
        Address::another(Arc::new(mapped::Mapped::new(self.port.clone(), into, back)))
    }

    /// Releases `guard` when this automaton is gone; at once if it is.
    pub(crate) fn attach(&self, guard: impl Send + 'static) {
        drop(self.node().attach(Box::new(guard)));
    }
}

impl<C: 'static> Clone for Address<C> {
    fn clone(&self) -> Self {
        Address::another(self.port.clone())
    }
}

impl<C: 'static> Drop for Address<C> {
    fn drop(&mut self) {
        // ORDERING: Release and Acquire put the drain that the last one signals behind all that was done through any address.
        // Litmus, which loom cannot see as it runs each thread in order: A enters the inbox (a post), then counts itself out; B
        // counts to zero, then enters the inbox (the drain). With less, B's entry may come before A's in the order of the
        // inbox's word, and A's post would be refused although its address lived.
        // One that is told to end, or has ended, is spared the drain, and the visit: such a word stays such, however old the look is.
        if self.node().addresses().fetch_sub(1, Ordering::AcqRel) == 1 && !self.node().word().is_ending() {
            self.drain();
        }
    }
}

impl<C: 'static> From<&Address<C>> for CellId {
    fn from(address: &Address<C>) -> CellId {
        address.cell()
    }
}

impl<C: 'static> PartialEq for Address<C> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.node().addresses(), other.node().addresses())
    }
}
impl<C: 'static> Eq for Address<C> {}

impl<C: 'static> Hash for Address<C> {
    /// By which automaton it is, not by its [`cell`](Address::cell): behind a door that changes. It differs from run to run.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        std::ptr::from_ref(self.node().addresses()).hash(hasher);
    }
}

// What is posted is moved through a lock, so it need not be `Sync`.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Address<std::cell::Cell<u8>>>();
    is_shared::<WeakAddress<std::cell::Cell<u8>>>();
};

impl<C: 'static> fmt::Debug for Address<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:016x} {:?})", self.cell().0, self.mode())
    }
}

/// An address that does not keep its automaton from draining: for the way back to who holds one's own address, for registries
/// and caches.
pub struct WeakAddress<C: 'static> {
    way: Way<C>,
}

enum Way<C: 'static> {
    Cell(Weak<dyn Port<C>>),
    Mapped(Arc<dyn Upgrade<C>>),
}

/// What a weak address in another language can do.
trait Upgrade<C: 'static>: Send + Sync {
    fn upgrade(&self) -> Option<Address<C>>;
    fn notice(&self, make: Notice<C>);
    fn is_gone(&self) -> bool;
    fn cell(&self) -> Option<CellId>;
    /// Where its automaton lies, or lay: as long as this lives, no other does.
    fn place(&self) -> *const ();
    fn living(&self) -> Option<CellId>;
    fn kill(&self);
}

impl<C: 'static> WeakAddress<C> {
    /// Of a cell itself.
    pub(crate) fn of(port: Weak<dyn Port<C>>) -> WeakAddress<C> {
        WeakAddress { way: Way::Cell(port) }
    }

    /// An address, if one still exists: once the last was dropped, the automaton drains and none comes back, unless it makes one of
    /// itself meanwhile ([`Context::address`](super::Context::address)), which leads to one that drains.
    #[must_use]
    pub fn upgrade(&self) -> Option<Address<C>> {
        let port = match &self.way {
            Way::Cell(port) => port.upgrade()?,
            Way::Mapped(mapped) => return mapped.upgrade(),
        };
        let addresses = &port.node().addresses();
        let raise = |count: u32| if count == 0 { None } else { Some(count + 1) };
        // ORDERING: Relaxed: an address carries nothing but the way to the inbox, and 0 is left by no one but the automaton itself, in
        // its turn (model `fsm_last_address_against_upgrade`).
        addresses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise).ok()?;
        Some(Address { port })
    }
}

impl<C: 'static> WeakAddress<C> {
    /// Which automaton this leads to; `None` once nothing is left of it. In a registry compare the weak addresses themselves, which
    /// are equal, and of one hash, also then.
    #[must_use]
    pub fn cell(&self) -> Option<CellId> {
        match &self.way {
            Way::Cell(port) => port.upgrade().map(|port| port.node().id()),
            Way::Mapped(mapped) => mapped.cell(),
        }
    }

    fn place(&self) -> *const () {
        match &self.way {
            Way::Cell(port) => port.as_ptr().cast(),
            Way::Mapped(mapped) => mapped.place(),
        }
    }

    /// Tells of an end, whether or not an address is left: one that drains may wait for just this.
    pub(crate) fn notice(&self, make: Notice<C>) {
        match &self.way {
            Way::Mapped(mapped) => mapped.notice(make),
            Way::Cell(port) => {
                if let Some(port) = port.upgrade() {
                    schedule(&port, port.notice(make));
                }
            }
        }
    }

    /// The automaton, while it lives, whether or not an address is left: it may drain.
    pub(crate) fn living(&self) -> Option<CellId> {
        match &self.way {
            Way::Mapped(mapped) => mapped.living(),
            Way::Cell(port) => port.upgrade().filter(|port| !port.node().word().is_dead()).map(|port| port.node().id()),
        }
    }

    /// As [`Address::kill`], whether or not an address is left.
    pub(crate) fn kill(&self) {
        match &self.way {
            Way::Mapped(mapped) => mapped.kill(),
            Way::Cell(port) => {
                if let Some(port) = port.upgrade() {
                    schedule(&port, port.node().signal(KILL));
                }
            }
        }
    }

    /// Whether nothing is left of the automaton. Runs no code of the user's.
    pub(crate) fn is_gone(&self) -> bool {
        match &self.way {
            Way::Mapped(mapped) => mapped.is_gone(),
            Way::Cell(port) => port.strong_count() == 0,
        }
    }
}

impl<C: 'static> Clone for WeakAddress<C> {
    fn clone(&self) -> Self {
        WeakAddress {
            way: match &self.way {
                Way::Cell(port) => Way::Cell(port.clone()),
                Way::Mapped(mapped) => Way::Mapped(mapped.clone()),
            },
        }
    }
}

impl<C: 'static> PartialEq for WeakAddress<C> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}
impl<C: 'static> Eq for WeakAddress<C> {}

impl<C: 'static> Hash for WeakAddress<C> {
    /// By which automaton it is. It differs from run to run.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.place().hash(hasher);
    }
}

impl<C: 'static> fmt::Debug for WeakAddress<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakAddress")
    }
}
