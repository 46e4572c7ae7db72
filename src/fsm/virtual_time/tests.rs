use super::*;
use crate::fsm::{Automaton, Context, End, Input, Threads};
use crate::sync::lock::Lock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    Red,
    Green,
    Yellow,
}

enum Order {
    Change,
    Walk,
}

type Shown = Arc<Lock<Vec<(Time, String)>>>;

struct Crossing {
    shown: Shown,
}

impl Automaton for Crossing {
    type State = Light;
    type Command = Order;

    fn next(&mut self, light: Light, input: Input<Self>, context: &mut Context<Self>) -> Light {
        use {Input::*, Light::*, Order::*};
        match (light, input) {
            (_, Start | Transition { .. }) => {
                let seconds = match light {
                    Red => 30,
                    Green => 25,
                    Yellow => 4,
                };
                context.state_timeout(Duration::from_secs(seconds), Change);
                self.shown.lock().push((context.now(), format!("{light:?}")));
                light
            }
            (Red, Command(Change)) => Green,
            (Green, Command(Change | Walk)) => Yellow,
            (Yellow, Command(Change)) => Red,
            (Yellow, Command(Walk)) => {
                context.postpone(Walk);
                Yellow
            }
            (Red, Command(Walk)) => {
                self.shown.lock().push((context.now(), "walk".into()));
                Red
            }
            (Red | Green | Yellow, Drain | Exit) => light,
        }
    }
}

#[test]
fn the_traffic_light_changes_by_the_second_and_serves_a_walker_in_red() {
    let time = VirtualTime::new(1);
    let shown = Shown::default();
    let crossing = time.spawn(Crossing { shown: shown.clone() }, Light::Red);
    time.run_for(Duration::from_secs(56), &mut ());
    crossing.post(Order::Walk).expect("it runs");
    time.run_for(Duration::from_secs(10), &mut ());
    let seconds: Vec<_> = shown.lock().iter().map(|(at, what)| (at.0 / 1_000_000_000, what.clone())).collect();
    let expected = [(0, "Red"), (30, "Green"), (55, "Yellow"), (59, "Red"), (59, "walk")];
    assert_eq!(seconds, expected.map(|(at, what)| (at, what.to_owned())));
    assert_eq!(time.look::<Crossing, _>(&crossing, |_, light| *light), Some(Light::Red));
}

#[test]
fn on_a_thread_of_its_own_it_is_the_same_automaton() {
    let shown = Shown::default();
    let crossing = Threads.builder(Crossing { shown: shown.clone() }, Light::Red).name("crossing").spawn();
    crossing.post(Order::Walk).expect("it runs");
    crossing.post(Order::Change).expect("it runs");
    crossing.drain();
    assert!(matches!(Threads.block_on(crossing.ended()), Ok(End::Exited)));
    let what: Vec<_> = shown.lock().iter().map(|(_, what)| what.clone()).collect();
    assert_eq!(what, ["Red", "walk", "Green"]);
}
