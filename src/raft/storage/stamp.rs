//! Whose directory it is.

use crate::raft::consensus::Membership;
use crate::raft::{ClusterId, NodeId};

/// What each segment says of its owner; a directory whose stamp is another's is refused.
///
/// Other addresses of the same members are accepted, with a [`Remark`](super::Remark).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member.
    pub node: NodeId,
    /// [`fnv`] of the initial members' ids, rising, eight bytes each.
    pub members: u64,
    /// CRC32C of the members' addresses as given now, in the order of the ids, each followed by a zero byte.
    pub addresses: u32,
}

impl Stamp {
    /// Of this member of that cluster.
    #[must_use]
    pub fn new(cluster: ClusterId, node: NodeId, members: &Membership) -> Stamp {
        let members = &members.members;
        let ids: Vec<u8> = members.keys().flat_map(|id| id.0.to_le_bytes()).collect();
        let addresses = members
            .values()
            .fold(0, |sum, member| crc32c::crc32c_append(crc32c::crc32c_append(sum, member.address.as_bytes()), &[0]));
        Stamp { cluster, node, members: fnv(&ids), addresses }
    }
}

/// FNV-1a of 64 bits: names a thing by its bytes; no defence against anyone.
#[must_use]
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
