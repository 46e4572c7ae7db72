//! Which restarts count, and when waits begin anew.

use super::*;

#[test]
fn after_a_window_without_a_death_the_waits_begin_anew() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(9, MS * 1_000).back_off(MS * 10, MS * 50);
        let door = supervisor.child("it", Restart::Always, patient("it", log));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        for (die_at, born_at) in [(100, 110), (150, 170), (1_300, 1_310u32)] {
            time.run_until(Time::ZERO.after(MS * die_at), &mut ());
            door.post(()).unwrap();
            time.run_for(MS * 40, &mut ());
            let born = log.lock().last().cloned();
            assert_eq!(born, Some((u64::from(born_at), "it born".into())), "{:?}", log.lock());
        }
        drop(supervisor);
    });
}

/// However long it waits between two of its lives: what counts is how long it lives.
#[test]
fn one_that_dies_at_each_birth_is_given_up_whatever_its_waits() {
    for longest in [1, 4, 1_000] {
        in_time(|time, log| {
            let second = MS * 1_000;
            let mut supervisor = Supervisor::new(Strategy::OneForOne).back_off(second, second * longest);
            let noted = log.clone();
            supervisor
                .child("it", Restart::Always, move || (Patient { name: "it", dies: true, log: noted.clone() }, ()));
            let supervisor = time.spawn(supervisor, Supervision::Up);
            let mut ended = supervisor.ended();
            time.run_for(second * 60, &mut ());
            let end = ended.try_take();
            assert!(matches!(end, Ok(Some(End::Panicked(_)))), "{end:?}");
            let waits = [1, 2, 4].map(|wait| wait.min(u64::from(longest)));
            let deaths: Vec<_> = log.lock().iter().map(|(at, _)| *at).collect();
            assert_eq!(deaths.last(), Some(&(waits.iter().sum::<u64>() * 1_000)), "at the fourth: {deaths:?}");
            drop(supervisor);
        });
    }
}

#[test]
fn waits_that_overlap_are_left_out_of_the_window_once() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(2, MS * 20).back_off(MS * 10, MS * 10);
        let doors = ["a", "b"].map(|name| supervisor.child(name, Restart::Always, patient(name, log)));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        let _told = supervisor.ended();
        let dies = |door: &Door<()>, at| {
            time.run_until(Time::ZERO.after(at), &mut ());
            door.post(()).unwrap();
            time.run_for(Duration::ZERO, &mut ());
        };
        // Somebody waits from 1 to 16: so at 36 the window of 20 is over, and not before.
        dies(&doors[0], MS);
        dies(&doors[1], MS * 6);
        dies(&doors[0], MS * 36);
        assert_eq!(supervisor.mode(), Mode::Running, "the first two are out of the window: {:?}", log.lock());
        dies(&doors[1], MS * 40);
        assert_eq!(supervisor.mode(), Mode::Running);
        time.run_until(Time::ZERO.after(MS * 51), &mut ());
        dies(&doors[1], MS * 69);
        assert_eq!(supervisor.mode(), Mode::Ended, "three within 19 in which nobody waited: {:?}", log.lock());
    });
}

#[test]
fn one_that_never_gives_up_keeps_no_list_of_its_restarts() {
    let (time, log) = (VirtualTime::new(1), Log::default());
    let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(u32::MAX, Duration::MAX);
    let (noted, mut lives) = (log.clone(), 0);
    supervisor.child("it", Restart::Always, move || {
        lives += 1;
        (Patient { name: "it", dies: lives < 1_000, log: noted.clone() }, ())
    });
    let supervisor = time.spawn(supervisor, Supervision::Up);
    time.run_until_idle(&mut ());
    let kept = time.look::<Supervisor, _>(&supervisor, |it, _| it.restarts.len()).expect("it never gives up");
    assert_eq!((log.lock().len(), kept), (1_000, 32));
}
