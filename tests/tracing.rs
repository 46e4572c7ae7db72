//! What the feature `tracing` says of automata.

use rsm::fsm::{Automaton, Builder, Context, End, Home, HomeRef, Input, Mode, Runner, Task, Timers, VirtualTime};
use rsm::sync::lock::Lock;
use std::fmt::{Debug, Write};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Notes each span and event as a line, indented inside a span. Cells have names that are drawn: they are left out.
#[derive(Clone, Default)]
struct Listener(Arc<Lock<Vec<String>>>, Arc<Lock<usize>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "cell" => {}
            "message" => self.0.insert_str(0, &format!("{value:?}")),
            name => write!(self.0, " {name}={value:?}").expect("a text has room"),
        }
    }
}

impl Listener {
    fn note(&self, metadata: &Metadata<'_>, fields: &Fields, name: &str) {
        if metadata.target() == "rsm::fsm" {
            let indent = "  ".repeat(*self.1.lock());
            self.0.lock().push(format!("{indent}{} {name}{}", metadata.level(), fields.0));
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        self.note(span.metadata(), &fields, span.metadata().name());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.note(event.metadata(), &fields, "");
    }
    fn enter(&self, _: &Id) {
        *self.1.lock() += 1;
    }
    fn exit(&self, _: &Id) {
        *self.1.lock() -= 1;
    }
}

/// What a subscriber is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Make,
    Event,
    Enter,
    Exit,
    Close,
}

/// Panics the first time it is asked that.
struct Trips(Asked, Lock<bool>);

impl Trips {
    fn asked(&self, what: Asked) {
        if what == self.0 && !std::mem::replace(&mut *self.1.lock(), true) {
            std::panic::resume_unwind(Box::new("a subscriber"));
        }
    }
}

impl Subscriber for Trips {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "rsm::fsm"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.asked(Asked::Make);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.asked(Asked::Event);
    }
    fn enter(&self, _: &Id) {
        self.asked(Asked::Enter);
    }
    fn exit(&self, _: &Id) {
        self.asked(Asked::Exit);
    }
    fn try_close(&self, _: Id) -> bool {
        self.asked(Asked::Close);
        true
    }
}

/// A home whose tasks are run by hand, and that notes how deep in spans a task came.
struct Hand(Arc<Lock<Vec<Task>>>, Listener, Timers);

impl Home for Hand {
    fn schedule(&self, task: Task) {
        let depth = *self.1.1.lock();
        self.1.0.lock().push(format!("scheduled in {depth}"));
        self.0.lock().push(task);
    }
    fn timers(&self) -> &Timers {
        &self.2
    }
}

#[derive(Debug)]
enum Lamp {
    Off,
    On,
}

/// `"press"` changes it, anything else is too much for it.
struct Switch;

impl Automaton for Switch {
    type State = Lamp;
    type Command = &'static str;

    fn next(&mut self, lamp: Lamp, input: Input<Self>, _: &mut Context<Self>) -> Lamp {
        match (lamp, input) {
            (Lamp::Off, Input::Command("press")) => Lamp::On,
            (Lamp::On, Input::Command("press")) => Lamp::Off,
            (_, Input::Command(other)) => std::panic::resume_unwind(Box::new(other)),
            (lamp @ (Lamp::Off | Lamp::On), _) => lamp,
        }
    }

    fn label(state: &Lamp) -> &'static str {
        match state {
            Lamp::Off => "off",
            Lamp::On => std::panic::resume_unwind(Box::new("no label")),
        }
    }
}

/// What is said of a lamp that hears these words, one a turn, and how it ended.
fn said(words: &[&'static str]) -> (Vec<String>, End) {
    let listener = Listener::default();
    let end = tracing::subscriber::with_default(listener.clone(), || {
        let time = VirtualTime::new(1);
        let lamp = time.builder(Switch, Lamp::Off).name("lamp").batch(1).spawn();
        let ended = lamp.ended();
        for word in words {
            time.run_until_idle(&mut ());
            lamp.post(word).expect("it runs");
        }
        time.run_until_idle(&mut ());
        drop(lamp);
        time.block_on(ended).expect("an end is always told")
    });
    assert_eq!(*listener.1.lock(), 0, "each span that was entered was left");
    let said = listener.0.lock().clone();
    (said, end)
}

#[test]
fn each_turn_is_a_span_and_what_changes_in_it_an_event() {
    let (said, end) = said(&["press"]);
    assert!(matches!(end, End::Exited));
    let expected = [
        r#"TRACE turn name="lamp" label="off" batch=0"#,
        r#"TRACE turn name="lamp" label="off" batch=1"#,
        r#"  DEBUG transition to="a label that panics""#,
        r#"TRACE turn name="lamp" label="a label that panics" batch=0"#,
        "  DEBUG drain",
        r#"  DEBUG ended name="lamp" end=Exited"#,
    ];
    assert_eq!(said, expected);
}

#[test]
fn an_end_by_a_panic_is_a_warning() {
    let (said, end) = said(&["pull"]);
    assert!(matches!(end, End::Panicked(_)));
    let last = r#"  WARN ended name="lamp" end=Panicked(Panic("pull"))"#;
    assert_eq!(said.last().map(String::as_str), Some(last), "{said:#?}");
}

#[test]
fn a_panic_of_what_listens_costs_no_turn() {
    for asked in [Asked::Make, Asked::Event, Asked::Enter, Asked::Exit, Asked::Close] {
        tracing::subscriber::with_default(Trips(asked, Lock::new(false)), || {
            let time = VirtualTime::new(1);
            let lamp = time.spawn(Switch, Lamp::Off);
            let ended = lamp.ended();
            lamp.post("press").expect("it runs");
            time.run_until_idle(&mut ());
            assert_eq!(lamp.counters().processed, 1, "{asked:?}: what was accepted is delivered");
            lamp.post("press").expect("it runs");
            lamp.drain();
            assert!(matches!(time.block_on(ended), Ok(End::Exited)), "{asked:?}: its end is told");
        });
    }
}

#[test]
fn a_turn_is_closed_before_the_next_is_scheduled() {
    let (tasks, listener) = (Arc::new(Lock::new(Vec::new())), Listener::default());
    tracing::subscriber::with_default(listener.clone(), || {
        let home = HomeRef::new(Hand(tasks.clone(), listener.clone(), Timers::new()));
        let lamp = Builder::on(&home, Switch, Lamp::Off).batch(1).spawn();
        ["press"; 3].into_iter().for_each(|word| lamp.post(word).expect("it runs"));
        let run = || {
            while let Some(task) = { tasks.lock().pop() } {
                task.run();
            }
        };
        run();
        lamp.post("press").expect("it runs");
        lamp.post("press").expect("it runs");
        lamp.drain();
        run();
        assert_eq!(lamp.mode(), Mode::Ended);
    });
    let said = listener.0.lock().clone();
    let scheduled: Vec<_> = said.iter().filter(|line| line.starts_with("scheduled")).collect();
    assert!(4 < scheduled.len() && scheduled.iter().all(|line| *line == "scheduled in 0"), "{said:#?}");
}
