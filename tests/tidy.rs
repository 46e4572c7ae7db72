//! The house rules that a machine can see: who may import whom, how long a file may be, what must be said beside what.

#[path = "tidy/faults.rs"]
mod faults;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends so, with its text, by its path from the root.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left = vec![root().join(folder)];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let inside = std::fs::read_dir(&path).expect("a directory can be read");
            let inside = inside.map(|entry| entry.expect("a directory can be read").path());
            left.extend(inside.filter(|path| !path.ends_with("target") && !path.ends_with("__pycache__")));
        } else if path.to_string_lossy().ends_with(ending) {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
            found.push((name, text));
        }
    }
    found.sort();
    found
}

fn rust() -> Vec<(String, String)> {
    ["src", "tests", "examples", "sim", "peers"].into_iter().flat_map(|folder| files(folder, ".rs")).collect()
}

/// What a line says outside its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Fails with all that was found, one place a line.
fn none_of(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

/// The places where `bad` holds of a line.
fn places(files: Vec<(String, String)>, bad: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files {
        for (at, line) in text.lines().enumerate() {
            if bad(&name, line) {
                found.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn no_file_has_more_than_five_hundred_lines() {
    let long = rust().into_iter().filter(|(_, text)| 500 < text.lines().count());
    none_of(
        "a second idea has moved in",
        long.map(|(name, text)| format!("{name}: {}", text.lines().count())).collect(),
    );
}

#[test]
fn a_floor_imports_only_floors_below_it() {
    let above = |name: &str, line: &str| {
        let line = code(line);
        let fsm = line.contains("crate::fsm");
        let raft = line.contains("crate::raft");
        let pipe = line.contains("crate::pipe");
        (name.starts_with("src/sync/") && (fsm || raft || pipe)) || (name.starts_with("src/fsm/") && (raft || pipe))
    };
    none_of("floors only look down", places(files("src", ".rs"), above));
}

#[test]
fn the_core_imports_nothing_but_plain_things() {
    let allowed = [
        "crate::raft::consensus",
        "crate::raft::entry",
        "crate::raft::recovered",
        "crate::raft::types",
        "crate::raft::{",
        "crate::raft::invariants",
        "crate::time",
        "crate::mix",
        "crate::varint",
        "crate::raft::mark",
        "crate::raft::mutant",
    ];
    let outside = |name: &str, line: &str| {
        let line = code(line);
        let core = name.starts_with("src/raft/consensus/") && !name.contains("tests");
        let ours = line.contains("crate::") && !allowed.iter().any(|path| line.contains(path));
        let words = ["std::fs", "std::io", "std::thread", "std::net", "std::env", "Instant", "SystemTime", "HashMap"];
        core && (ours || words.iter().any(|word| line.contains(word)))
    };
    none_of("the core is a pure function of its inputs", places(files("src/raft/consensus", ".rs"), outside));
}

#[test]
fn unsafe_code_lives_on_the_lowest_floor_alone() {
    let elsewhere = |name: &str, line: &str| {
        let line = code(line);
        let acts = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "allow(unsafe_code)"];
        !name.starts_with("src/sync/") && name.starts_with("src/") && acts.iter().any(|act| line.contains(act))
    };
    none_of("unsafe lives in sync", places(files("src", ".rs"), elsewhere));
    for floor in ["src/fsm/mod.rs", "src/raft/mod.rs"] {
        let text = std::fs::read_to_string(root().join(floor)).expect("a floor has a page");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{floor} does not forbid unsafe code");
    }
}

#[test]
fn atomics_come_through_one_door() {
    let past = |name: &str, line: &str| {
        // model.rs counts the executions of a model, and must do so from outside of it.
        let door = name.starts_with("src/sync/shim") || name == "src/sync/model.rs";
        name.starts_with("src/") && !door && code(line).contains("std::sync::atomic")
    };
    none_of("src/sync/shim is the door: a model checker stands behind it", places(files("src", ".rs"), past));
}

#[test]
fn nothing_of_ours_waits_on_locks_of_the_standard_library() {
    let theirs = |name: &str, line: &str| {
        // The one speaks the language of `lock_api`, the other is what a ring is compared with, which must not be a ring.
        let excepted = ["src/sync/lock/lock_api.rs", "src/sync/park/schedules.rs"].contains(&name);
        let line = if excepted { "" } else { code(line) };
        let words = ["Mutex", "Condvar", "std::sync::mpsc", "std::sync::RwLock", "OnceLock", "std::sync::Barrier"];
        words.iter().any(|word| line.contains(word)) && !line.contains("loom") && !line.contains("shuttle")
    };
    let product = ["src", "examples", "sim/src"].into_iter().flat_map(|folder| files(folder, ".rs"));
    let files = product.filter(|(name, _)| !name.starts_with("src/sync/shim") && !name.contains("/tests/")).collect();
    none_of("we have our own", places(files, theirs));
}

/// Whether one of the `lines` before `at`, up to the last blank one and at most `reach`, holds `word`.
fn said_above(lines: &[&str], at: usize, reach: usize, word: &str) -> bool {
    lines[at.saturating_sub(reach)..=at]
        .iter()
        .rev()
        .take_while(|line| !line.trim().is_empty())
        .any(|line| line.contains(word))
}

/// The `ORDERING:` comment above a line, as one line: what is said in its paragraph, next above.
fn ordering_above(lines: &[&str], at: usize) -> Option<String> {
    let near = lines[at.saturating_sub(16)..=at].iter().rev().take_while(|line| !line.trim().is_empty());
    let up = near.take_while(|line| !line.contains("// ORDERING:")).count();
    let start = at.checked_sub(up).filter(|start| lines[*start].contains("// ORDERING:"))?;
    let said = lines[start..].iter().map(|line| line.trim()).take_while(|line| line.starts_with("//"));
    Some(said.map(|line| line.trim_start_matches('/').trim()).collect::<Vec<_>>().join(" "))
}

/// The models that a comment names: what stands in backquotes behind the word.
fn models_named(comment: &str) -> Vec<&str> {
    let groups = comment.split("(model").skip(1).filter_map(|rest| rest.split(')').next());
    groups.flat_map(|group| group.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn each_ordering_that_pairs_names_the_model_that_fails_without_it_or_shows_its_litmus() {
    let models: String =
        files("tests/loom", ".rs").into_iter().chain(files("src", "models.rs")).map(|(_, text)| text).collect();
    let run: std::collections::BTreeSet<String> = models_run().into_iter().collect();
    let mut silent = Vec::new();
    for (name, text) in files("src/sync", ".rs").into_iter().chain(files("src/fsm", ".rs")) {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines: Vec<_> = product.lines().collect();
        let of_models = ["src/sync/shim", "src/sync/probe.rs"].iter().any(|door| name.starts_with(door));
        let of_models = of_models || name.ends_with("models.rs");
        for (at, line) in lines.iter().enumerate().filter(|_| !of_models) {
            let pairs = ["Acquire", "Release", "AcqRel", "SeqCst"].iter().any(|order| code(line).contains(order));
            let imports = line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub");
            let said = if pairs && !imports { ordering_above(&lines, at) } else { continue };
            let said = said.unwrap_or_default();
            let named = models_named(&said);
            let unknown = named.iter().any(|model| !models.contains(&format!("\"{model}\"")));
            // A model's name outside such a group would be tried by nobody.
            let stray = said.split('`').skip(1).step_by(2).any(|word| run.contains(word) && !named.contains(&word));
            let shown = !named.is_empty() || said.contains("itmus") || said.contains("fault that a model switches on");
            if unknown || stray || !shown {
                silent.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    none_of(
        "an access that pairs has an ORDERING: comment, which names a model of tests/loom, or shows a litmus",
        silent,
    );
}

/// The models that are run: what stands first in a call, but for those of which it is held that they fail.
fn models_run() -> Vec<String> {
    let mut names = Vec::new();
    for (name, text) in files("tests/loom", ".rs").into_iter().chain(files("src", "models.rs")) {
        // What counts as found: none of its models is one.
        for line in text.lines().filter(|line| !name.ends_with("catch.rs") && !line.contains("fails(")) {
            let calls = line.match_indices("(\"").filter(|(at, _)| {
                let called =
                    line[..*at].trim_end_matches(|letter: char| letter.is_alphanumeric() || "_:<>".contains(letter));
                called.len() < *at && !called.ends_with(['.', '!'])
            });
            let literals = calls.filter_map(|(at, _)| line[at + 2..].split('"').next());
            let is_word =
                |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase() || "_0123456789".contains(letter));
            names.extend(literals.map(|name| name.trim_end_matches(" (mpsc)")).filter(is_word).map(str::to_owned));
        }
    }
    names
}

#[test]
fn what_each_model_explores_is_recorded() {
    let recorded = std::fs::read_to_string(root().join("docs/explored.json")).expect("it is kept beside the page");
    let silent = models_run().into_iter().filter(|name| {
        let key = [format!("\"{name}\": {{"), format!("\"{name} (mpsc)\": {{")];
        !key.iter().any(|key| recorded.contains(key))
    });
    none_of("the executions of each model stand in docs/explored.json (scripts/explore.py)", silent.collect());
    assert!(models_run().len() > 200, "the models are found by their names");
}

#[test]
fn the_page_of_orderings_has_a_row_for_each_that_pairs_and_no_other() {
    let script = root().join("scripts/weaken.py");
    let page = root().join("docs/verification-sync.md");
    let run = Command::new("python3").arg("-B").arg(script).arg("--check").arg(page).output();
    let run =
        run.unwrap_or_else(|why| panic!("the accesses are found by a script that needs python3 on the path: {why}"));
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}: run scripts/weaken.py --page docs/verification-sync.md");
}

#[test]
fn each_unsafe_act_has_its_proof() {
    let mut bare = Vec::new();
    for (name, text) in files("src", ".rs") {
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let act = code(line).contains("unsafe {") || code(line).contains("unsafe impl");
            if act && !said_above(&lines, at, 16, "SAFETY:") {
                bare.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    none_of("an unsafe act needs its SAFETY: proof", bare);
}

/// A floor is asked of a build by the names it has: those of marks that nothing meets any more are among them.
#[test]
fn each_mark_that_has_a_floor_stands_where_something_meets_it() {
    let floors = std::fs::read_to_string(root().join("sim/marks.txt")).expect("it is there");
    let names = floors.lines().map(code_of_marks).filter_map(|line| line.split_once(' ')).map(|(_, name)| name);
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let of = |folder, not: &[&str]| -> String {
        let all = files(folder, ".rs").into_iter().filter(|(name, _)| !not.contains(&name.as_str()));
        all.map(|(_, text)| dense(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default())).collect()
    };
    let (of_the_crate, of_the_world) =
        (of("src", &[]), of("sim/src", &["sim/src/marks.rs", "sim/src/nemesis/draws.rs", "sim/src/strike/tests.rs"]));
    let is_met = |name: &str| {
        of_the_crate.contains(&format!("mark!(\"{name}\"")) || of_the_world.contains(&format!("\"{name}\""))
    };
    none_of("a mark without a place", names.filter(|name| !is_met(name)).map(str::to_owned).collect());
}

/// What a line of `sim/marks.txt` says outside its comment.
fn code_of_marks(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

#[test]
fn nothing_is_left_undone_or_skipped() {
    let marks = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X"],
        ["#[ign", "ore"],
        ["to", "do!("],
        ["unimpl", "emented!("],
        ["db", "g!("],
    ];
    let undone = |_: &str, line: &str| marks.iter().any(|mark| line.contains(&mark.concat()));
    none_of("finish it or delete it", places(rust(), undone));
}

/// The attributes of a text, each from its line on to where it ends, as one line.
fn attributes(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<_> = text.lines().map(|line| code(line).trim()).collect();
    let begins = |line: &str| line.starts_with("#[") || line.starts_with("#![") || line.contains("(#[");
    let starts = (0..lines.len()).filter(|&at| begins(lines[at]));
    starts
        .map(|at| {
            let end = lines[at..].iter().position(|line| line.contains(']')).map_or(at, |more| at + more);
            (at + 1, lines[at..=end].concat())
        })
        .collect()
}

#[test]
fn what_silences_a_lint_says_why() {
    let mut bare = Vec::new();
    for (name, text) in rust() {
        for (at, attribute) in attributes(&text) {
            let silences = ["[allow(", " allow(", "(allow(", "[expect(", " expect(", "(expect("];
            let silences = silences.iter().any(|word| attribute.contains(word));
            if silences && !attribute.contains("reason = \"") {
                bare.push(format!("{name}:{at}: {attribute}"));
            }
        }
    }
    let python = ["examples", "scripts", "tests", "sim", "peers"].into_iter().flat_map(|folder| files(folder, ".py"));
    bare.extend(places(python.collect(), |_, line| {
        let mut behind = ["# type: ignore", "# noqa"].iter().filter_map(|word| line.split_once(word));
        behind.any(|(_, behind)| !behind.contains("  # "))
    }));
    none_of("a silenced lint has its reason in its line", bare);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let all = ["src", "tests", "examples", "sim", "docs", "scripts", ".ci"].into_iter();
    let all = all
        .flat_map(|folder| ["rs", "py", "md", "toml", "sh", "run"].into_iter().flat_map(move |end| files(folder, end)));
    let homes = [["/ro", "ot/"], ["/ho", "me/"], ["/wo", "rk/"], ["/Us", "ers/"]];
    let path = |_: &str, line: &str| homes.iter().any(|home| line.contains(&home.concat()));
    none_of("the repository speaks of the project alone", places(all.collect(), path));
}

/// The files of the lowest floor that a user meets, or that keep its invariants.
fn lowest_floor() -> Vec<(String, String)> {
    let machinery = ["shim", "probe", "testing", "model", "bounds"];
    let is_machinery = |name: &str| {
        let file = name.strip_prefix("src/sync/").expect("it is below that").split(['/', '.']).next();
        machinery.contains(&file.expect("a name has a first part"))
            || ["tests.rs", "models.rs", "schedules.rs"].iter().any(|end| name.ends_with(end))
            || name.contains("/tests/")
    };
    files("src/sync", ".rs").into_iter().filter(|(name, _)| !is_machinery(name)).collect()
}

#[test]
fn each_file_of_the_lowest_floor_has_its_drawing() {
    let bare = lowest_floor().into_iter().filter(|(_, text)| {
        let mut head = text.lines().take_while(|line| line.starts_with("//!"));
        !head.any(|line| line == "//! ```text")
    });
    none_of("a file opens with what it is for, and a drawing", bare.map(|(name, _)| name).collect());
}

#[test]
fn what_may_be_sent_and_shared_is_asked_of_each_type_and_future_of_the_lowest_floor() {
    let asked = std::fs::read_to_string(root().join("src/sync/bounds.rs")).expect("the table is there");
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    let is_asked = |what: &str| asked.split(what).skip(1).any(ends);
    let mut forgotten = Vec::new();
    for (name, text) in lowest_floor() {
        let module = name["src/sync/".len()..].split(['/', '.']).next().expect("a name has a first part");
        for line in text.lines().map(code) {
            let named = ["pub struct ", "pub enum "].iter().find_map(|kind| line.strip_prefix(kind));
            let is_future =
                line.contains("impl Future<") || line.contains("pub async fn ") || line.contains("Future<'_");
            let future =
                line.trim_start().strip_prefix("pub ").filter(|_| is_future).and_then(|line| line.split_once("fn "));
            let word = |text: &str| {
                text.split(|next: char| !next.is_alphanumeric() && next != '_').next().unwrap_or_default().to_owned()
            };
            let what = named.map(|rest| format!("{module}::{}", word(rest)));
            forgotten
                .extend(what.or(future.map(|(_, rest)| format!(".{}", word(rest)))).filter(|what| !is_asked(what)));
        }
    }
    none_of("src/sync/bounds.rs does not ask", forgotten);
}

#[test]
fn each_invariant_that_code_cites_is_listed_once() {
    let list = std::fs::read_to_string(root().join("docs/invariants.md")).expect("the list is there");
    let cells = list.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|row| row.split(" |").next());
    let rows: Vec<_> = cells.filter(|cell| *cell != "name").collect();
    let names: BTreeSet<_> = rows.iter().copied().collect();
    let mut cited = Vec::new();
    for (name, text) in rust() {
        for (at, line) in text.lines().enumerate() {
            let quoted = line.split('"').skip(1).step_by(2);
            let rules = quoted.filter_map(|said| said.split_once(": ")).map(|(rule, _)| rule);
            for rule in rules.filter(|rule| is_number(rule)) {
                let listed = names.contains(rule) || names.iter().any(|row| row.ends_with(&format!(" {rule}")));
                if !listed {
                    cited.push(format!("{name}:{}: {rule}", at + 1));
                }
            }
        }
    }
    none_of("an invariant is cited that docs/invariants.md does not list", cited);
    for name in &names {
        assert_eq!(rows.iter().filter(|row| *row == name).count(), 1, "{name} is listed twice");
    }
}

#[test]
fn each_rule_of_a_cluster_is_broken_once_by_hand_in_a_test_named_for_it() {
    let judges = |name: &str| name.starts_with("sim/src/") || name.starts_with("src/raft/invariants/");
    let judges: Vec<String> = rust().into_iter().filter(|(name, _)| judges(name)).map(|(_, text)| text).collect();
    let is_broken = |rule: &u64| judges.iter().any(|text| text.contains(&format!("fn r{rule}_")));
    none_of("no test is named for R", (1..=23).filter(|rule| !is_broken(rule)).map(|rule| rule.to_string()).collect());
}

#[test]
fn each_proof_of_the_lowest_floor_cites_an_invariant_by_its_number_or_stands_by_itself() {
    let list = std::fs::read_to_string(root().join("docs/invariants.md")).expect("the list is there");
    let mut bare = Vec::new();
    for (name, text) in lowest_floor() {
        let module = name["src/sync/".len()..].split(['/', '.']).next().expect("a name has a first part");
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for at in (0..lines.len()).filter(|&at| lines[at].starts_with("// SAFETY:")) {
            let proof =
                lines[at..].iter().take_while(|line| line.starts_with("//")).copied().collect::<Vec<_>>().join(" ");
            let cited = proof.split(|next: char| !next.is_alphanumeric()).filter(|word| is_number(word));
            let is_listed = |number: &str| list.contains(&format!("| sync/{module} {number} |"));
            let stands = cited.clone().next().is_some() || proof.starts_with("// SAFETY: by itself: ");
            if !stands || !cited.clone().all(is_listed) {
                bare.push(format!("{name}:{}: {proof}", at + 1));
            }
        }
    }
    none_of("a proof cites an invariant of docs/invariants.md, or says that it stands \"by itself\", and why", bare);
}

/// `R7`, `F12`, `W3`: a capital and a number.
fn is_number(rule: &str) -> bool {
    let digits = rule.strip_prefix(|first: char| first.is_ascii_uppercase());
    digits.is_some_and(|digits| {
        !digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn cargo(arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(run.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn the_default_tree_has_at_most_twelve_crates() {
    let tree = cargo(&["tree", "--offline", "--locked", "-p", "rsm", "-e", "normal,build", "--prefix", "none"]);
    let crates: BTreeSet<_> =
        tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| *name != "rsm").collect();
    assert!(crates.len() <= 12, "{} crates: {crates:?}", crates.len());
}

/// What tests and model checkers switch on is a cfg, so nothing that unifies features can carry it to a user.
#[test]
fn the_executable_of_a_user_has_no_switch_of_a_test() {
    // By the profile by which `cargo test` has built it already: what differs from a user's is not what is built.
    let how = ["--profile", "test", "--offline", "--locked", "--message-format", "json"];
    let built = cargo(&[&["build", "--bin", "grpc"][..], &how].concat());
    let ours = built.lines().filter(|line| line.contains("\"compiler-artifact\"") && line.contains("rsm"));
    let mut seen = 0;
    for line in ours {
        assert!(line.contains("\"features\":[]"), "a feature is on: {line}");
        seen += 1;
    }
    assert!(2 <= seen, "rsm and its executable were built");
    let executable =
        built.lines().filter_map(|line| line.split("\"executable\":\"").nth(1)).find_map(|rest| rest.split('"').next());
    let binary = std::fs::read(PathBuf::from(executable.expect("an executable was built"))).expect("it can be read");
    for name in ["RSM_MUTANT", "vote-cleared", "vote-refused-log"] {
        let holds = binary.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!holds, "{name}: a mutant's switch or a mark is in the executable");
    }
}
