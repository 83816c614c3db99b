//! How files are opened.
use super::{Files, Folder, stays_beneath};
use crate::os::strerror;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, unlinkat};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// How often a name is looked up again while somebody moves folders in its way.
const TRIES: usize = 16;

impl Files {
    /// Files are opened beneath a folder only.
    ///
    /// # Errors
    /// The folder cannot be opened, or the kernel cannot confine (Linux before 5.6).
    pub fn beneath(folder: &Path) -> Result<Files, String> {
        let path = folder.display().to_string();
        let why = |e: io::Error| format!("{path}: {}", strerror(&e));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(folder, flags, Mode::empty()).map_err(|e| why(e.into()))?;
        let about = fstat(&fd).map_err(|e| why(e.into()))?;
        let folder = Folder { path: path.clone(), id: (about.st_dev, about.st_ino), fd };
        folder.find(".", OFlags::PATH).map_err(why)?;
        Ok(Files(Some(Arc::new(folder))))
    }

    /// Opens a file to be read.
    ///
    /// # Errors
    /// What the system says, or why the name is refused. It does not name the file; nor do the others here.
    pub fn open(&self, name: &str) -> io::Result<File> {
        self.with(name, OFlags::RDONLY, OpenOptions::new().read(true))
    }

    /// Creates a file, or empties it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn create(&self, name: &str) -> io::Result<File> {
        match &self.0 {
            None => File::create(name),
            // What it is must be known before it is emptied.
            Some(_) => {
                let file = self.keep(name)?;
                file.set_len(0)?;
                Ok(file)
            }
        }
    }

    /// Creates a file that must not be there yet.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.with(name, flags, OpenOptions::new().write(true).create_new(true))
    }

    /// Opens a file to be written from its start, as it is; creates it if need be.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn keep(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE;
        self.with(name, flags, OpenOptions::new().write(true).create(true).truncate(false))
    }

    /// Opens a file to be written at its end; creates it if need be.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
        self.with(name, flags, OpenOptions::new().append(true).create(true))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// As [`open`](Self::open), or it cannot be read.
    pub fn read(&self, name: &str) -> io::Result<alloc::vec::Vec<u8>> {
        let mut bytes = alloc::vec::Vec::new();
        self.open(name)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether there is something of that name.
    pub fn exists(&self, name: &str) -> bool {
        match &self.0 {
            None => Path::new(name).exists(),
            // What must not be opened is there as well: opening it then says why not.
            Some(folder) => folder.find(name, OFlags::PATH).map_or_else(|e| e.kind() != ErrorKind::NotFound, |_| true),
        }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let Some(folder) = &self.0 else { return std::fs::remove_file(name) };
        let (parent, leaf) = name.rsplit_once('/').unwrap_or((".", name));
        // The last part is looked up in a folder that was found to lie beneath; it is not followed.
        let parent = folder.find(parent, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(unlinkat(parent, leaf, AtFlags::empty())?)
    }

    fn with(&self, name: &str, flags: OFlags, options: &OpenOptions) -> io::Result<File> {
        let Some(folder) = &self.0 else { return options.open(name) };
        // Without blocking: nobody may be at the other end of a FIFO.
        let opened = folder.find(name, flags | OFlags::NONBLOCK | OFlags::NOCTTY);
        let fd = opened.map_err(|e| if e.raw_os_error() == Some(libc::ENXIO) { not_regular() } else { e })?;
        match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
            FileType::RegularFile => Ok(File::from(fd)),
            _ => Err(not_regular()),
        }
    }
}

fn not_regular() -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, "a function from the API opens regular files only")
}

impl Folder {
    /// Opens what a name leads to, beneath this folder.
    fn find(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let refused = || io::Error::new(ErrorKind::PermissionDenied, self.refusal());
        if !stays_beneath(name) {
            return Err(refused());
        }
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() };
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut found = Err(Errno::AGAIN);
        for _ in 0..TRIES {
            found = openat2(&self.fd, name, flags | OFlags::CLOEXEC, mode, how);
            // openat2(2): something was moved meanwhile.
            if !matches!(found, Err(Errno::AGAIN)) {
                break;
            }
        }
        found.map_err(|e| match e {
            Errno::XDEV => refused(),
            Errno::NOSYS => io::Error::new(
                ErrorKind::Unsupported,
                "this kernel has no openat2 (Linux 5.6 or newer has), without which a function from the API opens no files"
                    .to_string(),
            ),
            e => e.into(),
        })
    }
}
