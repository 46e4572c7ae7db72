//! A turn: what the system has to say, up to `batch` commands, `flush`; and what follows from it.
//!
//! ```text
//!   schedule ──> take ──> Start? ──> stop? ──> Drain? ──> timers, notices ──> commands ──> flush ──> end ──> Idle, or again
//!                 |                   |                      |  ^                                     |
//!                 | kill              v                      v  | kind changed                        | drained
//!                 +───────────────> death <── flush <── Exit    Transition            Exit <──────────+
//! ```
//! One `catch_unwind` stands around all of the user's code in a turn. It is sound to go on: state and automaton are never seen again.

mod limit;

pub(crate) use limit::Limit;

use super::automaton::{Automaton, End, Input, Kind, Panic};
use super::cell::{Body, Cell, Live, Stage};
use super::context::Context;
use super::death::{drop_all, wake_all};
use super::few::Few;
use super::inbox::{Left, Order, System, shrunk};
use super::runner::Task;
use super::spans;
use super::tape::Tape;
use super::word::{DRAIN, KILL, Rest, STOP, Word};
use crate::sync::backoff::Backoff;
use crate::sync::turn::TurnGuard;
use crate::time::Time;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Whether nobody but this automaton waits for the thread that runs it, as its home sees it.
pub(crate) type Alone<'a> = &'a dyn Fn() -> bool;

/// A turn that has delivered fewer shows that posters are slow: then a rest would only keep a command waiting.
const FEW: u32 = 3;
/// How long a rest is, 0.5 to 1.5 us; and how many follow one another at most.
const REST_PAUSES: u32 = 32;
const RESTS: u32 = 8;
/// Posters are quick if they bring so many during a rest; and so many are worth a look.
const QUICK: usize = 16;
const ENOUGH: usize = 512;

/// What a turn was, for those who keep a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Commands delivered.
    pub(crate) commands: u32,
    /// The kind before and after; `None` after death.
    pub(crate) kinds: [Option<u64>; 2],
    /// Whether this was the last turn.
    pub(crate) ended: bool,
}

/// Why the rest of a turn does not take place.
enum Halt {
    Stop,
    Kill,
}

/// How a visit came out.
enum Outcome {
    /// All that was to do is done.
    Quiet,
    /// It dies.
    Ended(End),
}

/// More transitions in a row than this are a loop.
const TRANSITIONS_MAX: u32 = 1_000;

/// The user's code and what it is called with, for as long as it cannot be left.
///
/// What changes with each input is kept here and not in the cell, which others write to meanwhile.
struct Visit<'a, A: Automaton> {
    cell: &'a Cell<A>,
    /// The home's, which lies beside what posters write.
    tape: Option<&'a Tape>,
    automaton: &'a mut A,
    stage: &'a mut Stage,
    /// `None` while `next` has it, and after its panic.
    state: Option<A::State>,
    batch: Vec<A::Command>,
    context: &'a mut Context<A>,
    /// Commands delivered of those that a turn is limited to, and all.
    commands: u32,
    processed: u32,
}

/// What a turn took.
pub(crate) struct Taken<C> {
    killed: bool,
    pub(crate) system: Few<System<C>>,
    /// The word that the turn began with, if it may go to rest without another look at the inbox, as long as nobody has come.
    quiet: Option<Left>,
}

impl<A: Automaton> Cell<A> {
    /// One turn. Whoever has the task runs it, once: so nobody else is inside (F1).
    pub(crate) fn turn(self: &Arc<Self>, limit: Limit, alone: Alone<'_>) -> Report {
        let mut guard = self.body.try_enter().expect("F1: one turn at a time: a task exists once");
        let Taken { killed, system, quiet } = self.take(&mut guard);
        self.head.turns.add(1);
        let mut context = Context::new(self.clone(), guard.extras.take());
        let mut report = Report::default();
        report.kinds[0] = self.kind(&guard);
        let span = spans::turn(self, &guard, &context);
        let outcome = if killed {
            drop_all(system); // before watchers are told (F8)
            Outcome::Ended(End::Killed)
        } else {
            system.into_iter().for_each(|what| context.hear(what));
            let most = limit.of(context.batch());
            self.visit(&mut guard, &mut context, &mut report, |visit| visit.all(most))
        };
        match outcome {
            Outcome::Quiet => {
                let is_done = guard.batch.is_empty() && !context.has_more();
                if FEW <= report.commands && is_done {
                    context.tell_wheel(); // not after the rest
                    self.gather(alone);
                }
                self.rest(guard, context, report, quiet, span)
            }
            Outcome::Ended(end) => self.end(guard, context, end, report), // inside the span
        }
    }

    /// Takes what waits: Queued -> Running. With commands in hand it is Running already, and does not look at the inbox unless the notes
    /// say that somebody has asked for something.
    pub(crate) fn take(&self, body: &mut Body<A>) -> Taken<A::Command> {
        let fresh = body.batch.is_empty();
        if !fresh && self.body.notes() == 0 {
            return Taken { killed: false, system: Few::None, quiet: None };
        }
        let mut inbox = self.inbox.enter();
        let begun = if fresh { inbox.word().take() } else { inbox.word().resume() };
        let word = begun.expect("F2: a task is run while its cell is queued, or has commands in hand");
        self.note_alerts(word);
        let system = inbox.take_system();
        let queued = inbox.len();
        let (spare, order) = if fresh { inbox.fill(&mut body.batch) } else { (Vec::new(), Order::Turned) };
        self.head.tallies.unqueue(queued - inbox.len(), queued);
        let next = word.with_depth(inbox.len());
        let quiet = (next.is_quiet() && inbox.is_small()).then(|| inbox.left(next));
        let (waiting, woken) = (inbox.first_waiting(inbox.limit()), inbox.take_woken());
        inbox.leave(next);
        drop(spare);
        wake_all(waiting);
        if let Some(woken) = woken {
            self.note_wait(woken);
        }
        order.turn(&mut body.batch);
        Taken { killed: word.has(KILL), system, quiet }
    }

    /// Lets posters that are quick bring more, after a turn that has worked off what there was: each look at the inbox takes its lines,
    /// and those of the commands, from them.
    fn gather(&self, alone: Alone<'_>) {
        let enough = ENOUGH.min(self.inbox.limit() / 2); // beyond that, posters are kept waiting
        let mut depth = self.inbox.word().depth() as usize;
        for _ in 0..RESTS {
            // In the notes stands a drain, too, after which nobody posts.
            if enough <= depth || self.body.notes() != 0 || !alone() {
                return;
            }
            Backoff::none().rest(REST_PAUSES);
            let deeper = self.inbox.word().depth() as usize;
            if deeper < depth + QUICK {
                return;
            }
            depth = deeper;
        }
    }

    /// The turn begins, and how long that took is noted.
    #[cold]
    fn note_wait(&self, woken: Time) {
        let waited = self.head.home.get().timers().now().since(woken); // F4: not inside, for the home may be the user's
        self.inbox.enter().waited(waited);
    }

    /// Runs the user's code, and contains its panic.
    fn visit(
        &self,
        body: &mut Body<A>,
        context: &mut Context<A>,
        report: &mut Report,
        act: impl FnOnce(&mut Visit<'_, A>) -> Result<(), Halt>,
    ) -> Outcome {
        let live = body.live.as_mut().expect("a cell that is dead is in no queue");
        let Live { automaton, state, stage } = live;
        let (batch, taken) = (mem::take(&mut body.batch), state.take());
        let tape = self.head.home.tape().map(|tape| &**tape);
        let mut visit =
            Visit { cell: self, tape, automaton, stage, state: taken, batch, context, commands: 0, processed: 0 };
        let result = catch_unwind(AssertUnwindSafe(|| match act(&mut visit) {
            Ok(()) => Outcome::Quiet,
            Err(Halt::Stop) => visit.exit(),
            Err(Halt::Kill) => Outcome::Ended(End::Killed),
        }));
        *state = visit.state;
        body.batch = visit.batch;
        report.commands += visit.commands;
        self.body.count(visit.processed);
        result.unwrap_or_else(|payload| Outcome::Ended(End::Panicked(Panic::new(payload))))
    }

    /// The end of a turn: to the back of the queue, to rest, or to `Exit`. With commands in hand it goes to the back of the queue as it
    /// is, Running, so that posters have the inbox to themselves meanwhile. Its span is closed before the next can begin, but for one
    /// that lingers: there only the word says that this was not the last.
    fn rest(
        self: &Arc<Self>,
        mut guard: TurnGuard<'_, Body<A>>,
        mut context: Context<A>,
        mut report: Report,
        quiet: Option<Left>,
        span: spans::Turn,
    ) -> Report {
        context.tell_wheel();
        report.kinds[1] = self.kind(&guard);
        if !guard.batch.is_empty() {
            guard.extras = context.into_extras();
            drop(guard); // before it is scheduled: the next to take this cell must find nobody inside (F1)
            span.close();
            self.head.home.get().schedule(Task::new(self.clone()));
            return report;
        }
        let stage = guard.live.as_ref().map_or(Stage::Last, |live| live.stage);
        let (more, told) = (context.has_more(), Stage::Draining <= stage);
        if !more {
            context.shrink();
        }
        let mut span = Some(span);
        if !told && let Some(span) = span.take() {
            span.close(); // outside the inbox (F4)
        }
        if let Some(began) = quiet
            && !more
            && !told
        {
            return self.rest_quietly(guard, context, report, began);
        }
        let mut inbox = self.inbox.enter();
        let mut done = inbox.word().end(more, told).expect("F1: who runs is Running");
        if done.1 == Rest::Drained && stage == Stage::Draining && context.free_postponed() {
            if let Some(live) = guard.live.as_mut() {
                live.stage = Stage::Last;
            }
            done = inbox.word().end(true, told).expect("F1: who runs is Running");
        }
        match done {
            (next, Rest::Drained) => {
                inbox.leave(next);
                let end = match self.visit(&mut guard, &mut context, &mut report, |_| Err(Halt::Stop)) {
                    Outcome::Ended(end) => end,
                    Outcome::Quiet => End::Exited,
                };
                self.end(guard, context, end, report)
            }
            (next, rest) => {
                let spare = (rest == Rest::Idle).then(|| (inbox.shrink(), shrunk(&mut guard.batch)));
                if rest == Rest::Idle && told {
                    context.keep(); // it lingers, and may have lost its last address
                }
                guard.extras = context.into_extras();
                // Left before the word says so: the next to take this cell must find nobody inside (F1).
                drop(guard);
                inbox.leave(next);
                drop((spare, span));
                if rest == Rest::Again {
                    self.head.home.get().schedule(Task::new(self.clone()));
                }
                report
            }
        }
    }

    /// The end of a turn that leaves nothing behind: to rest in one step, if nobody has come meanwhile.
    fn rest_quietly(
        self: &Arc<Self>,
        mut guard: TurnGuard<'_, Body<A>>,
        context: Context<A>,
        report: Report,
        began: Left,
    ) -> Report {
        drop(shrunk(&mut guard.batch));
        guard.extras = context.into_extras();
        drop(guard); // before the word says so, as in `rest`
        let idle = |now: Word| now.end(false, false).expect("F1: who runs is Running");
        if self.inbox.replace(began, idle(began.word()).0) {
            return report;
        }
        let mut inbox = self.inbox.enter();
        let (next, rest) = idle(inbox.word());
        let spare = (rest == Rest::Idle).then(|| inbox.shrink());
        inbox.leave(next);
        drop(spare);
        if rest == Rest::Again {
            self.head.home.get().schedule(Task::new(self.clone()));
        }
        report
    }

    /// The label of the state, for one who has made an idle cell Running; then ends as a turn does.
    pub(crate) fn look_inside(self: &Arc<Self>) -> &'static str {
        let guard = self.body.try_enter().expect("F1: who made it Running is alone inside");
        let (mut label, mut told) = ("", false);
        if let Some(live) = guard.live.as_ref() {
            told = Stage::Draining <= live.stage;
            label = self::label::<A>(live.state.as_ref());
        }
        drop(guard);
        let inbox = self.inbox.enter();
        let now = inbox.word();
        // One that waits for its end by a turn of its own gets one.
        let (next, rest) = match now.end(false, told).expect("F1: who runs is Running") {
            (_, Rest::Drained) => now.end(true, told).expect("F1: who runs is Running"),
            done => done,
        };
        inbox.leave(next);
        if rest == Rest::Again {
            self.head.home.get().schedule(Task::new(self.clone()));
        }
        label
    }

    fn end(
        self: &Arc<Self>,
        guard: TurnGuard<'_, Body<A>>,
        context: Context<A>,
        end: End,
        mut report: Report,
    ) -> Report {
        report.ended = true;
        self.die(guard, context.into_extras(), end);
        report
    }

    /// The kind of the state, for a record.
    fn kind(&self, body: &Body<A>) -> Option<u64> {
        self.head.home.tape()?;
        body.live.as_ref()?.state.as_ref().map(|state| Kind::of(state).number())
    }
}

/// What a state is called. That is the user's code.
pub(crate) fn label<A: Automaton>(state: Option<&A::State>) -> &'static str {
    catch_unwind(AssertUnwindSafe(|| state.map_or("", A::label))).unwrap_or_else(|payload| {
        mem::forget(payload); // its `Drop` might panic again
        "a label that panics"
    })
}

impl<A: Automaton> Visit<'_, A> {
    /// All inputs of a turn, in their order.
    fn all(&mut self, most: u32) -> Result<(), Halt> {
        if *self.stage == Stage::Born {
            *self.stage = Stage::Started;
            self.deliver(Input::Start)?;
        }
        self.halt()?;
        self.drain()?;
        self.system()?;
        for _ in 0..most {
            self.drain()?;
            let Some(command) = self.context.next_command().or_else(|| self.batch.pop()) else { break };
            self.commands += 1;
            self.deliver(Input::Command(command))?;
        }
        // Whether or not the count ended the loop: a replay's turn ends where the drawn one did (F11).
        self.drain()?;
        self.flush();
        self.halt()
    }

    /// `Drain`, once it is asked for: it overtakes all commands, those of the batch in hand too.
    #[inline]
    fn drain(&mut self) -> Result<(), Halt> {
        if self.cell.alerts() & DRAIN != 0 && *self.stage < Stage::Draining {
            *self.stage = Stage::Draining;
            spans::drain();
            self.deliver(Input::Drain)?;
        }
        Ok(())
    }

    /// Timers that are due, then notices. What these bring about comes in the next turn.
    fn system(&mut self) -> Result<(), Halt> {
        if self.context.has_due() {
            for due in self.context.take_due() {
                if let Some(command) = self.context.fire(due) {
                    self.deliver(Input::Command(command))?;
                }
            }
        }
        for _ in 0..self.context.notices() {
            if let Some(command) = self.context.next_notice().and_then(|make| make()) {
                self.deliver(Input::Command(command))?;
            }
        }
        Ok(())
    }

    /// Hands in one input, and the transitions that follow from it (F10). Inlined, as the input would be copied on its way: a wait
    /// for the stores of its parts, longer than all the rest of a short turn.
    #[inline(always)]
    fn deliver(&mut self, input: Input<A>) -> Result<(), Halt> {
        let from = self.call(input);
        if self.cell.alerts() & (STOP | KILL) == 0 && self.state.as_ref().map(Kind::of) == Some(from) {
            return Ok(());
        }
        self.arrive(from)
    }

    /// What follows from an input that has changed the kind from that one, or after which somebody has asked for the end.
    #[cold]
    fn arrive(&mut self, from: Kind<A::State>) -> Result<(), Halt> {
        let mut from = from;
        for _ in 0..TRANSITIONS_MAX {
            self.halt()?;
            let to = self.state.as_ref().map(Kind::of);
            if to == Some(from) {
                return Ok(());
            }
            self.context.leave_kind();
            spans::transition::<A>(self.state.as_ref());
            from = self.call(Input::Transition { from });
        }
        panic!("a transition was answered by another {TRANSITIONS_MAX} times in a row: `next` does not come to rest")
    }

    /// One call of `next`. The state is gone if it panics. Returns the kind before.
    #[inline(always)]
    fn call(&mut self, input: Input<A>) -> Kind<A::State> {
        self.processed += u32::from(matches!(input, Input::Command(_)));
        self.note(&input);
        self.context.begin_call();
        let state = self.state.take().expect("a call hands a state back, or its panic ends the automaton");
        let from = Kind::of(&state);
        self.state = Some(self.automaton.next(state, input, self.context));
        from
    }

    #[inline]
    fn note(&self, input: &Input<A>) {
        let Some(tape) = self.tape else { return };
        tape.input(match input {
            Input::Start => 1,
            Input::Command(_) => 2,
            Input::Transition { .. } => 3,
            Input::Drain => 4,
            Input::Exit => 5,
        });
    }

    fn flush(&mut self) {
        let Some(state) = self.state.as_mut() else { return };
        self.context.begin_call();
        let kind = Kind::of(state);
        self.automaton.flush(state, self.context);
        debug_assert!(kind == Kind::of(state), "F10: the kind of a state changes in `next` alone, never in `flush`");
    }

    /// Whether someone, perhaps `next` itself, has asked for the end.
    fn halt(&self) -> Result<(), Halt> {
        match self.cell.alerts() {
            kill if kill & KILL != 0 => Err(Halt::Kill),
            stop if stop & STOP != 0 => Err(Halt::Stop),
            _ => Ok(()),
        }
    }

    /// `Exit`, and the last `flush`.
    fn exit(&mut self) -> Outcome {
        self.call(Input::Exit);
        if self.cell.alerts() & KILL == 0 {
            self.flush();
        }
        Outcome::Ended(if self.cell.alerts() & KILL != 0 { End::Killed } else { End::Exited })
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
