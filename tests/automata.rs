//! Every runner keeps the contract of automata: a thread each, virtual time under 200 seeds, and one written here.

use rsm::fsm::conformance::{every_command_comes_once_and_in_order_of_its_sender, in_virtual_time};
use rsm::fsm::{Threads, VirtualTime};

rsm::automata_conform!(threads, Threads, |rule| rule(&Threads));
rsm::automata_conform!(virtual_time, VirtualTime, |rule| in_virtual_time(0..200, rule));

#[test]
fn four_threads_send_a_hundred_thousand_commands_each_and_none_is_lost_doubled_or_swapped() {
    every_command_comes_once_and_in_order_of_its_sender(&Threads, 4, 100_000);
}

#[test]
fn in_virtual_time_no_command_is_lost_doubled_or_swapped() {
    in_virtual_time(0..50, |time| every_command_comes_once_and_in_order_of_its_sender(time, 4, 300));
}
