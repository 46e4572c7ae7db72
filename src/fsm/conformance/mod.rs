//! What every runner must do: the order of inputs and the rest of the contract, as a suite that a runner of one's own can pass.
//!
//! ```text
//!   rule ── generic over a Runner ──+── a thread each
//!     asserts alone,                +── virtual time, 200 seeds
//!     waits by `block_on` alone     +── yours
//! ```
//! Each rule is a function named as a sentence. [`automata_conform!`](crate::automata_conform) makes a module of tests of them all:
//!
//! ```no_run
//! # mod check {
//! use rsm::fsm::Threads;
//! rsm::automata_conform!(threads, Threads, |rule| rule(&Threads));
//! # }
//! ```

use super::VirtualTime;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

mod death;
mod drawing;
mod endings;
mod families;
mod order;
mod probe;
mod random;
mod stages;
mod supervision;
mod timers;
mod waiting;

pub use death::*;
pub use drawing::*;
pub use endings::*;
pub use families::*;
pub use order::*;
pub use random::*;
pub use stages::*;
pub use supervision::*;
pub use timers::*;
pub use waiting::*;

/// Runs a rule in virtual time once for each seed, and says which one failed.
///
/// # Panics
/// With the panic of the rule.
pub fn in_virtual_time(seeds: Range<u64>, rule: impl Fn(&VirtualTime)) {
    for seed in seeds {
        let time = VirtualTime::new(seed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| rule(&time))) {
            eprintln!("the rule failed under VirtualTime::new({seed})");
            resume_unwind(panic);
        }
    }
}

/// A module of tests, one for each rule of the suite: its name, the type of the runner, and how to run a rule on it.
#[macro_export]
macro_rules! automata_conform {
    ($name:ident, $runner:ty, $run:expr) => {
        $crate::automata_conform! { $name, $runner, $run;
            start_comes_first_then_commands_in_order_of_posting
            a_change_of_kind_is_followed_at_once_by_transition
            other_data_in_the_same_kind_is_no_transition
            after_a_change_of_kind_come_the_raised_then_the_postponed_then_the_queued
            what_flush_raises_comes_next_by_itself
            a_post_to_oneself_comes_after_all_that_is_queued
            what_is_postponed_again_keeps_its_place
            a_freed_command_that_changes_the_kind_frees_again_from_the_beginning
            what_is_postponed_waits_for_a_change_of_kind
            four_senders_keep_their_order
            what_is_due_comes_before_queued_commands_in_order_of_deadline_then_of_arming
            timers_come_in_order_and_never_early
            a_state_timeout_that_is_due_dies_with_its_kind
            a_state_timeout_set_on_the_arrow_belongs_to_the_state_entered
            a_later_state_timeout_replaces_the_one_before
            a_state_timeout_that_is_moved_comes_when_it_was_last_wanted
            cancel_takes_back_what_is_due_and_not_delivered
            cancel_before_and_after_the_deadline
            the_command_of_a_timer_can_be_postponed
            every_comes_again_and_again_until_it_is_cancelled
            an_inbox_under_load_does_not_starve_a_timer
            drain_overtakes_the_queue_which_is_then_delivered
            drain_overtakes_the_batch_in_hand
            posts_are_refused_once_drain_returned
            a_second_drain_is_nothing
            what_was_accepted_is_delivered_whoever_drains_meanwhile
            draining_waits_for_no_timer
            one_that_lingers_waits_for_its_timers_and_ends_by_stop
            one_that_lingers_lives_on_without_an_address
            what_is_still_postponed_at_the_end_comes_once_more
            the_last_address_dropped_is_a_drain
            one_whose_stage_starts_drains_by_itself
            one_that_is_born_under_a_stage_that_has_started_drains_after_its_start
            two_stages_end_in_order_and_nobody_drains_by_hand
            a_tree_under_a_stage_ends_from_its_leaves
            children_of_a_later_stage_outlive_an_earlier_one
            a_child_whose_builder_names_a_stage_is_under_that_one
            stages_of_one_name_keep_their_children_apart
            a_child_of_one_whose_stage_has_started_drains_from_birth
            a_child_born_when_the_stage_in_front_has_started_goes_with_its_parent
            a_stage_keeps_nobody_undrained
            a_late_drain_names_who_is_alive_and_in_which_state
            a_label_that_panics_harms_nobody
            a_guard_whose_users_code_panics_when_it_is_dropped_is_contained
            one_that_must_still_hear_others_is_drained_by_a_command_of_its_own
            a_parent_that_drains_its_children_ends_after_the_last
            what_a_parent_has_queued_for_its_children_is_done_before_they_drain
            a_parent_whose_children_are_gone_still_hears_its_queue
            a_child_born_while_its_parent_drains_ends_before_it
            a_parent_of_two_kinds_of_children_waits_for_both
            stop_inside_an_input_ends_with_the_state_returned
            stop_inside_flush_ends_after_it
            stop_from_outside_ends_after_the_input_in_hand
            stop_in_drain_is_exit_at_once
            kill_ends_without_a_word
            stop_wins_over_drain_and_kill_over_both
            nothing_begun_in_exit_takes_place
            a_bounded_inbox_is_never_over_its_bound
            one_that_overwrites_displaces_the_oldest
            a_panic_anywhere_is_death_and_is_told
            who_is_told_of_an_end_sees_all_its_effects
            a_drop_that_panics_at_death_is_contained
            a_reply_is_resolved_in_every_death
            an_end_is_told_to_whoever_asks_before_or_after
            a_death_notice_overtakes_commands_and_is_never_refused
            a_watch_that_was_ended_tells_nothing
            a_parent_spawns_children_and_hears_of_their_ends
            an_address_in_another_language_leads_there_and_back
            a_drop_that_posts_meets_no_lock
            one_for_one_brings_back_the_one_that_ended_alone
            one_for_all_ends_the_others_from_the_youngest_and_brings_all_back_from_the_oldest
            rest_for_one_brings_back_those_added_after_it
            each_policy_of_restart_keeps_its_word
            a_child_added_to_a_supervisor_that_lives_is_its_youngest
            too_many_restarts_end_all_and_are_told_with_their_cause
            restarts_that_lie_outside_the_window_do_not_count
            a_door_refuses_while_nobody_lives_behind_it_and_a_drain_does_not_wait_for_the_back_off
            a_door_leads_to_whoever_lives_behind_it
            what_is_queued_at_the_end_goes_to_the_next_life_if_it_is_kept
            a_drained_supervisor_drains_its_children_from_the_youngest
            one_that_does_not_end_is_killed_when_patience_is_over
            a_supervisor_of_supervisors_brings_back_whole_trees_behind_the_same_doors
            a_maker_that_panics_is_an_end_of_its_child
            a_supervisor_that_dies_leaves_nobody_behind
            a_supervisor_under_a_stage_ends_its_children_in_its_own_order
            one_that_waits_for_room_posts_when_there_is_some
            those_who_wait_for_room_are_served_in_order
            one_that_stops_waiting_for_room_posts_nothing_and_keeps_nobody_from_it
            those_who_wait_for_room_are_refused_once_there_will_be_none
            a_task_awaits_the_end_of_an_automaton
            the_crossing_is_as_it_is_drawn
            random_automata_keep_the_order
        }
    };
    ($name:ident, $runner:ty, $run:expr; $($rule:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "a runner may be named by what stands around, or by its whole path")]
            use super::*;
            $(
                #[test]
                fn $rule() {
                    let run: fn(fn(&$runner)) = $run;
                    run($crate::fsm::conformance::$rule::<$runner>);
                }
            )*
        }
    };
}
