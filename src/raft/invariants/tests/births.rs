//! Histories of lives that are bound or born as none may be.

use super::*;

#[test]
fn r14_another_life_bound_or_born() {
    let bind = |incarnation| Record::Bind { node: NodeId(1), incarnation: Incarnation(incarnation) };
    breaks("R14", image(&[bind(5)]).apply(&bind(6)));
    let mut history = History::default();
    history.is_durable(life(1, 9), &Record::Born).unwrap();
    history.is_durable(life(1, 9), &Record::Born).unwrap();
    breaks("R14", history.is_durable(life(1, 8), &Record::Born));
}

#[test]
fn r14_a_birth_that_too_few_have_bound() {
    let (mut history, born) = (History::default(), life(0, 9));
    let bind = Record::Bind { node: born.node, incarnation: born.incarnation };
    history.is_attested(born, &voters(1), 0).unwrap();
    for (member, enough) in [(life(0, 9), 0), (life(1, 5), 1), (life(1, 6), 1), (life(7, 5), 1), (life(2, 5), 2)] {
        history.is_durable(member, &bind).unwrap();
        history.is_attested(born, &voters(3), enough).unwrap();
        breaks("R14", history.is_attested(born, &voters(3), enough + 1));
    }
    breaks("R14", history.is_attested(life(0, 8), &voters(3), 1));
}

/// One is born that nobody has bound; the same where two have, one of whom lost power before it could say so.
#[test]
fn r14_a_birth_is_asked_about_as_it_is_said() {
    let said = |bound: u64| {
        let mut watch = Watch::new();
        for member in 1..=bound {
            let (found, records) = recovered(member, 10 + member);
            records.iter().for_each(|record| watch.keeps(NodeId(member), record).unwrap());
            let member = machine(member, found);
            watch.started(member.core(), member.role()).unwrap();
        }
        let mut newborn = machine(0, Recovered { incarnation: Incarnation(10), ..Recovered::default() });
        watch.started(newborn.core(), newborn.role()).unwrap();
        let mut effects = Vec::new();
        for member in 1..=2 {
            let from = Identity { node: NodeId(member), incarnation: Incarnation(10 + member) };
            let message = Message::Attest { bound: Incarnation(10) };
            newborn.step(Input::Receive { from, to: Some(Incarnation(10)), message }, Time(0));
        }
        newborn.flush(Time(0), &mut effects);
        assert!(newborn.core().is_born());
        watch.flushed(newborn.core(), newborn.role(), &effects)
    };
    said(2).unwrap();
    breaks("R14", said(1));
}

#[test]
fn r14_a_newborn_that_promises_and_a_life_that_runs_twice() {
    let recovered = Recovered { incarnation: Incarnation(10), ..Recovered::default() };
    let newborn = Machine::new(Options::new(NodeId(0), voters(3)), recovered, 1, Time(0)).unwrap();
    let says = |message| {
        let effect = Effect::Send { to: NodeId(1), incarnation: None, message };
        Shadow::default().promises(newborn.core(), &effect)
    };
    says(Message::Hello).unwrap();
    breaks("R14", says(Message::PreVote { asked: Term(1), last: LogId::ZERO }));
    let mut watch = Watch::new();
    watch.started(newborn.core(), newborn.role()).unwrap();
    breaks("R14", watch.started(newborn.core(), newborn.role()));
    watch.crashed(NodeId(0));
    watch.started(newborn.core(), newborn.role()).unwrap();
}

#[test]
fn r14_a_birth_that_was_never_announced() {
    let (_, mut watch) = watched();
    watch.wiped(NodeId(0));
    let (found, records) = recovered(0, 20);
    records.iter().for_each(|record| watch.keeps(NodeId(0), record).unwrap());
    let machine = machine(0, found);
    breaks("R14", watch.started(machine.core(), machine.role()));
}
