//! A directory of the file system.
//!
//! ```text
//!   RealDisk::open("data/0") ── makes it, syncs those above it, makes and locks data/0/LOCK ──> names below data/0
//! ```
//! The lock is held until the disk is dropped, or the process ends, however it ends. Its file is made once the names above
//! it are synced.

use super::disk::Disk;
use super::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The name of the file that is locked while the directory is open.
pub const LOCK: &str = "LOCK";

/// One directory, locked against other processes and other opens in this one.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
    pub(super) lock: File,
    /// To sync its names without one more open file. None on Windows.
    names: Option<File>,
}

impl RealDisk {
    /// Opens the directory, making it durably if there is none, and locks it. If it has no `LOCK` yet, the names of all
    /// directories above it are synced. One in which nothing is made may refuse that, as it may not be read, or is of a file
    /// system that syncs no directories or only reads; one in which something is made may not: then make it yourself, and
    /// see that it lasts.
    ///
    /// Who copies or moves a directory, with its `LOCK`, sees to that, too.
    ///
    /// # Errors
    /// [`Error::Locked`] if it is open already; [`Error::Io`] and [`Error::Full`] of the file system: of the kind
    /// `Unsupported` where the standard library locks no files, as on WASI.
    pub fn open(path: impl AsRef<Path>) -> Result<RealDisk, Error> {
        RealDisk::open_with(path.as_ref(), &mut sync_directory)
    }

    /// As [`open`](RealDisk::open), with what syncs a directory.
    pub(super) fn open_with(path: &Path, sync: Sync<'_>) -> Result<RealDisk, Error> {
        let path = path.to_path_buf();
        // A former start may have made it, and failed or been killed before its name was durable; or somebody else has.
        if !path.join(LOCK).exists() {
            make(&path, sync)?;
        }
        let names = if cfg!(windows) { None } else { Some(File::open(&path)?) };
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(RealDisk { path, lock, names }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A child that another thread is just starting has a copy of the open file, until it runs what it is for: the lock would
/// outlive us by that.
impl Drop for RealDisk {
    fn drop(&mut self) {
        let _ = self.lock.unlock(); // if it fails, closing does it
    }
}

/// Makes the names in a directory durable.
pub(super) type Sync<'a> = &'a mut dyn FnMut(&Path) -> io::Result<()>;

/// Makes the directory and those above it, as far as they are missing, each one's name durable in the one above.
fn make(path: &Path, sync: Sync<'_>) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.is_dir()).collect();
    for path in missing.iter().rev() {
        fs::create_dir(path).or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })?;
    }
    // Where a link leads, the names stand.
    let real = fs::canonicalize(&path)?;
    for (nth, above) in real.ancestors().skip(1).enumerate() {
        let is_made = nth < missing.len();
        match sync(above) {
            Err(error) if is_made || !is_another_matter(error.kind()) => {
                // So that nobody takes it for one that has been there for long. If this fails too, the next start syncs its name.
                missing.iter().for_each(|path| drop(fs::remove_dir(path)));
                return Err(error);
            }
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}

/// What some file systems say that keep the names of others' directories, and of none that was made here.
fn is_another_matter(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(kind, InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

/// Windows keeps names without being asked, and opens no directory as a file.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
}

impl Disk for RealDisk {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        // A name that is no text is none of ours.
        let name =
            |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok()).transpose();
        fs::read_dir(&self.path)?.filter_map(name).collect()
    }

    fn open(&self, name: &str, create: bool) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(create).truncate(false).open(self.path.join(name))
    }

    fn len(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(file, bytes, at)
    }

    #[cfg(windows)]
    fn read_at(&self, file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(file, bytes, at)
    }

    /// No file is locked there, so none is open.
    #[cfg(not(any(unix, windows)))]
    fn read_at(&self, _: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    #[cfg(unix)]
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
    }

    #[cfg(windows)]
    fn write_at(&self, file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            (bytes, at) = (&bytes[written..], at + written as u64);
        }
        Ok(())
    }

    #[cfg(not(any(unix, windows)))]
    fn write_at(&self, _: &File, _: &[u8], _: u64) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.names.as_ref().map_or(Ok(()), File::sync_all)
    }
}
