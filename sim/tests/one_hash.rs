//! One seed is one run, wherever it runs; and a run can be read.

use rsm::time::Time;
use rsm_sim::aim::{Act, Aim};
use rsm_sim::plan::{Fault, MS, What};
use rsm_sim::run::{Case, Stop};
use rsm_sim::sums::Sums;
use std::process::{Command, Stdio};
use std::time::Duration;

const LASTS: Duration = Duration::from_secs(5);

/// What was said, without how fast it was, which stands at the end of the last line.
fn without_speed(said: &str) -> &str {
    let (rest, speed) = said.rsplit_once(", ").expect("a sum has parts");
    let number = speed.split_once(" cluster-seconds a second").map(|(number, _)| number.parse::<u64>());
    assert!(number.is_some_and(|number| number.is_ok()), "{said}");
    rest
}

/// The last lines of `rsm-sim` with these arguments.
fn simulated(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rsm-sim")).args(arguments).output().expect("it was built");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn two_processes_come_to_one_hash_over_a_hundred_thousand_steps() {
    let run = |seed: u64| Case::new(seed, Duration::from_secs(20)).run();
    let long = (11..40).map(run).find(|report| 100_000 <= report.sums.steps);
    let report = long.expect("of so many seeds one takes as many steps, whatever is drawn");
    let seed = report.seed.to_string();
    let arguments = ["--seed", &seed, "--milliseconds", "20000"];
    let (one, other) = (simulated(&arguments), simulated(&arguments));
    assert_eq!(without_speed(&one), without_speed(&other));
    assert!(one.starts_with(&format!("hash {:032x}\n", report.hash)), "{one} but here {:032x}", report.hash);
}

#[test]
fn one_flipped_bit_of_one_packet_leads_to_another_hash() {
    let mut case = Case::new(3, LASTS);
    let flip = |bit: u64| What::Aim(Aim { from: None, to: None, kind: Some("Append"), skip: 5, act: Act::Flip(bit) });
    let hashes = [None, Some(300), Some(301)].map(|bit| {
        case.plan = bit.map(|bit| Fault { at: Time(MS), what: flip(bit) }).into_iter().collect();
        case.run().hash
    });
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2], "{hashes:x?}");
}

#[test]
fn a_trace_has_a_line_for_each_step_and_changes_nothing() {
    let case = Case::new(3, LASTS);
    let (mut lines, plain) = (Vec::new(), case.run());
    let traced = case.trace(Stop::default(), |line| lines.push(line.to_owned()));
    assert_eq!((plain.hash, plain.sums), (traced.hash, traced.sums));
    assert_eq!(lines.len() as u64, traced.sums.steps);
    for (number, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{{\"step\":{number},\"at\":")) && line.ends_with("\"}"), "{line}");
    }
    let words = ["\"event\":\"arrive\"", "\"carries\":[\"Vote\"]", "\"role\":\"leader\"", "\"turn\":\"machine\""];
    let of_clients = [
        "\"clients\":[{\"client\":",
        "\"asks\":1,\"for\":\"open a session\"",
        "\"for\":\"append ",
        "\"told\":\"index ",
    ];
    for words in words.into_iter().chain(of_clients) {
        assert!(lines.iter().any(|line| line.contains(words)), "no line has {words}");
    }
}

#[test]
fn a_run_that_is_cut_short_is_the_beginning_of_the_whole() {
    let whole = simulated(&["--seed", "3", "--trace"]);
    let part = simulated(&["--seed", "3", "--trace", "--until", "99"]);
    let lines: Vec<&str> = part.lines().filter(|line| line.starts_with("{\"step\"")).collect();
    assert_eq!(lines.len(), 100);
    assert!(whole.starts_with(&lines.join("\n")));
}

#[test]
fn the_last_line_is_the_sum_of_a_seed_of_many_and_of_a_story_and_how_fast_it_was() {
    let story = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/bug-01-a-vote-outlives-a-crash.txt");
    let told: [(&[&str], u64); 5] = [
        (&["--seed", "3", "--milliseconds", "500"], 1),
        (&["--seed", "3", "--milliseconds", "500", "--trace"], 1),
        (&["--seeds", "2", "--milliseconds", "500"], 2),
        (&["--scenario", story], 1),
        (&["--scenario", story, "--trace"], 1),
    ];
    let steps = told.map(|(arguments, seeds)| {
        let said = simulated(arguments);
        let last = without_speed(&said).lines().last().expect("it says something");
        let (sums, marks) = last.split_at(last.rfind(", ").expect("a sum has parts"));
        let sums = Sums::parse(sums).unwrap_or_else(|| panic!("{last}"));
        assert!(
            marks.contains(" marks") && sums.seeds == seeds && 0 < sums.simulated_ms && 0 < sums.elections,
            "{last}"
        );
        let lines = said.lines().filter(|line| line.starts_with("{\"step\"")).count() as u64;
        assert_eq!(lines, if arguments.contains(&"--trace") { sums.steps } else { 0 }, "{last}");
        sums.steps
    });
    assert!(steps[0] == steps[1] && steps[3] == steps[4], "{steps:?}");
}

/// As `head` does once it has its lines.
#[test]
fn a_reader_that_stops_listening_changes_nothing_else() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsm-sim"));
    command.args(["--seed", "3", "--milliseconds", "500", "--trace"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it was built");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_campaign_goes_on_with_seeds_of_one_length() {
    let file = std::env::temp_dir().join(format!("rsm-sim-resumed-{}", std::process::id()));
    let path = file.to_str().expect("a path of letters");
    let began = simulated(&["--seeds", "2", "--milliseconds", "200", "--resume", path]);
    let went_on = simulated(&["--seeds", "2", "--milliseconds", "200", "--resume", path]);
    assert!(began.contains("\nseeds 2, ") && went_on.contains("\nseeds 4, "), "{began}{went_on}");
    let output = Command::new(env!("CARGO_BIN_EXE_rsm-sim")).args(["--seeds", "2", "--resume", path]).output();
    let output = output.expect("it was built");
    std::fs::remove_file(&file).expect("it was written");
    std::fs::remove_file(format!("{path}.lock")).expect("it was taken");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`campaign of 200 ms, "));
}
