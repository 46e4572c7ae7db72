use super::*;
use rsm::raft::{Index, Term};

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn put(key: &'static str, value: &'static str) -> Command {
    Command::Put { key: text(key), value: text(value) }
}

fn append(key: &'static str, item: &'static str) -> Command {
    Command::Append { key: text(key), item: text(item) }
}

fn cas(key: &'static str, old: &'static str, new: &'static str) -> Command {
    Command::Cas { key: text(key), old: text(old), new: text(new) }
}

fn delete(key: &'static str) -> Command {
    Command::Delete { key: text(key) }
}

/// A map after these commands, and the last one's reply.
fn after(commands: impl IntoIterator<Item = Command>) -> (Kv, Reply) {
    let mut kv = Kv::default();
    let at = Applied::new(Index(1), Term(1));
    let last = commands.into_iter().map(|command| kv.apply(command, at)).last();
    (kv, last.expect("a command"))
}

#[test]
fn each_command_does_what_its_name_says_or_says_why_not() {
    let cases = [
        (vec![put("a", "1")], Reply::Done),
        (vec![delete("a")], Reply::NoSuchKey),
        (vec![put("a", "1"), delete("a")], Reply::Done),
        (vec![put("a", "1"), delete("a"), delete("a")], Reply::NoSuchKey),
        (vec![cas("a", "1", "2")], Reply::NoSuchKey),
        (vec![put("a", "1"), cas("a", "1", "2")], Reply::Done),
        (vec![put("a", "1"), cas("a", "9", "2")], Reply::NotSwapped(text("1"))),
        (vec![append("a", "1")], Reply::Appended(1)),
        (vec![append("a", "1"), append("a", "1")], Reply::Appended(2)),
        (vec![append("a", "1"), put("a", "1")], Reply::WrongType),
        (vec![append("a", "1"), cas("a", "1", "2")], Reply::WrongType),
        (vec![put("a", "1"), append("a", "1")], Reply::WrongType),
        (vec![append("a", "1"), delete("a"), put("a", "1")], Reply::Done),
    ];
    for (commands, reply) in cases {
        assert_eq!(after(commands.clone()).1, reply, "{commands:?}");
    }
}

#[test]
fn a_command_that_says_no_changes_nothing() {
    let (before, _) = after([put("a", "1"), append("l", "1")]);
    let no = [cas("a", "9", "2"), put("l", "1"), append("a", "1"), delete("z")];
    let (with, _) = after([put("a", "1"), append("l", "1")].into_iter().chain(no));
    assert_eq!(before, with);
}

#[test]
fn queries_find_strings_lists_and_sorted_keys() {
    let (kv, _) = after([put("b2", "x"), append("b1", "y"), append("b1", "z"), put("c", "x"), put("a", "x")]);
    let get = |key| kv.answer(Query::Get { key: text(key) });
    assert_eq!(get("b2"), Answer::Value(Value::String(text("x"))));
    assert_eq!(get("b1"), Answer::Value(Value::List(vec![text("y"), text("z")])));
    assert_eq!(get("d"), Answer::NoSuchKey);
    let keys = |prefix| kv.answer(Query::Keys { prefix: text(prefix) });
    assert_eq!(keys("b"), Answer::Keys(vec![text("b1"), text("b2")]));
    assert_eq!(keys(""), Answer::Keys(["a", "b1", "b2", "c"].map(text).to_vec()));
    assert_eq!(keys("zz"), Answer::Keys(vec![]));
}

fn written(kv: &Kv) -> Vec<u8> {
    let mut bytes = Vec::new();
    kv.snapshot()(&mut bytes).expect("a Vec takes all");
    bytes
}

#[test]
fn a_snapshot_holds_the_state_of_its_moment_and_comes_back() {
    let (mut kv, _) = after([put("b", "x"), append("a", "y")]);
    let snapshot = kv.snapshot();
    let (before, bytes) = (kv.clone(), written(&kv));
    let _ = kv.apply(put("c", "later"), Applied::new(Index(9), Term(1)));
    let mut late = Vec::new();
    snapshot(&mut late).expect("a Vec takes all");
    assert_eq!(late, bytes);
    assert_eq!(Kv::restore(&mut &bytes[..]).expect("it was written so"), before);
}

#[test]
fn equal_states_write_equal_bytes_however_they_came_about() {
    let (one, _) = after([put("a", "1"), put("b", "2"), append("c", "3")]);
    let (other, _) = after([append("c", "3"), put("z", "9"), put("b", "2"), put("a", "0"), put("a", "1"), delete("z")]);
    assert_eq!(written(&one), written(&other));
}

#[test]
fn bytes_that_are_no_map_are_refused() {
    let (kv, _) = after([put("b", "x"), append("a", "y")]);
    let whole = written(&kv);
    let mut longer = whole.clone();
    longer.push(0);
    let twice = [2, 1, b'a', 0, 0, 1, b'a', 0, 0];
    let falling = [2, 1, b'b', 0, 0, 1, b'a', 0, 0];
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    for bytes in cut.chain([longer, twice.to_vec(), falling.to_vec()]) {
        let error = Kv::restore(&mut &bytes[..]).expect_err("these bytes are no map");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
    }
}

#[test]
fn commands_queries_and_replies_look_as_their_page_says() {
    let cases: [(Bytes, &[u8]); 12] = [
        (put("k", "ab").to_bytes(), b"\0\x01k\x02ab"),
        (delete("k").to_bytes(), b"\x01\x01k"),
        (cas("k", "a", "").to_bytes(), b"\x02\x01k\x01a\0"),
        (append("k", "a").to_bytes(), b"\x03\x01k\x01a"),
        (Query::Get { key: text("k") }.to_bytes(), b"\0\x01k"),
        (Query::Keys { prefix: text("") }.to_bytes(), b"\x01\0"),
        (Reply::Appended(300).to_bytes(), b"\0\xac\x02"),
        (Reply::NotSwapped(text("no")).to_bytes(), b"\x02\x02no"),
        (Answer::Value(Value::String(text("v"))).said().to_bytes(), b"\0\0\x01v"),
        (Answer::Value(Value::List(vec![text("v"), text("")])).said().to_bytes(), b"\0\x01\x02\x01v\0"),
        (Answer::Keys(vec![text("a"), text("b")]).said().to_bytes(), b"\0\x02\x01a\x01b"),
        (Answer::NoSuchKey.said().to_bytes(), b"\x01"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(bytes, expected);
    }
}

#[test]
fn what_is_written_is_read_back_whole_and_never_in_part() {
    fn comes_back<T: Codec + PartialEq + std::fmt::Debug>(values: impl IntoIterator<Item = T>) {
        for value in values {
            let bytes = value.to_bytes();
            assert_eq!(T::from_bytes(&bytes), Some(value));
            assert_eq!(T::from_bytes(&[&bytes[..], &[0x80]].concat()), None, "{bytes:?} and a byte more");
        }
    }
    comes_back([put("k", "v"), delete(""), cas("k", "old", "new"), append("k", "item")]);
    comes_back([Query::Get { key: text("k") }, Query::Keys { prefix: text("p") }]);
    comes_back([Reply::Done, Reply::Appended(7), Reply::NoSuchKey, Reply::NotSwapped(text("x")), Reply::WrongType]);
    assert_eq!(Command::from_bytes(&[4, 0]), None, "no command has this number");
    assert_eq!(Query::from_bytes(&[2, 0]), None, "no query has this number");
}
