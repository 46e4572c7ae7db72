//! `sync/meter`: of those who ask at once no more pass than may.

use crate::common::{Alarm, poll};
use loom::thread;
use rsm::fsm::Time;
use rsm::sync::meter::Meter;
use rsm::sync::model::{Looks, model, model_with};
use std::sync::Arc;
use std::time::Duration;

const NOW: Time = Time(1_000);

/// Three ask for two each where five may pass at once.
#[test]
fn try_pass_try_pass() {
    model("try_pass_try_pass", 2, || {
        for _ in 0..2 {
            let meter = Arc::new(Meter::new(1, Duration::from_nanos(10), 5));
            let asking = [1, 2].map(|_| {
                let meter = meter.clone();
                thread::spawn(move || meter.try_pass(NOW, 2).is_ok())
            });
            let mut passed = u32::from(meter.try_pass(NOW, 2).is_ok());
            for one in asking {
                passed += u32::from(one.join().unwrap());
            }
            assert_eq!(passed, 2, "G1, and no room is left unused");
            assert!(meter.try_pass(NOW, 1).is_ok() && meter.try_pass(NOW, 1).is_err());
        }
    });
}

/// Each gets a place of its own, and one that is refused takes none.
#[test]
fn reserve_try_pass() {
    model_with("reserve_try_pass", 3, &[Looks::Newest, Looks::Any], || {
        for _ in 0..2 {
            let meter = Arc::new(Meter::new(1, Duration::from_nanos(10), 1));
            let other = thread::spawn({
                let meter = meter.clone();
                move || [(); 2].map(|()| meter.reserve(NOW, 1).expect("no more than the burst"))
            });
            let mut places = vec![];
            if meter.try_pass(NOW, 1).is_ok() {
                places.push(NOW);
            }
            places.push(meter.reserve(NOW, 1).expect("no more than the burst"));
            places.extend(other.join().unwrap());
            places.sort_unstable();
            let even: Vec<_> = (0..places.len() as u64).map(|at| Time(NOW.0 + 10 * at)).collect();
            assert_eq!(places, even, "G1, G2, G3");
        }
    });
}

/// A task gives its place back while another takes the next: no place is given twice, and none is lost but one that others stand
/// behind.
#[test]
fn give_back_reserve() {
    model("give_back_reserve", 3, || {
        for _ in 0..3 {
            let meter = Arc::new(Meter::new(1, Duration::from_nanos(10), 1));
            let now = Meter::now();
            assert!(meter.try_pass(now, 1).is_ok());
            let mut passing = Box::pin(meter.pass_async(1, |_| std::future::pending::<()>()));
            assert!(poll(passing.as_mut(), &Alarm::new()).is_pending());
            let other = thread::spawn({
                let meter = meter.clone();
                move || meter.reserve(now, 1).expect("no more than the burst")
            });
            drop(passing);
            let behind = other.join().unwrap();
            assert!(behind.0 == now.0 + 10 || behind.0 == now.0 + 20, "G1");
            assert_eq!(meter.reserve(now, 1), Ok(Time(behind.0 + 10)), "G1");
        }
    });
}
