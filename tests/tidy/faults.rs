//! The faults of `scripts/faults.py`: each changes what stands there, and has its row on the page.

use super::{none_of, root};

/// The texts of a call's arguments in Python; those that stand side by side are one.
fn python_texts(call: &str) -> Vec<String> {
    let (mut all, mut next, mut letters) = (Vec::new(), String::new(), call.chars());
    while let Some(letter) = letters.next() {
        match letter {
            quote @ ('"' | '\'') => {
                while let Some(letter) = letters.next().filter(|letter| *letter != quote) {
                    next.push(match letter {
                        '\\' if letters.as_str().starts_with('n') => letters.next().map_or(' ', |_| '\n'),
                        '\\' => letters.next().expect("a letter behind a backslash"),
                        letter => letter,
                    });
                }
            }
            ',' => all.push(std::mem::take(&mut next)),
            _ => {}
        }
    }
    all
}

/// Each by its fields: name, what it says, file, old text, new text, target, test.
fn faults() -> Vec<Vec<String>> {
    let lists = ["list", "ends", "turns"].map(|list| root().join(format!("scripts/fault_{list}.py")));
    let lists = lists.map(|file| std::fs::read_to_string(file).expect("a list of faults is there")).concat();
    lists.split("\n    Fault(\n").skip(1).map(python_texts).collect()
}

#[test]
fn the_text_that_each_fault_changes_stands_once_in_its_file() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let gone = faults().into_iter().filter(|fault| read(&fault[2]).matches(&fault[3]).count() != 1);
    none_of("a fault changes what stands there", gone.map(|fault| format!("{}: {}", fault[0], fault[2])).collect());
}

#[test]
fn the_page_of_faults_has_a_row_for_each_and_no_other() {
    let page = std::fs::read_to_string(root().join("docs/verification-sync.md")).expect("the page is there");
    let table = page.split("<!-- faults: begin -->").nth(1).and_then(|rest| rest.split("<!-- faults: end -->").next());
    let rows = table.expect("the table is there").lines().filter(|line| line.starts_with("| ")).skip(1);
    let shown: Vec<_> = rows.map(|row| row.split(" | ").take(3).collect::<Vec<_>>().join(" | ")).collect();
    let row =
        |fault: &Vec<String>| format!("| {} | {} | `{}`", fault[1], fault[2].trim_start_matches("src/"), fault[6]);
    let wanted: Vec<_> = faults().iter().map(row).collect();
    let differ = (0..shown.len().max(wanted.len())).filter(|&at| shown.get(at) != wanted.get(at));
    let differ = differ.map(|at| format!("{:?}, and not {:?}", wanted.get(at), shown.get(at)));
    none_of("python3 scripts/faults.py --page --missing", differ.collect());
    assert!(20 < wanted.len(), "{} faults", wanted.len());
}
