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

/// Hears letters; the defect is that what it hears first after an `x` comes in falling order.
struct Listener {
    heard: String,
}

impl Automaton for Listener {
    type State = ();
    type Command = char;
    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        if let Input::Command(letter) = input {
            self.heard.push(letter);
        }
    }
}

/// Says one letter again and again, at times of its own.
struct Speaker(char, Address<char>);

impl Automaton for Speaker {
    type State = u32;
    type Command = ();
    fn next(&mut self, said: u32, input: Input<Self>, context: &mut Context<Self>) -> u32 {
        match input {
            Input::Start => _ = context.after(Duration::from_millis(1), ()),
            Input::Command(()) if said < 15 => {
                self.1.post(self.0).expect("it runs");
                let pause = Duration::from_millis(1 + context.random() % 3);
                context.after(pause, ());
                return said + 1;
            }
            Input::Command(()) | Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
        said
    }
}

#[test]
fn a_failing_run_is_shrunk_to_the_few_steps_that_fail() {
    let fails = |time: &VirtualTime| {
        let listener = time.spawn(Listener { heard: String::new() }, ());
        let speakers = ['a', 'b', 'c', 'd', 'e'].map(|letter| time.spawn(Speaker(letter, listener.clone()), 0));
        time.run_for(Duration::from_millis(10), &mut ());
        listener.post('x').expect("it runs"); // between two runs: what comes later is not missed
        time.run_until_idle(&mut ());
        drop(speakers);
        let heard = time.look::<Listener, _>(&listener, |it, ()| it.heard.clone()).expect("it lives");
        let mut after = heard.chars().skip_while(|&letter| letter != 'x').skip(1);
        matches!((after.next(), after.next()), (Some(first), Some(second)) if second < first)
    };
    let mut shrunk = 0;
    for seed in 0..10 {
        let time = VirtualTime::new(seed);
        time.keep_trace();
        if !fails(&time) {
            assert_eq!(time.trace().shrink(fails), time.trace(), "seed {seed}: what does not fail is left alone");
            continue;
        }
        let all = time.trace();
        let again = VirtualTime::replay_leniently(all.clone());
        again.keep_trace();
        assert!(fails(&again), "seed {seed}: nothing is left out");
        assert_eq!((again.trace(), again.difference()), (all.clone(), None), "F11: seed {seed}");
        let small = all.shrink(fails);
        assert!(100 < all.records.len() && small.records.len() <= 8, "seed {seed}: {} of {small}", all.records.len());
        let again = VirtualTime::replay_leniently(small.clone());
        again.keep_trace();
        assert!(fails(&again) && again.trace() == small, "F11: seed {seed}: what comes back is what was run");
        assert_eq!(small, all.shrink(fails), "F11: seed {seed}: the same each time");
        shrunk += 1;
    }
    assert!(3 <= shrunk, "{shrunk} seeds fail");
}
