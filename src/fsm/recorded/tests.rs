use super::*;
use crate::fsm::{End, Runner, VirtualTime};
use crate::mix::Draws;
use std::panic::resume_unwind;
use std::time::Duration;

#[derive(Debug)]
enum Line {
    Down,
    Dialing { tries: u32 },
    Up,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Dial,
    Answered(#[expect(dead_code, reason = "only its head counts")] u32),
    Say,
    HangUp,
    Cut,
}

/// A line with everything that a context offers.
struct Phone;

impl Automaton for Phone {
    type State = Line;
    type Command = Order;

    fn next(&mut self, line: Line, input: Input<Self>, context: &mut Context<Self>) -> Line {
        use {Input::*, Line::*, Order::*};
        match (line, input) {
            (Down, Command(Dial)) => {
                let wait = Duration::from_millis(context.random() % 5);
                context.state_timeout(wait, Answered(1));
                Dialing { tries: 1 }
            }
            (Dialing { tries }, Command(Dial)) => Dialing { tries: tries + 1 },
            (Dialing { .. }, Command(Answered(_))) => Up,
            (line @ Dialing { .. }, Command(Say)) => {
                context.postpone(Say);
                line
            }
            (Up, Command(Say)) => {
                let _ = context.after(Duration::from_millis(2), HangUp);
                Up
            }
            (Up, Command(HangUp)) => Down,
            (_, Command(Cut)) => resume_unwind(Box::new("cut")),
            (line @ (Down | Dialing { .. } | Up), _) => line,
        }
    }

    fn flush(&mut self, _: &mut Line, context: &mut Context<Self>) {
        if context.random().is_multiple_of(8) {
            context.raise(Order::Say);
        }
    }
}

/// Posts at random, and says by its hash all that happened.
fn hash<A: Automaton<State = Line, Command = Order>>(seed: u64, phone: A) -> u128 {
    let (time, mut draws) = (VirtualTime::new(seed), Draws::new(seed));
    let phone = time.spawn(phone, Line::Down);
    for _ in 0..40 {
        let orders = [Order::Dial, Order::Answered(7), Order::Say, Order::HangUp];
        phone.post(orders[draws.below(4) as usize]).expect("it runs");
        time.run_for(Duration::from_micros(draws.below(2_000)), &mut ());
    }
    phone.drain();
    time.run_until_idle(&mut ());
    time.hash()
}

#[test]
fn one_that_is_recorded_does_what_it_does_by_itself() {
    let log = Log::new();
    for seed in 0..50 {
        assert_eq!(hash(seed, Recorded::new(Phone, &log)), hash(seed, Phone), "seed {seed}");
    }
    let drawing = "\
stateDiagram-v2
    [*] --> Down
    Dialing --> Dialing: Dial, HangUp, Say (postponed)
    Dialing --> Up: Answered
    Dialing --> [*]: Exit
    Down --> Dialing: Dial
    Down --> Down: Answered, HangUp, Say
    Down --> [*]: Exit
    Up --> Down: HangUp
    Up --> Up: Answered, Dial, Say
    Up --> [*]: Exit
";
    assert_eq!(log.mermaid(), drawing);
}

#[test]
fn a_panic_is_an_arrow_to_the_end_and_what_was_set_aside_is_accounted_for() {
    let (time, log) = (VirtualTime::new(1), Log::new());
    let phone = time.spawn(Recorded::new(Phone, &log), Line::Down);
    [Order::Dial, Order::Say, Order::Cut].into_iter().for_each(|order| phone.post(order).expect("it runs"));
    let end = time.block_on(phone.ended());
    assert!(matches!(end, Ok(End::Panicked(_))), "{end:?}");
    assert_eq!(phone.counters().dropped, 1, "F3: the one that was postponed");
    let last = Arrow { from: "Dialing".into(), to: END.into(), input: "Cut (panic)".into() };
    assert!(log.arrows().contains(&(last, 1)), "{:?}", log.arrows());
}

#[test]
fn a_name_is_the_first_word_of_a_debug() {
    #[derive(Debug)]
    struct Whole<T>(T);
    assert_eq!(head(&Line::Dialing { tries: 3 }), "Dialing");
    assert_eq!(head(&Whole(5)), "Whole");
    assert_eq!(head(&"go on"), "go");
    assert_eq!((head(&()), head(&17)), ("unit".to_owned(), "17".to_owned()));
    struct Deaf;
    impl Debug for Deaf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let _ = f.write_str("Deaf { ");
            f.write_str("ear }")
        }
    }
    assert_eq!(head(&Deaf), "Deaf", "whatever its `Debug` writes after it was told to stop");
}

/// Commands by the names of inputs.
#[derive(Debug)]
enum Named {
    Start,
    Exit,
    Drain,
    Transition,
}

/// Stays where it is; with `true`, dies in its first flush.
struct Stays(bool);

impl Automaton for Stays {
    type State = Option<()>;
    type Command = Named;

    fn next(&mut self, state: Option<()>, _: Input<Self>, _: &mut Context<Self>) -> Option<()> {
        state
    }

    fn flush(&mut self, _: &mut Option<()>, _: &mut Context<Self>) {
        if self.0 {
            resume_unwind(Box::new("flush"));
        }
    }
}

#[test]
fn a_command_by_the_name_of_an_input_is_drawn_as_a_command() {
    let (time, log) = (VirtualTime::new(1), Log::new());
    let stays = time.spawn(Recorded::new(Stays(false), &log), None);
    let orders = [Named::Start, Named::Exit, Named::Drain, Named::Transition];
    orders.into_iter().for_each(|order| stays.post(order).expect("it runs"));
    time.run_until_idle(&mut ());
    let drawing = "\
stateDiagram-v2
    [*] --> None
    None --> None: Drain, Exit, Start, Transition
";
    assert_eq!(log.mermaid(), drawing);
}

#[test]
fn a_panic_in_a_flush_is_an_arrow_to_the_end() {
    let (time, log) = (VirtualTime::new(1), Log::new());
    let stays = time.spawn(Recorded::new(Stays(true), &log), None);
    assert!(matches!(time.block_on(stays.ended()), Ok(End::Panicked(_))));
    assert_eq!(log.mermaid(), "stateDiagram-v2\n    [*] --> None\n    None --> [*]: flush (panic)\n");
}
