//! What the feature `tracing` says of automata.

use rsm::fsm::{Automaton, Context, End, Input, Runner, VirtualTime};
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
