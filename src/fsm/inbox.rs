//! What a cell keeps behind its word: the commands posted, what the system tells it, and who wants to know of its end.
//!
//! ```text
//!   oldest [ up to 1024 ]       of one that overwrites: a chunk from which posts displace, turned round
//!   chunks [ 1024 ][ 1024 ][..  what a burst adds, the oldest first; given back one by one while it drains
//!   queue  [ up to 1024 ]       youngest, contiguous; where every post goes; swapped with the drained batch of the turn.
//!                               Of one that overwrites a ring, while it is all there is: a new one goes where the oldest lay
//!   spare                       one empty chunk, the next to be filled
//!   system   timers due, death notices: never full, never refused
//! ```
//! All but the queue is boxed at first use: an idle cell has one vector here and a null pointer.

mod guarded;

pub(crate) use guarded::{Guarded, Left, Opened};

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
/// for a copy of megabytes would hold up every sender. But small chunks would bring the owner of a turn here
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
    /// Shared, for it is the user's: in here it is neither cloned nor dropped (F4).
    waker: Arc<Waker>,
}

/// All that lies behind a cell's word.
pub(crate) struct Inbox<C> {
    /// The youngest, up to a chunk.
    queue: Vec<C>,
    more: Beside<C>,
}

/// What lies beside the queue, boxed: an automaton that has timers is told things and needs nothing more.
struct Beside<C>(Option<Box<Told<C>>>);

struct Told<C> {
    system: Few<System<C>>,
    more: Option<Box<More<C>>>,
}

/// What most cells never need.
struct More<C> {
    /// Full, and older than the queue.
    chunks: VecDeque<Vec<C>>,
    /// Commands that are in no queue.
    chunked: usize,
    /// Of one that overwrites, older than the chunks and turned round: the oldest is the last.
    oldest: Vec<C>,
    /// Of one that overwrites, where the oldest lies in its queue: a ring, once one there was displaced.
    first: usize,
    /// A chunk that the owner of a turn, or who displaced the last of it, has emptied, for the next one.
    spare: Vec<C>,
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

impl<C> Beside<C> {
    fn as_ref(&self) -> Option<&More<C>> {
        self.0.as_ref()?.more.as_deref()
    }

    fn as_mut(&mut self) -> Option<&mut More<C>> {
        self.0.as_mut()?.more.as_deref_mut()
    }

    fn told(&mut self) -> &mut Told<C> {
        self.0.get_or_insert_with(|| Box::new(Told { system: Few::None, more: None }))
    }

    fn get(&mut self) -> &mut More<C> {
        self.told().more.get_or_insert_with(|| Box::new(More::new()))
    }
}

impl<C> More<C> {
    fn new() -> Self {
        More {
            chunks: VecDeque::new(),
            chunked: 0,
            oldest: Vec::new(),
            first: 0,
            spare: Vec::new(),
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
        let mut inbox = Inbox { queue: Vec::new(), more: Beside(None) };
        if overwrites || !guards.is_empty() || !watchers.is_empty() {
            *inbox.more() = More { overwrites, guards, watchers, ..More::new() };
        }
        inbox
    }

    fn more(&mut self) -> &mut More<C> {
        self.more.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.more.as_ref().map_or(0, |more| more.chunked)
    }

    pub(crate) fn overwrites(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.overwrites)
    }

    /// Whether one more goes in as it is.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() != self.queue.capacity()
    }

    /// Whether one more goes in, in place of the oldest where `limit` are here.
    pub(crate) fn has_room_within(&self, limit: usize) -> bool {
        self.has_room() || limit <= self.queue.len() && self.queue.len() == self.len()
    }

    /// Puts a command in, for which there is [room](Self::has_room): else the allocator is called while others wait.
    #[inline]
    pub(crate) fn push(&mut self, command: C) {
        self.queue.push(command);
    }

    /// Puts a command in, whatever room there is: for an inbox of which nobody else knows.
    pub(crate) fn push_growing(&mut self, command: C) {
        while !self.has_room() {
            let fresh = Vec::with_capacity(self.wanted());
            drop(self.make_room(fresh));
        }
        self.push(command);
    }

    /// How long the next queue must be, of one that has no room.
    pub(crate) fn wanted(&self) -> usize {
        // No more at first than an idle cell may keep, or each post to one would allocate. Of larger ones it keeps none, so each does: one.
        let first = KEPT_BYTES.checked_div(size_of::<C>()).unwrap_or(4).clamp(1, 4);
        self.queue.capacity().saturating_mul(2).clamp(first, chunk_len::<C>())
    }

    /// Takes over an empty queue, if there is no room and it has some, and hands back the one that is not needed. One that is a chunk
    /// already becomes the youngest of the chunks, and is not copied.
    pub(crate) fn make_room(&mut self, fresh: Vec<C>) -> Vec<C> {
        if self.has_room() || fresh.capacity() < self.wanted() {
            return fresh;
        }
        let mut full = mem::replace(&mut self.queue, fresh);
        if full.capacity() < chunk_len::<C>() {
            self.queue.append(&mut full);
            return full;
        }
        let more = self.more();
        more.chunked += full.len();
        more.chunks.push_back(full);
        Vec::new()
    }

    /// Makes room of a chunk that was emptied, if there is one.
    pub(crate) fn reuse(&mut self) {
        if let Some(more) = self.more.as_mut()
            && more.spare.capacity() != 0
        {
            let spare = mem::take(&mut more.spare);
            let back = self.make_room(spare);
            self.more().spare = back;
        }
    }

    /// Puts a command in, for which there is [room](Self::has_room_within), and takes out the oldest, of one that overwrites. Hands out
    /// besides a buffer to be freed after leaving. Nothing moves up: what is in the queue alone is a ring, and of chunks the oldest is turned
    /// round, once for all that it holds.
    pub(crate) fn displace(&mut self, command: C) -> (Option<C>, Vec<C>) {
        let more = self.more.get();
        if more.chunked == 0 {
            let Some(place) = self.queue.get_mut(more.first) else { return (Some(command), Vec::new()) };
            let oldest = mem::replace(place, command);
            more.first = (more.first + 1) % self.queue.len();
            return (Some(oldest), Vec::new());
        }
        let mut emptied = Vec::new();
        if more.oldest.is_empty()
            && let Some(chunk) = more.chunks.pop_front()
        {
            emptied = mem::replace(&mut more.oldest, chunk);
            more.oldest.reverse();
            if more.spare.capacity() == 0 {
                mem::swap(&mut more.spare, &mut emptied);
            }
        }
        more.chunked -= 1;
        self.queue.push(command);
        (more.oldest.pop(), emptied)
    }

    /// What is older than the queue, and how it lies.
    fn next_chunk(&mut self) -> Option<(Vec<C>, Order)> {
        let more = self.more.as_mut()?;
        // An empty one keeps its memory: nothing is freed in here.
        let next = match more.oldest.is_empty() {
            true => (more.chunks.pop_front()?, Order::From(0)),
            false => (mem::take(&mut more.oldest), Order::Turned),
        };
        more.chunked -= next.0.len();
        Some(next)
    }

    /// Fills an empty batch with the oldest commands; hands back a buffer to be freed after leaving, and how they lie.
    pub(crate) fn fill(&mut self, batch: &mut Vec<C>) -> (Vec<C>, Order) {
        debug_assert!(batch.is_empty(), "what was taken is delivered before more is");
        let Some((chunk, order)) = self.next_chunk() else {
            mem::swap(&mut self.queue, batch);
            let first = self.more.as_mut().map_or(0, |more| mem::take(&mut more.first));
            return (Vec::new(), Order::From(first));
        };
        let mut emptied = mem::replace(batch, chunk);
        let spare = &mut self.more().spare;
        if spare.capacity() == 0 && emptied.capacity() == chunk_len::<C>() {
            mem::swap(spare, &mut emptied);
        }
        (emptied, order)
    }

    /// Takes the buffers out that an idle cell must not keep, to be freed after leaving (F12).
    pub(crate) fn shrink(&mut self) -> impl Sized + use<C> {
        debug_assert!(self.len() == 0, "only an empty inbox rests");
        let more = self.more.as_mut().map(|more| {
            let list = if is_long(&more.chunks) { mem::take(&mut more.chunks) } else { VecDeque::new() };
            (mem::take(&mut more.spare), mem::take(&mut more.oldest), list)
        });
        (shrunk(&mut self.queue), more)
    }

    /// Whether an idle cell may keep all buffers that are here now.
    pub(crate) fn is_small(&self) -> bool {
        let spare = |more: &More<C>| more.spare.capacity() + more.oldest.capacity() != 0;
        let spare = |more: &More<C>| size_of::<C>() != 0 && spare(more); // what has no size takes no memory
        let more = |more: &More<C>| spare(more) || is_long(&more.chunks);
        !is_large::<C>(self.queue.capacity()) && !self.more.as_ref().is_some_and(more)
    }

    pub(crate) fn tell(&mut self, what: System<C>) {
        self.more.told().system.push(what);
    }

    pub(crate) fn take_system(&mut self) -> Few<System<C>> {
        self.more.0.as_mut().map(|told| mem::take(&mut told.system)).unwrap_or_default()
    }

    /// Notes a watcher. Hands out those that listen no more, to be dropped outside: they would pile up on one who lives long.
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
    /// dropped after leaving.
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
    pub(crate) fn leave_seat(&mut self, seat: &Seat) -> Option<Arc<Waker>> {
        let waiting = &mut self.more.as_mut()?.waiting;
        let place = waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.seat, seat))?;
        waiting.remove(place).map(|waiting| waiting.waker)
    }

    /// Whom to wake if there is room: the first who waits, and it stays the first until it has posted or gone.
    pub(crate) fn first_waiting(&self, limit: usize) -> Option<Arc<Waker>> {
        let first = self.more.as_ref()?.waiting.front()?;
        if self.len() < limit { Some(first.waker.clone()) } else { None }
    }

    /// All who wait for room, for there will be none.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = Arc<Waker>> + use<C> {
        let waiting = self.more.as_mut().map(|more| mem::take(&mut more.waiting)).unwrap_or_default();
        waiting.into_iter().map(|waiting| waiting.waker)
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
            let mut oldest = mem::take(&mut more.oldest);
            if !oldest.is_empty() {
                oldest.reverse();
                all.push_front(oldest);
            }
            self.queue.rotate_left(mem::take(&mut more.first));
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
        let system = self.take_system();
        let told = self.more.as_mut().map(|more| (mem::take(&mut more.watchers), mem::take(&mut more.guards)));
        let (watchers, guards) = told.unwrap_or_default();
        Settled { system, watchers, guards }
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

/// How commands lie that were taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// From this one on, and then from the beginning.
    From(usize),
    /// The oldest last.
    Turned,
}

impl Order {
    /// Has the oldest come last, as a turn wants it. Not inside: it moves them all.
    #[inline]
    pub(crate) fn turn<C>(self, batch: &mut [C]) {
        match self {
            Order::From(first) => {
                batch.rotate_left(first);
                batch.reverse();
            }
            Order::Turned => {}
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
mod tests;
