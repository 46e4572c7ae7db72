use super::*;

fn failure(script: &str) -> Option<Failed> {
    Scenario::parse(script).unwrap_or_else(|why| panic!("{why}")).play().err()
}

#[test]
fn a_line_that_is_none_is_told_with_its_number() {
    for (script, line, word) in [
        ("", "empty", "cluster"),
        ("cluster 9", "line 1", "seven"),
        ("cluster 3\n\nrun 5", "line 3", "`5`"),
        ("cluster 3\ndance", "line 2", "`dance`"),
        ("cluster 3\ndrop next Vote form 1", "line 2", "`form`"),
        ("cluster 3\nheal all", "line 2", "too many"),
        ("cluster 3\ntransfer 1", "line 2", "waits"),
    ] {
        let why = Scenario::parse(script).expect_err(script);
        assert!(why.contains(line) && why.contains(word), "{script}: {why}");
    }
}

#[test]
fn what_does_not_hold_fails_at_its_line() {
    let script = "cluster 3 seed 1 # a cluster\nrun until leader as L\npropose a at L -> ok\n";
    assert_eq!(failure(script), None);
    for (line, word) in [
        ("expect no leader", "NoLeader"),
        ("expect never L leads for 1T", "never"),
        ("expect L down within 3T", "Down"),
        ("propose b at L -> expired", "Ok"),
        ("read at L -> b", "saw"),
        ("pause X 1T", "X"),
        ("restart L\nawait b ok", "never proposed"),
    ] {
        let failed = failure(&format!("{script}{line}")).unwrap_or_else(|| panic!("{line} holds"));
        assert!(4 <= failed.line && failed.why.contains(word), "{line}: {failed}");
    }
}

#[test]
fn a_fault_that_has_no_effect_fails_the_story() {
    let failed = failure("cluster 3\nrun 1T\ncrash 0\ncrash 0").expect("it is down");
    assert_eq!(failed.line, 4);
}
