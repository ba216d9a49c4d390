//! The few things that the journal asks of the file system, in one place, so that tests can make each of them fail.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
#[cfg(test)]
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

#[cfg(test)]
pub(crate) mod faults;

/// Where files are.
#[derive(Debug, Clone)]
pub(crate) enum Disk {
    /// The file system.
    Real,
    /// The file system, with faults.
    #[cfg(test)]
    Faulty(Arc<faults::Faults>),
}

/// What is asked of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Allocate,
    #[cfg(test)]
    Write,
    Sync,
    SyncDir,
    Rename,
    Remove,
    Resize,
}

impl Disk {
    /// A new empty file for its owner alone, in place of what a crash may have left there.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        self.ask(Call::Create)?;
        OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
    }

    /// Takes the room for `bytes`, so that no later write to them can find the disk full.
    pub(crate) fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.ask(Call::Allocate)?;
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            // A file system that cannot do it: zeros take the room, too.
            Err(Errno::OPNOTSUPP) => {
                let zeros = [0; 1 << 16];
                let mut left = bytes;
                while left > 0 {
                    let now = zeros.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    (&*file).write_all(&zeros[..now])?;
                    left -= now as u64;
                }
                io::Seek::rewind(&mut &*file)
            }
            done => Ok(done?),
        }
    }

    /// Writes all of the bytes where the file stands, in one call where the system takes them in one.
    pub(crate) fn write(&self, file: &File, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_some(file, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns when what was written to the file is on the disk.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        self.ask(Call::Sync)?;
        match self {
            Self::Real => file.sync_data(),
            #[cfg(test)]
            Self::Faulty(faults) => faults.synced(file),
        }
    }

    /// Returns when the directory's names are on the disk.
    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::SyncDir)?;
        match self {
            Self::Real => File::open(path)?.sync_all(),
            #[cfg(test)]
            Self::Faulty(_) => Ok(()),
        }
    }

    /// Gives a file another name, in place of whatever has it.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Call::Rename)?;
        std::fs::rename(from, to)
    }

    /// Deletes a file.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::Remove)?;
        std::fs::remove_file(path)
    }

    /// Gives back the room behind `bytes`.
    pub(crate) fn resize(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.ask(Call::Resize)?;
        file.set_len(bytes)
    }

    /// Writes a small file whole or not at all: under another name first.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_extension("new");
        let file = self.create(&new)?;
        self.write(&file, bytes)?;
        self.sync(&file)?;
        self.rename(&new, path)?;
        self.sync_dir(path.parent().unwrap_or(path))
    }

    fn write_some(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Real => (&*file).write(bytes),
            #[cfg(test)]
            Self::Faulty(faults) => faults.write(file, bytes),
        }
    }

    /// A real disk says no where it is asked for real.
    fn ask(&self, _call: Call) -> io::Result<()> {
        match self {
            Self::Real => Ok(()),
            #[cfg(test)]
            Self::Faulty(faults) => faults.ask(_call),
        }
    }
}
