"""The faults of `scripts/faults.py`: each was thought likely, or was made by somebody."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault, and the test that finds it: `target` is `lib`, or a file of tests."""

    name: str
    says: str
    file: str
    old: str
    new: str
    target: str
    test: str


FAULTS = [
    Fault(
        "schedule-on-queued",
        "a post to a cell that is queued queues it again",
        "src/fsm/word.rs",
        "Phase::Idle => (self.with_phase(Phase::Queued), Duty::Schedule),",
        "Phase::Idle | Phase::Queued => (self.with_phase(Phase::Queued), Duty::Schedule),",
        "lib",
        "only_idle_to_queued_schedules_whatever_the_flags",
    ),
    Fault(
        "no-look-after-lying-down",
        "a worker that lies down does not look once more",
        "src/fsm/pool/floor.rs",
        "let (work, over) = self.way_in.look();",
        "let (work, over) = (false, self.way_in.look().1);",
        "loom",
        "a_task_let_in_while_the_only_worker_goes_to_sleep_is_run",
    ),
    Fault(
        "look-before-the-push",
        "who lets a task in looks for sleepers before, not after",
        "src/fsm/pool/floor.rs",
        "        self.way_in.push(task)?;\n        self.sleep.wake_one();\n",
        "        self.sleep.wake_one();\n        self.way_in.push(task)?;\n",
        "loom",
        "a_task_let_in_while_the_only_worker_goes_to_sleep_is_run",
    ),
    Fault(
        "last-search-looks-unlocked",
        "the last one searching looks at the way in without its lock",
        "src/fsm/pool/floor.rs",
        "self.way_in.look().0 || self.has_queues()) {",
        "self.way_in.has_work() || self.has_queues()) {",
        "loom",
        "a_task_let_in_while_the_last_searcher_goes_into_a_long_turn_calls_a_sleeper",
    ),
    Fault(
        "postponed-at-the-tail",
        "what was postponed is put back behind what was freed before",
        "src/fsm/extras.rs",
        "while let Some(command) = self.postponed.pop_back() {\n            self.freed.push_front(command);",
        "while let Some(command) = self.postponed.pop_front() {\n            self.freed.push_back(command);",
        "lib",
        "postponing_is_to_scan_one_list_again_after_each_change_of_kind",
    ),
    Fault(
        "state-timeout-stays",
        "a state timeout outlives its state",
        "src/fsm/slots.rs",
        "if self.alarm.fresh { None } else { self.clear_alarm() }",
        "None",
        "automata",
        "virtual_time::a_state_timeout_that_is_due_dies_with_its_kind",
    ),
    Fault(
        "drained-before-closed",
        "a pool tells all to drain, and closes after that",
        "src/fsm/pool/census.rs",
        "            drop(roll);\n            listed.iter().filter_map(Weak::upgrade).for_each(&mut act);\n"
        "            stripe.0.lock().listed.extend(listed);",
        "            roll.closed = false;\n            drop(roll);\n"
        "            listed.iter().filter_map(Weak::upgrade).for_each(&mut act);\n"
        "            let mut roll = stripe.0.lock();\n            roll.closed = true;\n"
        "            roll.listed.extend(listed);",
        "loom",
        "who_is_born_while_a_pool_closes_is_drained_or_dead_from_birth",
    ),
    Fault(
        "refusal-before-the-lock",
        "a post asks whether it is refused, and then takes the lock",
        "src/fsm/cell/post.rs",
        "        let mut inbox = self.lock_to_post();\n        let word = self.now();\n        if word.is_open() &&",
        "        let open = self.now().is_open();\n        let mut inbox = self.lock_to_post();\n"
        "        let word = self.now();\n        if open &&",
        "loom",
        "a_post_that_meets_a_drain_is_delivered_or_handed_back",
    ),
    Fault(
        "drop-under-the-lock",
        "a displaced command is dropped under the lock",
        "src/fsm/cell/post.rs",
        "        inbox.unlock_with(|_| next.0);\n        drop(displaced);",
        "        drop(displaced);\n        inbox.unlock_with(|_| next.0);",
        "automata",
        "threads::a_drop_that_posts_meets_no_lock",
    ),
    Fault(
        "stage-wakes-nobody",
        "a stage that starts tells its automata nothing",
        "src/fsm/staged.rs",
        "        self.guard.on_start(Waker::from(Arc::new(Drains(node))));\n",
        "        drop(Waker::from(Arc::new(Drains(node))));\n",
        "automata",
        "virtual_time::two_stages_end_in_order_and_nobody_drains_by_hand",
    ),
    Fault(
        "slot-lost-in-blocking",
        "who blocks loses what it woke last",
        "src/fsm/pool/queues.rs",
        "        let slot = self.take_slot();\n        let mut queue = self.queue.lock();\n        let tasks =",
        "        let slot = self.take_slot().filter(|_| false);\n        let mut queue = self.queue.lock();\n"
        "        let tasks =",
        "loom",
        "what_waits_behind_a_turn_that_blocks_is_run_by_another_thread",
    ),
    Fault(
        "slot-streak-refills",
        "the slot goes first however often it has",
        "src/fsm/pool/queues.rs",
        "*streak = streak.saturating_add(1);",
        "*streak = 0;",
        "pool",
        "two_who_wake_each_other_do_not_starve_the_rest_of_their_worker",
    ),
    Fault(
        "wheel-wakes-late",
        "the wheel wakes one tick late",
        "src/fsm/wheel.rs",
        "Time(self.start(level, slot) << TICK_SHIFT)),",
        "Time((self.start(level, slot) + 1) << TICK_SHIFT)),",
        "lib",
        "one_who_sleeps_until_wake_is_exact_and_wakes_at_most_once_per_level_in_vain",
    ),
    Fault(
        "lent-and-lost",
        "what a recorded automaton has set aside is gone with the call",
        "src/fsm/context.rs",
        "        self.owner.extras = self.inner.data.extras.take();\n",
        "",
        "lib",
        "one_that_is_recorded_does_what_it_does_by_itself",
    ),
    Fault(
        "drawing-lies",
        "an arrow of the page's drawing leads elsewhere",
        "src/fsm/recorded.rs",
        "//!     Yellow --> Red: Change\n",
        "//!     Yellow --> Green: Change\n",
        "automata",
        "virtual_time::the_crossing_is_as_it_is_drawn",
    ),
    Fault(
        "no-transition",
        "a change of kind is not told",
        "src/fsm/turn.rs",
        "            input = Input::Transition { from };\n",
        "            return Ok(());\n",
        "automata",
        "virtual_time::random_automata_keep_the_order",
    ),
    Fault(
        "batch-upside-down",
        "the commands of a batch come in the reverse order",
        "src/fsm/turn.rs",
        "            body.batch.reverse();\n",
        "",
        "automata",
        "virtual_time::random_automata_keep_the_order",
    ),
    Fault(
        "draining-accepts",
        "one that drains accepts commands",
        "src/fsm/word.rs",
        "        } else if self.has(DRAIN) {\n            Some(Refusal::Draining)",
        "        } else if self.has(DRAIN) && self.has(STOP) {\n            Some(Refusal::Draining)",
        "automata",
        "virtual_time::random_automata_keep_the_order",
    ),
    Fault(
        "alarm-of-another-state",
        "a state timeout outlives its state, by chance",
        "src/fsm/slots.rs",
        "if self.alarm.fresh { None } else { self.clear_alarm() }",
        "None",
        "automata",
        "virtual_time::random_automata_keep_the_order",
    ),
    Fault(
        "batch-lost",
        "what a turn leaves of its batch is lost",
        "src/fsm/turn.rs",
        "        self.flush();\n        self.halt()\n",
        "        self.flush();\n        self.batch.clear();\n        self.halt()\n",
        "automata",
        "virtual_time::random_automata_keep_the_order",
    ),
    Fault(
        "replay-ends-early",
        "a replay that ends before its trace is no difference",
        "src/fsm/virtual_time/executor.rs",
        "replay.difference.clone().or_else(|| Some(Difference { expected: Some(*missed()?), found: None }))",
        "replay.difference.clone().filter(|_| missed().is_none_or(|_| true))",
        "lib",
        "a_replay_that_ends_before_its_trace_has_parted_from_it",
    ),
    Fault(
        "no-jitter",
        "a wait before a restart has no jitter",
        "src/fsm/supervisor.rs",
        "wait.saturating_add(slots::jittered(wait, self.jitter, context.random()))",
        "wait",
        "lib",
        "a_wait_is_longer_by_up_to_its_jitter_and_the_same_under_the_same_seed",
    ),
    Fault(
        "closed-home-is-a-failure",
        "who ends since its home takes no more is born again",
        "src/fsm/supervisor.rs",
        "Ended { nth, .. }) if context.is_closed() => {",
        "Ended { nth, .. }) if nth == u64::MAX => {",
        "lib",
        "what_ends_on_a_home_that_takes_no_more_is_no_failure_and_its_supervisor_ends",
    ),
    Fault(
        "never-comes-back",
        "one that is never to be born again is, with its siblings",
        "src/fsm/supervisor.rs",
        "Some(slot) if slot.restart != Restart::Never => slot.life = Life::Waits,",
        "Some(slot) => slot.life = Life::Waits,",
        "lib",
        "who_is_stopped_and_who_is_born_again_is_as_in_the_table",
    ),
    Fault(
        "added-is-not-born",
        "a child that is added to a supervisor that lives waits for others to die",
        "src/fsm/supervisor.rs",
        "                let nth = self.take_in(slot);\n                up(self.begin(nth, context))",
        "                let _ = self.take_in(slot);\n                Up",
        "automata",
        "virtual_time::a_child_added_to_a_supervisor_that_lives_is_its_youngest",
    ),
]
