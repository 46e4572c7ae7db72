use super::*;

#[test]
fn a_replay_that_ends_before_its_trace_has_parted_from_it() {
    let run = |time: &VirtualTime, posts: u32| {
        let link = time.spawn(Link { next: None, heard: Arc::default(), name: 1 }, 0);
        for number in 0..posts {
            link.post(number).expect("it runs");
            time.run_until_idle(&mut ());
        }
    };
    let time = VirtualTime::new(11);
    time.keep_trace();
    run(&time, 3);
    let again = VirtualTime::replay(time.trace());
    run(&again, 2);
    let difference = again.difference().expect("F11: a post is missing");
    assert_eq!(difference.found, None);
    assert!(time.trace().records.contains(&difference.expected.expect("it names what is missing")));
    let whole = VirtualTime::replay(time.trace());
    run(&whole, 3);
    assert_eq!((whole.difference(), whole.hash()), (None, time.hash()));
}

/// F11: what the last command of a turn asks for belongs to that turn, however many commands the turn was to have.
#[test]
fn a_command_that_drains_its_own_automaton_replays() {
    struct Drainer;
    impl Automaton for Drainer {
        type State = ();
        type Command = ();
        fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
            if let Input::Command(()) = input {
                context.drain();
            }
        }
    }
    let run = |time: &VirtualTime| {
        let drainer = time.spawn(Drainer, ());
        drainer.post(()).expect("it runs");
        time.run_until_idle(&mut ());
    };
    for seed in 0..8 {
        let time = VirtualTime::new(seed);
        time.keep_trace();
        run(&time);
        let again = VirtualTime::replay(time.trace());
        run(&again);
        assert_eq!((again.difference(), again.hash()), (None, time.hash()), "seed {seed}");
    }
}
