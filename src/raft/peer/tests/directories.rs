//! A directory of the file system: whose it is, and what a restart finds in it.

use super::Adder;
use crate::raft::peer::{Builder, Peer, SpawnError};
use crate::raft::storage::Remark;
use std::fs;
use std::path::PathBuf;

/// Gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("rsm-peer-{}-{name}", std::process::id()));
        // What a run that was killed left behind.
        let _ = fs::remove_dir_all(&path);
        Scratch(path)
    }

    fn builder(&self, id: u64, members: &[u64]) -> Builder<Adder> {
        let members = members.iter().map(|id| (*id, "here"));
        Peer::builder(id, members).dir(&self.0).segment_bytes(128 << 10)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn end(peer: &Peer<Adder>) {
    peer.drain();
    peer.wait_ended();
}

fn refusal(builder: Builder<Adder>) -> String {
    builder.spawn().expect_err("it does not fit").to_string()
}

#[test]
fn a_restart_goes_on_where_the_last_life_ended() {
    let scratch = Scratch::new("restart");
    for life in 0..3 {
        let peer = scratch.builder(0, &[0]).snapshot_entries(4).spawn().expect("nothing refuses it");
        assert_eq!(peer.propose(1).expect("room").wait(), Ok(life * 2 + 1));
        assert_eq!(peer.propose(1).expect("room").wait(), Ok(life * 2 + 2));
        assert!(0 < peer.status().syncs);
        end(&peer);
    }
}

#[test]
fn a_directory_that_is_open_is_refused_and_free_once_its_peer_is_gone() {
    let scratch = Scratch::new("locked");
    let peer = scratch.builder(0, &[0]).spawn().expect("nothing refuses it");
    assert!(refusal(scratch.builder(0, &[0])).contains("in use"));
    end(&peer);
    end(&scratch.builder(0, &[0]).spawn().expect("it is free"));
}

#[test]
fn a_directory_of_another_peer_cluster_or_list_of_members_is_refused_by_name() {
    let scratch = Scratch::new("owner");
    end(&scratch.builder(0, &[0, 1, 2]).spawn().expect("nothing refuses it"));
    let dir = scratch.0.display().to_string();
    for builder in [
        scratch.builder(1, &[0, 1, 2]),
        scratch.builder(0, &[0, 1]),
        scratch.builder(0, &[0, 1, 2]).name("another"),
        scratch.builder(0, &[0, 1, 2]).sessions_max(7),
    ] {
        let refused = builder.spawn().expect_err("it does not fit");
        assert!(matches!(refused, SpawnError::Dir(..)), "{refused:?}");
        assert!(refused.to_string().starts_with(&dir), "{refused}");
    }
}

#[test]
fn other_addresses_of_the_same_members_are_accepted_with_a_remark() {
    let scratch = Scratch::new("addresses");
    end(&scratch.builder(0, &[0]).spawn().expect("nothing refuses it"));
    let peer: Peer<Adder> =
        Peer::builder(0, [(0, "there")]).dir(&scratch.0).segment_bytes(128 << 10).spawn().expect("accepted");
    assert_eq!(peer.remarks(), [Remark::Addresses]);
    end(&peer);
}

#[test]
fn members_that_are_none_are_refused() {
    let scratch = Scratch::new("members");
    assert!(refusal(scratch.builder(7, &[0, 1, 2])).starts_with("7 is not one of the members 0, 1, 2"));
    assert!(refusal(scratch.builder(0, &[0, 1, 1])).starts_with("1 is listed twice"));
    assert!(refusal(scratch.builder(0, &[0]).heartbeat(std::time::Duration::ZERO)).contains("heartbeat"));
}
