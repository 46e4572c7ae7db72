use rsm::sync::model::{Mutant, finds};
use rsm::sync::spin_models;

#[test]
fn visits_of_a_spin_are_one_at_a_time_and_each_sees_the_last() {
    spin_models::enter_leave();
}

#[test]
fn entering_a_spin_in_two_steps_is_found() {
    finds(Mutant::SpinLoadStore, spin_models::enter_leave);
}

#[test]
fn of_two_who_replace_a_payload_one_does() {
    spin_models::replace_replace();
}

#[test]
fn a_visit_in_one_step_sees_the_last_and_is_seen_by_the_next() {
    spin_models::replace();
}
