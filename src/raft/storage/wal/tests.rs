//! What only the log itself can be made to meet.

use super::*;
use crate::raft::ClusterId;
use crate::raft::storage::SimulatedDisk;

/// As when the file system has copied what it was to write over, and found no room for the copy.
#[test]
fn a_write_that_fails_for_want_of_room_is_a_fault_and_not_a_wait() {
    let stamp = Stamp { cluster: ClusterId(9), node: NodeId(0), members: 5, addresses: 6 };
    let mut wal = Wal::open(Arc::new(SimulatedDisk::new(1)), WalOptions::new(1), stamp).expect("the defaults");
    let failed = wal.act(|_| Err::<(), _>(Error::from(std::io::Error::from(ErrorKind::StorageFull))));
    assert!(matches!(failed, Err(Error::Io(why)) if why.kind() == ErrorKind::StorageFull));
    assert!(matches!(wal.durable(), Err(Error::Poisoned)));
}
