use super::format::{CHUNK, CHUNK_HEAD, FOOTER, name, parse};
use super::*;
use crate::mix::Draws;
use crate::raft::NodeId;
use crate::raft::consensus::Membership;
use crate::raft::storage::simulated::{Operation, Spares};
use crate::raft::storage::{SimulatedDisk, Snapshot};
use crate::sync::shim::{AtomicBool, Ordering};
use std::io::{self, Read, Write};

const CLUSTER: ClusterId = ClusterId(5);

fn on(disk: &Arc<SimulatedDisk>) -> Snapshots<SimulatedDisk> {
    Snapshots::new(Arc::clone(disk), CLUSTER).unwrap()
}

fn empty() -> (Arc<SimulatedDisk>, Snapshots<SimulatedDisk>) {
    let disk = Arc::new(SimulatedDisk::new(1));
    let snapshots = on(&disk);
    (disk, snapshots)
}

/// As a snapshot has them.
pub(crate) fn members() -> Bytes {
    Membership::of_voters([(NodeId(1), "there")]).encode().into()
}

fn noise(len: usize) -> Vec<u8> {
    let mut draws = Draws::new(len as u64);
    (0..len).map(|_| draws.bits() as u8).collect()
}

fn take<D: Disk>(snapshots: &Snapshots<D>, index: u64, state: &[u8]) -> Snapshot {
    let mut taking = snapshots.take(LogId::new(1, index), members()).unwrap();
    taking.write_all(state).unwrap();
    taking.finish().unwrap()
}

fn state(snapshots: &Snapshots<SimulatedDisk>, at: LogId) -> io::Result<Vec<u8>> {
    let mut state = Vec::new();
    snapshots.open(at).unwrap().state().read_to_end(&mut state).map(|_| state)
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list().unwrap()
}

#[test]
fn a_state_of_any_length_comes_back_whole() {
    for len in [0, 1, 5_000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        let (disk, snapshots) = empty();
        let taken = take(&snapshots, 7, &noise(len));
        disk.crash();
        let snapshots = on(&disk);
        assert_eq!(snapshots.newest().unwrap(), Some(taken.clone()));
        assert!(state(&snapshots, taken.at).unwrap() == noise(len), "{len} bytes");
        let chunks = len.div_ceil(CHUNK);
        let expected = 64 + members().len() + chunks * CHUNK_HEAD + len + FOOTER;
        assert_eq!(snapshots.open(taken.at).unwrap().total(), expected as u64);
    }
}

#[test]
fn a_name_has_one_spelling() {
    let at = LogId::new(0xab, 0x1234);
    assert_eq!(name(at), "snap-0000000000001234-00000000000000ab");
    assert_eq!(parse(&name(at)), Some(at));
    for other in [
        "snap-1234-ab",
        "snap-0000000000001234-00000000000000AB",
        "snap-0000000000001234-00000000000000ab.taken.tmp",
        "snap-+000000000001234-00000000000000ab",
    ] {
        assert_eq!(parse(other), None, "{other}");
    }
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    let (disk, snapshots) = empty();
    snapshots.take(LogId::new(1, 1), Bytes::new()).unwrap().write_all(&noise(3_000)).unwrap();
    snapshots.receive(LogId::new(1, 2), 100).unwrap();
    assert_eq!(names(&disk), [""; 0]);
    let taking = snapshots.take(LogId::new(1, 3), Bytes::new()).unwrap();
    disk.kill();
    drop(taking);
    on(&disk);
    assert_eq!(names(&disk), [""; 0], "the next start removes what a dead process could not");
}

#[test]
fn the_newest_whole_one_is_found_and_damaged_ones_are_passed_over() {
    let (disk, snapshots) = empty();
    for index in [5, 17, 300] {
        take(&snapshots, index, &noise(200));
    }
    assert_eq!(snapshots.newest().unwrap().unwrap().at, LogId::new(1, 300));
    disk.rot(&name(LogId::new(1, 300)), 100, 1);
    let again = on(&disk);
    assert_eq!(again.newest().unwrap().unwrap().at, LogId::new(1, 17));
    assert_eq!(again.remarks(), [Remark::PassedOver { file: name(LogId::new(1, 300)) }]);
}

#[test]
fn every_flipped_bit_is_seen() {
    let (disk, snapshots) = empty();
    let at = take(&snapshots, 9, &noise(300)).at;
    let total = snapshots.open(at).unwrap().total();
    for bit in 0..total * 8 {
        let rotten = Arc::new(disk.copy(1));
        rotten.rot(&name(at), bit / 8, (bit % 8) as u8);
        match on(&rotten).newest() {
            Ok(None) | Err(Error::Version(_)) => {}
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

#[test]
fn a_file_that_is_cut_short_or_goes_on_is_no_snapshot() {
    let (disk, snapshots) = empty();
    let at = take(&snapshots, 9, &noise(300)).at;
    let whole = disk.content(&name(at)).unwrap();
    let longer = [&whole[..], &[0; 8]].concat();
    let cuts = (0..whole.len()).map(|len| &whole[..len]).chain([&longer[..]]);
    for bytes in cuts {
        let other = Arc::new(SimulatedDisk::new(1));
        let file = other.open(&name(at), true).unwrap();
        other.write_at(&file, bytes, 0).unwrap();
        assert_eq!(on(&other).newest().unwrap(), None, "{} bytes", bytes.len());
    }
}

#[test]
fn a_restore_tells_damage_instead_of_giving_it() {
    let (disk, snapshots) = empty();
    let at = take(&snapshots, 9, &noise(CHUNK + 100)).at;
    disk.rot(&name(at), CHUNK as u64 + 100, 1);
    let mut state = Vec::new();
    let file = snapshots.open(at).unwrap();
    let error = file.state().read_to_end(&mut state).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert!(state == noise(CHUNK + 100)[..CHUNK], "the first chunk is right, no byte of the second is given");
}

#[test]
fn the_snapshot_of_another_cluster_or_place_is_refused() {
    let (disk, snapshots) = empty();
    let at = take(&snapshots, 9, b"state").at;
    let other = Snapshots::new(Arc::clone(&disk), ClusterId(6)).unwrap();
    assert!(matches!(other.newest(), Err(Error::Owner { .. })));
    disk.rename(&name(at), &name(LogId::new(1, 10))).unwrap();
    assert_eq!(on(&disk).newest().unwrap(), None, "its head says another place");
}

/// The file of a snapshot of another peer, as it is sent.
fn sent(index: u64, len: usize) -> (LogId, Vec<u8>) {
    let (disk, snapshots) = empty();
    let at = take(&snapshots, index, &noise(len)).at;
    (at, disk.content(&name(at)).unwrap())
}

#[test]
fn a_snapshot_arrives_in_pieces_and_is_ready_once_it_is_durable() {
    let (disk, snapshots) = empty();
    let (at, file) = sent(9, 3_000);
    let mut receiving = snapshots.receive(at, file.len() as u64).unwrap();
    for piece in file.chunks(700) {
        assert_eq!(receiving.ready(), None);
        let wanted = receiving.wanted();
        // Late, doubled, early, damaged: each is dropped, and says what is missing.
        let sum = crc32c::crc32c(piece);
        receiving.chunk(wanted + 1, sum, piece).unwrap();
        receiving.chunk(wanted, sum ^ 1, piece).unwrap();
        assert_eq!(receiving.wanted(), wanted);
        receiving.chunk(wanted, sum, piece).unwrap();
        receiving.chunk(wanted, sum, piece).unwrap();
    }
    assert_eq!(receiving.wanted(), file.len() as u64);
    let whole = Snapshot { at, membership: members() };
    assert_eq!(receiving.ready(), Some(&whole));
    disk.crash();
    assert_eq!(on(&disk).newest().unwrap(), Some(whole));
}

#[test]
fn nothing_beyond_the_announced_length_is_taken() {
    let (_, snapshots) = empty();
    let mut receiving = snapshots.receive(LogId::new(1, 9), 10).unwrap();
    let bytes = [7; 11];
    receiving.chunk(0, crc32c::crc32c(&bytes), &bytes).unwrap();
    assert_eq!(receiving.wanted(), 0);
}

#[test]
fn a_file_that_is_complete_and_wrong_is_begun_again() {
    let (disk, snapshots) = empty();
    let (at, file) = sent(9, 3_000);
    let mut other = file.clone();
    other[100] ^= 1;
    let mut receiving = snapshots.receive(at, file.len() as u64).unwrap();
    for bytes in [&other, &file] {
        assert_eq!((receiving.wanted(), receiving.ready()), (0, None));
        receiving.chunk(0, crc32c::crc32c(bytes), bytes).unwrap();
    }
    assert_eq!(receiving.ready().map(|ready| ready.at), Some(at));
    assert_eq!(names(&disk), [name(at)]);
}

/// Whoever started from it would be told that its store cannot be read, for ever.
#[test]
fn a_whole_file_that_names_no_members_is_no_snapshot_to_receive() {
    for membership in [Bytes::new(), Bytes::from_static(b"members")] {
        let (there, at) = (empty(), LogId::new(1, 9));
        there.1.take(at, membership).unwrap().finish().unwrap();
        let file = there.0.content(&name(at)).unwrap();
        let (disk, snapshots) = empty();
        let mut receiving = snapshots.receive(at, file.len() as u64).unwrap();
        receiving.chunk(0, crc32c::crc32c(&file), &file).unwrap();
        assert_eq!((receiving.wanted(), receiving.ready()), (0, None));
        drop(receiving);
        assert_eq!(names(&disk), [""; 0]);
        let held = there.1.receive(at, file.len() as u64).unwrap();
        assert_eq!((held.wanted(), held.ready()), (0, None), "as a former version may have kept one");
    }
}

#[test]
fn a_snapshot_that_is_here_already_is_ready_at_once() {
    let (_, snapshots) = empty();
    let at = take(&snapshots, 9, b"state").at;
    let receiving = snapshots.receive(at, 1_000).unwrap();
    assert_eq!((receiving.wanted(), receiving.ready().map(|ready| ready.at)), (1_000, Some(at)));
}

#[test]
fn keeping_one_removes_older_ones_and_spares_newer_ones_and_those_that_are_open() {
    let (disk, snapshots) = empty();
    for index in [1, 2, 3, 4] {
        take(&snapshots, index, b"state");
    }
    let sending = snapshots.open(LogId::new(1, 2)).unwrap();
    snapshots.keep(LogId::new(1, 3)).unwrap();
    assert_eq!(names(&disk), [2, 3, 4].map(|index| name(LogId::new(1, index))));
    drop(sending);
    snapshots.keep(LogId::new(1, 3)).unwrap();
    assert_eq!(names(&disk), [3, 4].map(|index| name(LogId::new(1, index))));
    // By place: one of a former term behind the mark is newer.
    let replaced = [LogId::new(1, 2), LogId::new(0, 4)].map(|at| snapshots.replaced(at));
    assert_eq!(replaced, [true, false]);
    // Another life knows of no mark under way for the newer one.
    on(&disk).keep(LogId::new(1, 3)).unwrap();
    assert_eq!(names(&disk), [name(LogId::new(1, 3))]);
    assert!(matches!(on(&disk).open(LogId::new(1, 4)), Err(Error::Gone)));
}

/// A leader whose system is short tries again with each heartbeat.
#[test]
fn what_could_not_be_opened_is_forgotten() {
    let (disk, snapshots) = empty();
    let at = take(&snapshots, 9, b"state").at;
    disk.set_starved(true);
    (0..100).for_each(|_| assert!(snapshots.open(at).is_err_and(|error| error.is_shortage())));
    assert_eq!(snapshots.shared.ledger.lock().open.len(), 1);
}

#[test]
fn a_disk_that_fails_while_one_is_taken_says_so_and_leaves_no_name() {
    for operation in [Operation::Write, Operation::Sync, Operation::Rename, Operation::SyncDir] {
        let (disk, snapshots) = empty();
        let mut taking = snapshots.take(LogId::new(1, 1), Bytes::new()).unwrap();
        taking.write_all(b"state").unwrap();
        disk.fail(operation, 0);
        assert!(matches!(taking.finish(), Err(Error::Io(_))), "{operation:?}");
        let named = names(&disk).contains(&name(LogId::new(1, 1)));
        assert_eq!(named, operation == Operation::SyncDir, "{operation:?}");
    }
}

/// A disk on which something happens as a file is opened, right behind the listing, or right before the names are made
/// durable; for which there may be no room.
struct Meanwhile {
    disk: SimulatedDisk,
    at_open: Lock<Option<Happens>>,
    behind_list: Lock<Option<Happens>>,
    before_sync_dir: Lock<Option<Happens>>,
    is_full: AtomicBool,
}

type Happens = Box<dyn FnOnce() + Send>;

fn happen(what: &Lock<Option<Happens>>) {
    let what = what.lock().take();
    what.into_iter().for_each(|happens| happens());
}

impl Disk for Meanwhile {
    type File = <SimulatedDisk as Disk>::File;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.disk.list();
        happen(&self.behind_list);
        names
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Self::File> {
        let file = self.disk.open(name, create);
        happen(&self.at_open);
        file
    }
    fn len(&self, file: &Self::File) -> io::Result<u64> {
        self.disk.len(file)
    }
    fn read_at(&self, file: &Self::File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.disk.read_at(file, bytes, at)
    }
    fn write_at(&self, file: &Self::File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.disk.write_at(file, bytes, at)
    }
    fn sync(&self, file: &Self::File) -> io::Result<()> {
        self.disk.sync(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        happen(&self.before_sync_dir);
        if self.is_full.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { self.disk.sync_dir() }
    }
}

fn meanwhile() -> (Arc<Meanwhile>, Snapshots<Meanwhile>) {
    let [at_open, behind_list, before_sync_dir] = [(); 3].map(|()| Lock::default());
    let is_full = AtomicBool::new(false);
    let disk = Arc::new(Meanwhile { disk: SimulatedDisk::new(1), at_open, behind_list, before_sync_dir, is_full });
    let snapshots = Snapshots::new(Arc::clone(&disk), CLUSTER).unwrap();
    (disk, snapshots)
}

#[test]
fn a_snapshot_that_is_just_being_named_outlives_the_mark_of_an_older_one() {
    let (disk, snapshots) = meanwhile();
    let older = take(&snapshots, 1, b"older").at;
    let keeper = snapshots.clone();
    *disk.before_sync_dir.lock() = Some(Box::new(move || keeper.keep(older).unwrap()));
    let newer = take(&snapshots, 2, b"newer").at;
    assert_eq!(snapshots.open(newer).map(|file| file.snapshot().at).ok(), Some(newer));
}

#[test]
fn one_that_is_removed_while_it_is_looked_for_is_received_from_its_beginning() {
    let (disk, snapshots) = meanwhile();
    let older = take(&snapshots, 1, b"older").at;
    let newer = take(&snapshots, 2, b"newer").at;
    let keeper = snapshots.clone();
    *disk.behind_list.lock() = Some(Box::new(move || keeper.keep(newer).unwrap()));
    let receiving = snapshots.receive(older, 1_000).map(|receiving| receiving.wanted());
    assert!(matches!(receiving, Ok(0)), "{receiving:?}");
}

/// Some file systems find room for a name only as it is synced.
#[test]
fn one_that_has_its_name_and_not_durably_is_ready_once_that_is_durable() {
    let (disk, snapshots) = meanwhile();
    let older = take(&snapshots, 1, b"older").at;
    let (at, whole) = sent(2, 1_000);
    disk.is_full.store(true, Ordering::Relaxed);
    let receive = || snapshots.receive(at, whole.len() as u64);
    let came = receive().unwrap().chunk(0, crc32c::crc32c(&whole), &whole);
    assert!(matches!(came, Err(Error::Full)), "{came:?}");
    assert!(names(&disk.disk).contains(&name(at)), "it is seen");
    assert!(matches!(receive(), Err(Error::Full)));
    disk.is_full.store(false, Ordering::Relaxed);
    let keeper = snapshots.clone();
    *disk.at_open.lock() = Some(Box::new(move || keeper.keep(older).unwrap()));
    assert!(receive().unwrap().ready().is_some());
    disk.disk.set_spares(Spares::Nothing);
    disk.disk.crash();
    assert!(names(&disk.disk).contains(&name(at)), "its mark may be durable by now");
}

#[test]
fn one_whose_mark_is_under_way_stays_though_a_transfer_of_it_finds_no_room() {
    let (disk, snapshots) = meanwhile();
    let (older, at) = (take(&snapshots, 1, b"older").at, take(&snapshots, 2, b"newer").at);
    disk.is_full.store(true, Ordering::Relaxed);
    assert!(matches!(snapshots.receive(at, 1_000), Err(Error::Full)));
    disk.is_full.store(false, Ordering::Relaxed);
    snapshots.keep(older).unwrap();
    assert!(names(&disk.disk).contains(&name(at)));
}
