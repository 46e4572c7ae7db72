//! A failing run made small: steps are left out as long as it fails.
//!
//! ```text
//!   trace, 200 records ──without half, a quarter, .. one of them──> replayed leniently ──fails still?──> kept
//!                      ──with fewer commands in a turn────────────>                    ──else─────────> put back
//! ```

use super::VirtualTime;
use super::trace::{Record, Trace};

impl Trace {
    /// The fewest steps that still fail, as far as leaving out one at a time, or some neighbours, leads there; and in each turn the
    /// fewest commands. `fails` runs the program on the runner that it is handed, by [`run_until_idle`](VirtualTime::run_until_idle) or
    /// its like, and says whether it went wrong as it did before: with steps left out a program comes to less, so ask for just
    /// this defect, and not whether all was done. A panic goes through; to shrink one, catch it there and compare its message.
    ///
    /// A trace that does not fail comes back as it was. What comes back is the same each time, and is run again by
    /// [`VirtualTime::replay_leniently`]. It costs a run for each step that is left out, and a few for each that stays.
    ///
    /// ```
    /// use rsm::fsm::{Address, Automaton, Context, Input, Runner, VirtualTime};
    ///
    /// /// A number, and whether one value was written twice.
    /// #[derive(Default)]
    /// struct Register { number: u32, lost: bool }
    /// enum Ask { Read(Address<u32>), Write(u32) }
    /// impl Automaton for Register {
    ///     type State = ();
    ///     type Command = Ask;
    ///     fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
    ///         match input {
    ///             Input::Command(Ask::Read(reply)) => _ = reply.post(self.number),
    ///             Input::Command(Ask::Write(number)) => {
    ///                 self.lost |= number == self.number; // somebody else has counted that one
    ///                 self.number = number;
    ///             }
    ///             Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
    ///         }
    ///     }
    /// }
    ///
    /// /// Counts sixty times, by reading and then writing: that is the defect.
    /// struct Counter(Address<Ask>);
    /// impl Automaton for Counter {
    ///     type State = u32;
    ///     type Command = u32;
    ///     fn next(&mut self, left: u32, input: Input<Self>, context: &mut Context<Self>) -> u32 {
    ///         let read = || Ask::Read(context.address());
    ///         match input {
    ///             Input::Start => self.0.post(read()).expect("it runs"),
    ///             Input::Command(number) if left != 0 => {
    ///                 self.0.post(Ask::Write(number + 1)).expect("it runs");
    ///                 self.0.post(read()).expect("it runs");
    ///                 return left - 1;
    ///             }
    ///             Input::Command(_) | Input::Transition { .. } | Input::Drain | Input::Exit => {}
    ///         }
    ///         left
    ///     }
    /// }
    ///
    /// let fails = |time: &VirtualTime| {
    ///     let register = time.spawn(Register::default(), ());
    ///     let counters = [(); 2].map(|()| time.spawn(Counter(register.clone()), 60));
    ///     time.run_until_idle(&mut ());
    ///     drop(counters);
    ///     time.look::<Register, _>(&register, |register, ()| register.lost) == Some(true)
    /// };
    /// let seed = (1..).find(|&seed| fails(&VirtualTime::new(seed))).expect("some order loses one");
    /// let time = VirtualTime::new(seed);
    /// time.keep_trace();
    /// assert!(fails(&time));
    /// assert!(100 < time.trace().records.len());
    /// let small = time.trace().shrink(fails);
    /// assert!(small.records.len() <= 10, "both read, both write, and the register hears of each: {small}");
    /// ```
    #[must_use]
    pub fn shrink(&self, fails: impl FnMut(&VirtualTime) -> bool) -> Trace {
        let mut shrinking = Shrinking { best: self.clone(), fails };
        if shrinking.tries(self.clone()) {
            shrinking.leave_out_steps();
            shrinking.leave_out_commands();
        }
        shrinking.best
    }

    /// Steps, then commands: what is less is better.
    fn size(&self) -> (usize, u64) {
        let commands = |record: &Record| u64::from(record.what.commands);
        (self.records.len(), self.records.iter().map(commands).sum())
    }
}

struct Shrinking<F> {
    /// The smallest that fails.
    best: Trace,
    fails: F,
}

impl<F: FnMut(&VirtualTime) -> bool> Shrinking<F> {
    /// Whether it fails. Then what took place of it is the best, unless it is larger.
    fn tries(&mut self, trace: Trace) -> bool {
        let time = VirtualTime::replay_leniently(trace);
        time.keep_trace();
        let fails = (self.fails)(&time);
        let took_place = time.trace();
        if fails && took_place.size() <= self.best.size() {
            self.best = took_place;
        }
        fails
    }

    /// From the last to the first, as what follows the defect is most easily spared; again and again while it helps.
    fn leave_out_steps(&mut self) {
        let mut len = self.best.records.len().div_ceil(2);
        while len != 0 {
            let (before, mut from) = (self.best.records.len(), self.best.records.len());
            while from != 0 {
                let end = from;
                from = from.saturating_sub(len);
                let mut fewer = self.best.clone();
                fewer.records.drain(from..end);
                let _ = self.tries(fewer);
                from = from.min(self.best.records.len());
            }
            if len != 1 || before == self.best.records.len() {
                len /= 2;
            }
        }
    }

    fn leave_out_commands(&mut self) {
        for nth in (0..self.best.records.len()).rev() {
            while let Some(Record { what, .. }) = self.best.records.get(nth).filter(|record| record.what.commands != 0)
            {
                let (before, half) = (self.best.size(), what.commands / 2);
                let one_less = what.commands - 1;
                for commands in [half, one_less] {
                    let mut fewer = self.best.clone();
                    fewer.records[nth].what.commands = commands;
                    if self.tries(fewer) {
                        break;
                    }
                }
                if before <= self.best.size() {
                    break;
                }
            }
        }
    }
}
