//! What a cell keeps under its lock: the commands posted, what the system tells it, and who wants to know of its end.
//!
//! ```text
//!   chunks [ 1024 ][ 1024 ][..  what a burst adds, the oldest first; given back one by one while it drains
//!   queue  [ up to 1024 ]       youngest, contiguous; where every post goes; swapped with the drained batch of the turn
//!   system   timers due, death notices: never full, never refused
//! ```
//! The rest of [`More`] is boxed at first use: an idle cell has one vector here and a null pointer.

use super::automaton::{End, Panic};
use super::counters::Latency;
use super::few::Few;
use super::watching::Tell;
use super::word::Phase;
use crate::sync::lock::Lock;
use crate::sync::oneshot;
use crate::time::Time;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// Commands of one chunk: as many as these bytes hold, between 256 and 1024. Below that a queue doubles; beyond it grows by chunks,
/// for a copy of megabytes under the lock would hold up every sender. But small chunks would bring the owner of a turn to the lock
/// often, and each time it takes its line, and that of the commands, from the senders.
const CHUNK_BYTES: usize = 8 << 10;

const fn chunk_len<C>() -> usize {
    match CHUNK_BYTES.checked_div(size_of::<C>()) {
        None | Some(1024..) => 1024,
        Some(..256) => 256,
        Some(fit) => fit,
    }
}

/// An idle cell keeps a buffer up to so many elements and bytes (F12).
const KEPT_LEN: usize = 8;
const KEPT_BYTES: usize = 256;

/// What the system tells a cell.
pub(crate) enum System<C> {
    /// The wheel has come to `now`, hence to the deadline of this timer.
    Due { tag: u32, now: Time },
    /// Someone watched has ended. The closure is the watcher's own code, so it runs in the watcher's turn.
    Notice(Notice<C>),
}

/// Makes the command that tells of an end; `None` if that is no longer wanted.
pub(crate) type Notice<C> = Box<dyn FnOnce() -> Option<C> + Send>;

/// Who is told of an end.
pub(crate) enum Watcher {
    /// An automaton.
    Cell(Arc<dyn Tell>),
    /// A thread or a task.
    Ticket(oneshot::Sender<End>),
}

/// What is held until after death.
pub(crate) type Guard = Box<dyn Send>;

/// Where the dead leave their commands, for a successor.
pub(crate) type Keeper<C> = Arc<Lock<Vec<C>>>;

/// Who waits for room, told from all others by where it lies.
pub(crate) type Seat = Arc<()>;

/// One that waits for room.
struct Waiting {
    seat: Seat,
    /// Shared, for it is the user's: under the lock it is neither cloned nor dropped (F4).
    waker: Arc<Waker>,
}

/// All that lies under a cell's lock.
pub(crate) struct Inbox<C> {
    /// The youngest, up to a chunk.
    queue: Vec<C>,
    more: Option<Box<More<C>>>,
}

/// What most cells never need.
pub(crate) struct More<C> {
    /// Full, and older than the queue.
    chunks: VecDeque<Vec<C>>,
    chunked: usize,
    /// A chunk that the owner of the turn has emptied, for the next one.
    spare: Vec<C>,
    system: Few<System<C>>,
    watchers: Vec<Watcher>,
    guards: Vec<Guard>,
    panic: Option<Panic>,
    overwrites: bool,
    /// Who waits for room, the oldest first.
    waiting: VecDeque<Waiting>,
    keeper: Option<Keeper<C>>,
    /// When it was woken, if that post is timed and no turn has begun since.
    woken: Option<Time>,
    latency: Latency,
}

impl<C> More<C> {
    fn new() -> Self {
        More {
            chunks: VecDeque::new(),
            chunked: 0,
            spare: Vec::new(),
            system: Few::None,
            watchers: Vec::new(),
            guards: Vec::new(),
            panic: None,
            overwrites: false,
            waiting: VecDeque::new(),
            keeper: None,
            woken: None,
            latency: Latency::default(),
        }
    }
}

impl<C> Inbox<C> {
    /// Empty; `overwrites` if the oldest command makes room for a new one.
    pub(crate) fn new(overwrites: bool, guards: Vec<Guard>, watchers: Vec<Watcher>) -> Inbox<C> {
        let mut inbox = Inbox { queue: Vec::new(), more: None };
        if overwrites || !guards.is_empty() || !watchers.is_empty() {
            inbox.more = Some(Box::new(More { overwrites, guards, watchers, ..More::new() }));
        }
        inbox
    }

    fn more(&mut self) -> &mut More<C> {
        self.more.get_or_insert_with(|| Box::new(More::new()))
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.more.as_ref().map_or(0, |more| more.chunked)
    }

    pub(crate) fn overwrites(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.overwrites)
    }

    #[inline]
    pub(crate) fn push(&mut self, command: C) {
        if self.queue.len() == const { chunk_len::<C>() } {
            self.begin_chunk();
        }
        self.queue.push(command);
    }

    /// The queue is full: it becomes the youngest of the chunks.
    #[cold]
    fn begin_chunk(&mut self) {
        let more = self.more();
        let mut fresh = mem::take(&mut more.spare);
        fresh.reserve_exact(chunk_len::<C>());
        more.chunked += chunk_len::<C>();
        let full = mem::replace(&mut self.queue, fresh);
        self.more().chunks.push_back(full);
    }

    /// Takes the oldest command out, for one that overwrites. Moves at most one chunk's worth.
    pub(crate) fn pop_oldest(&mut self) -> Option<C> {
        if let Some(more) = self.more.as_mut()
            && let Some(oldest) = more.chunks.front_mut()
        {
            more.chunked -= 1;
            let command = oldest.remove(0);
            if oldest.is_empty() {
                more.chunks.pop_front();
            }
            return Some(command);
        }
        if self.queue.is_empty() { None } else { Some(self.queue.remove(0)) }
    }

    fn next_chunk(&mut self) -> Option<Vec<C>> {
        let more = self.more.as_mut()?;
        let chunk = more.chunks.pop_front()?;
        more.chunked -= chunk.len();
        Some(chunk)
    }

    /// Fills an empty batch with the oldest commands; hands back a buffer to be freed after the unlock.
    pub(crate) fn fill(&mut self, batch: &mut Vec<C>) -> Vec<C> {
        debug_assert!(batch.is_empty(), "what was taken is delivered before more is");
        let Some(chunk) = self.next_chunk() else {
            mem::swap(&mut self.queue, batch);
            return Vec::new();
        };
        let emptied = mem::replace(batch, chunk);
        let spare = &mut self.more().spare;
        if spare.capacity() == 0 && emptied.capacity() == chunk_len::<C>() {
            mem::replace(spare, emptied)
        } else {
            emptied
        }
    }

    /// Takes the buffers out that an idle cell must not keep, to be freed after the unlock (F12).
    pub(crate) fn shrink(&mut self) -> impl Sized + use<C> {
        debug_assert!(self.len() == 0, "only an empty inbox rests");
        let more = self.more.as_mut().map(|more| {
            let list = if is_long(&more.chunks) { mem::take(&mut more.chunks) } else { VecDeque::new() };
            (mem::take(&mut more.spare), list)
        });
        (shrunk(&mut self.queue), more)
    }

    /// Whether an idle cell may keep all buffers that are here now.
    pub(crate) fn is_small(&self) -> bool {
        let spare = |more: &More<C>| more.spare.capacity() != 0 && size_of::<C>() != 0; // what has no size takes no memory
        let more = |more: &More<C>| spare(more) || is_long(&more.chunks);
        !is_large::<C>(self.queue.capacity()) && !self.more.as_deref().is_some_and(more)
    }

    pub(crate) fn tell(&mut self, what: System<C>) {
        self.more().system.push(what);
    }

    pub(crate) fn take_system(&mut self) -> Few<System<C>> {
        self.more.as_mut().map(|more| mem::take(&mut more.system)).unwrap_or_default()
    }

    /// Notes a watcher. Hands out those that listen no more, to be dropped after the unlock: they would pile up on one who lives long.
    pub(crate) fn watch(&mut self, watcher: Watcher) -> Vec<Watcher> {
        let watchers = &mut self.more().watchers;
        let mut gone = Vec::new();
        if watchers.len() == watchers.capacity() {
            gone.extend(watchers.extract_if(.., |watcher| watcher.is_gone()));
            // As many again as are left, before we look again: so each look is paid for by those who came.
            watchers.reserve(watchers.len() + 1);
        }
        watchers.push(watcher);
        gone
    }

    /// It was woken then, and that is timed.
    pub(crate) fn woken(&mut self, at: Time) {
        self.more().woken = Some(at);
    }

    /// When it was woken, if that is timed.
    pub(crate) fn take_woken(&mut self) -> Option<Time> {
        self.more.as_mut()?.woken.take()
    }

    /// Its turn began so long after it was woken.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.more().latency.note(time);
    }

    pub(crate) fn latency(&self) -> Latency {
        self.more.as_ref().map_or_else(Latency::default, |more| more.latency)
    }

    /// Whether the holder of that seat, or of none yet, goes before all who wait for room.
    pub(crate) fn is_first(&self, seat: Option<&Seat>) -> bool {
        match self.more.as_ref().and_then(|more| more.waiting.front()) {
            None => true,
            Some(first) => seat.is_some_and(|seat| Arc::ptr_eq(seat, &first.seat)),
        }
    }

    /// Has the holder of a seat wait for room: in its place, or behind all others. Hands back a waker that waits no more, to be
    /// dropped after the unlock.
    pub(crate) fn wait(&mut self, seat: &Seat, waker: Arc<Waker>) -> Option<Arc<Waker>> {
        let waiting = &mut self.more().waiting;
        match waiting.iter_mut().find(|waiting| Arc::ptr_eq(&waiting.seat, seat)) {
            Some(place) => Some(mem::replace(&mut place.waker, waker)),
            None => {
                waiting.push_back(Waiting { seat: seat.clone(), waker });
                None
            }
        }
    }

    /// The holder of a seat waits no more; hands its waker back.
    pub(crate) fn leave(&mut self, seat: &Seat) -> Option<Arc<Waker>> {
        let waiting = &mut self.more.as_mut()?.waiting;
        let place = waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.seat, seat))?;
        waiting.remove(place).map(|waiting| waiting.waker)
    }

    /// Whom to wake if there is room: the first who waits, and it stays the first until it has posted or gone.
    pub(crate) fn first_waiting(&self, limit: u32) -> Option<Arc<Waker>> {
        let first = self.more.as_ref()?.waiting.front()?;
        if self.len() < limit as usize { Some(first.waker.clone()) } else { None }
    }

    /// All who wait for room, for there will be none.
    pub(crate) fn take_waiting(&mut self) -> Vec<Arc<Waker>> {
        let waiting = self.more.as_mut().map(|more| mem::take(&mut more.waiting)).unwrap_or_default();
        waiting.into_iter().map(|waiting| waiting.waker).collect()
    }

    /// What is left at death goes there.
    pub(crate) fn keep(&mut self, keeper: Keeper<C>) {
        self.more().keeper = Some(keeper);
    }

    pub(crate) fn take_keeper(&mut self) -> Option<Keeper<C>> {
        self.more.as_mut()?.keeper.take()
    }

    pub(crate) fn attach(&mut self, guard: Guard) {
        self.more().guards.push(guard);
    }

    /// All commands, oldest first; nothing comes after them. One that never had any allocates nothing.
    pub(crate) fn empty(&mut self) -> VecDeque<Vec<C>> {
        let mut all = VecDeque::new();
        if let Some(more) = self.more.as_mut() {
            more.chunked = 0;
            all = mem::take(&mut more.chunks);
        }
        if self.queue.capacity() != 0 {
            all.push_back(mem::take(&mut self.queue));
        }
        all
    }

    /// What is settled after death: told too late, watchers, guards. The reason stays.
    pub(crate) fn settle(&mut self, end: &End) -> Settled<C> {
        if let End::Panicked(panic) = end {
            self.more().panic = Some(panic.clone());
        }
        match self.more.as_mut() {
            None => Settled { system: Few::None, watchers: Vec::new(), guards: Vec::new() },
            Some(more) => Settled {
                system: mem::take(&mut more.system),
                watchers: mem::take(&mut more.watchers),
                guards: mem::take(&mut more.guards),
            },
        }
    }

    /// How the dead of this phase ended; `None` for the living.
    pub(crate) fn end(&self, phase: Phase) -> Option<End> {
        match phase {
            Phase::Exited => Some(End::Exited),
            Phase::Killed => Some(End::Killed),
            Phase::Panicked => {
                let panic = self.more.as_ref().and_then(|more| more.panic.clone());
                Some(End::Panicked(panic.expect("a panic is settled together with its phase")))
            }
            Phase::Queued | Phase::Idle | Phase::Running | Phase::Notified => None,
        }
    }
}

/// What must be dropped and told once a cell is dead.
pub(crate) struct Settled<C> {
    pub(crate) system: Few<System<C>>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) guards: Vec<Guard>,
}

/// Takes an empty buffer out if it is larger than an idle cell may keep.
pub(crate) fn shrunk<C>(buffer: &mut Vec<C>) -> Vec<C> {
    if is_large::<C>(buffer.capacity()) { mem::take(buffer) } else { Vec::new() }
}

/// Whether a buffer for so many is larger than an idle cell may keep.
pub(crate) fn is_large<C>(capacity: usize) -> bool {
    let large = KEPT_LEN < capacity || KEPT_BYTES < capacity.saturating_mul(size_of::<C>());
    large && size_of::<C>() != 0
}

/// Whether the list of chunks is longer than an idle cell may keep: of a burst of ten million it is a megabyte.
fn is_long<C>(chunks: &VecDeque<Vec<C>>) -> bool {
    KEPT_LEN < chunks.capacity()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> Inbox<u32> {
        Inbox::new(false, Vec::new(), Vec::new())
    }

    fn drained(inbox: &mut Inbox<u32>) -> Vec<u32> {
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        while inbox.len() != 0 {
            drop(inbox.fill(&mut batch));
            all.append(&mut batch);
        }
        all
    }

    #[test]
    fn commands_come_out_as_they_went_in_across_chunks() {
        for len in [0, 1, 255, 256, 257, 1_023, 1_024, 1_025, 2_048, 2_049, 9_000] {
            let mut inbox = inbox();
            (0..len).for_each(|n| inbox.push(n));
            assert_eq!(inbox.len(), len as usize);
            assert_eq!(drained(&mut inbox), (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_pushed_while_a_burst_drains_comes_after_it() {
        let mut inbox = inbox();
        let (mut next, mut expected, mut batch) = (0, 0, Vec::new());
        for _ in 0..50 {
            (0..1_300).for_each(|_| {
                inbox.push(next);
                next += 1;
            });
            drop(inbox.fill(&mut batch));
            for command in batch.drain(..) {
                assert_eq!(command, expected);
                expected += 1;
            }
        }
        assert_eq!(drained(&mut inbox), (expected..next).collect::<Vec<_>>());
    }

    #[test]
    fn the_oldest_is_the_one_displaced_also_across_chunks() {
        let mut inbox = inbox();
        (0..2_400).for_each(|n| inbox.push(n));
        (0..2_400).for_each(|n| {
            assert_eq!(inbox.pop_oldest(), Some(n));
            inbox.push(2_400 + n);
            assert_eq!(inbox.len(), 2_400);
        });
        assert_eq!(drained(&mut inbox), (2_400..4_800).collect::<Vec<_>>());
    }

    #[test]
    fn an_idle_inbox_keeps_at_most_eight_elements_and_256_bytes() {
        for (pushed, kept) in [(4, true), (8, true), (9, false), (300, false), (10_000, false)] {
            let mut inbox = inbox();
            (0..pushed).for_each(|n| inbox.push(n));
            let mut batch = Vec::new();
            while inbox.len() != 0 {
                drop(inbox.fill(&mut batch));
                batch.clear();
            }
            assert!(
                kept == (inbox.is_small() && !is_large::<u32>(batch.capacity())),
                "F12: a turn that rests without a look leaves nothing large"
            );
            drop((inbox.shrink(), shrunk(&mut batch)));
            let spare = inbox.more.as_ref().map_or(0, |more| more.spare.capacity());
            let list = inbox.more.as_ref().map_or(0, |more| more.chunks.capacity());
            assert!(list <= KEPT_LEN, "F12: a list of {list} chunks is kept after {pushed}");
            let most = inbox.queue.capacity().max(batch.capacity()).max(spare);
            assert!(most <= KEPT_LEN, "F12: {most} elements are kept after {pushed}");
            assert_eq!(most != 0, kept, "a small buffer is worth keeping");
        }
        assert!(Inbox::<()>::new(true, Vec::new(), Vec::new()).is_small(), "F12: what has no size takes no memory");
        let mut wide = vec![[0u8; 100]; 4];
        wide.clear();
        assert!(shrunk(&mut wide).capacity() != 0, "F12: 400 bytes are kept");
    }
}
