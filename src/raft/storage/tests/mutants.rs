//! A store with the oldest mistake in it: term and vote in a file of their own.

use super::workload::{Tended, TestDisk};
use crate::raft::consensus::Record;
use crate::raft::storage::{Disk, Error, Snapshot, Storage, Wal, WalOptions, WalReader};
use crate::raft::{Index, NodeId, Recovered, Seq, Term};
use std::sync::Arc;

const NAME: &str = "vote";

/// `State` records go to a file of their own, written and synced before the log at each flush.
///
/// Each of the two is durable when it says so, but a crash between them leaves a vote without what was staged before it.
#[derive(Debug)]
pub(super) struct VoteAside {
    log: Wal<TestDisk>,
    disk: Arc<TestDisk>,
    staged: Option<(Term, Option<NodeId>)>,
}

impl VoteAside {
    fn write(&mut self) -> Result<(), Error> {
        let Some((term, vote)) = self.staged.take() else { return Ok(()) };
        let file = self.disk.open(NAME, true)?;
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&term.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&vote.map_or(0, |vote| vote.0).to_le_bytes());
        bytes[16] = 1 + u8::from(vote.is_some());
        self.disk.write_at(&file, &bytes, 0)?;
        self.disk.sync(&file)?;
        Ok(self.disk.sync_dir()?)
    }

    fn read(&self) -> Result<Option<(Term, Option<NodeId>)>, Error> {
        if !self.disk.list()?.iter().any(|name| name == NAME) {
            return Ok(None);
        }
        let file = self.disk.open(NAME, false)?;
        let mut bytes = [0; 24];
        self.disk.read_at(&file, &mut bytes, 0)?;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let vote = (bytes[16] == 2).then(|| NodeId(number(8)));
        Ok((bytes[16] != 0).then(|| (Term(number(0)), vote)))
    }
}

impl Storage for VoteAside {
    type Reader = WalReader<TestDisk>;

    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error> {
        let mut recovered = self.log.recover(newest)?;
        if let Some((term, vote)) = self.read()?.filter(|&(term, _)| recovered.term <= term) {
            (recovered.term, recovered.vote) = (term, vote);
        }
        Ok(recovered)
    }

    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        match record {
            Record::State { term, vote } => {
                self.staged = Some((*term, *vote));
                Ok(())
            }
            _ => self.log.stage(record),
        }
    }

    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        self.write()?;
        self.log.flush(seq)
    }

    fn durable(&self) -> Result<Seq, Error> {
        self.log.durable()
    }

    fn release(&mut self, keep: Index) -> Result<(), Error> {
        self.log.release(keep)
    }

    fn reader(&self) -> WalReader<TestDisk> {
        self.log.reader()
    }
}

impl Tended for VoteAside {
    fn make(disk: Arc<TestDisk>, options: WalOptions) -> Self {
        VoteAside { log: Wal::make(Arc::clone(&disk), options), disk, staged: None }
    }
    fn idle(&mut self) -> Result<(), Error> {
        self.log.idle()
    }
    fn prepare(&mut self) -> Result<bool, Error> {
        self.log.prepare()
    }
}
