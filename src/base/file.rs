//! Files that are written whole or not at all.
//!
//! What is written is kept aside until it is complete. A regular file is then replaced and a new one is given its name,
//! each at once; a link stays, and what it leads to is replaced. What is no regular file, such as a device, a FIFO or a
//! pipe, is never replaced: it gets the complete text.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, OFlags, access, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use tempfile::NamedTempFile;

/// How long a FIFO's reader may take to open it.
const READER: Duration = Duration::from_secs(2);

/// Links that are followed before they are taken for a circle, as Linux does (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Why a file was not written. An earlier file of that name is as it was.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum FileError {
    /// It can't be created in its folder.
    #[error("{path} can't be created: {reason}; choose another file")]
    Create {
        path: String,
        /// Why. Not the whole error, which would name a temporary file.
        reason: String,
    },
    /// What has this name can't be replaced or written to.
    #[error("{path} can't be written: {reason}; choose another file")]
    Refused { path: String, reason: String },
    /// It could not be written, or not be given its name.
    #[error("{path} could not be written: {reason}; correct that, or choose another file")]
    Write { path: String, reason: String },
}

/// Why a file can't be used; `missing` is what is said of one that doesn't exist.
pub(crate) fn reason(error: &io::Error, missing: &str) -> String {
    match error.kind() {
        ErrorKind::NotFound => missing.to_owned(),
        // What the system says of them has no kind of its own, or is our own sentence.
        ErrorKind::Other | ErrorKind::InvalidData | ErrorKind::InvalidInput => error.to_string(),
        kind if kind.to_string() == "uncategorized error" => error.to_string(),
        kind => kind.to_string(),
    }
}

/// A file that is being written and has its name only when it is complete.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    content: BufWriter<Content>,
    goal: Goal,
}

/// What is written, until it is complete.
#[derive(Debug)]
enum Content {
    /// Without a name, so that nothing is left however this process ends.
    #[cfg(target_os = "linux")]
    Unnamed(File),
    /// Under a temporary name, where the file system has no files without one.
    Named(NamedTempFile),
}

/// Where the complete content goes.
#[derive(Debug)]
enum Goal {
    /// To a name: a new one, or that of a regular file.
    Name { target: PathBuf, earlier: Option<Metadata> },
    /// Into something that is open.
    Stream { stream: File, is_stdout: bool },
}

/// What a path leads to.
enum Destination {
    Path(PathBuf),
    /// An open file of this process, such as /dev/stdout.
    Descriptor(u32),
}

impl PendingFile {
    /// Starts a file. Called before the work that fills it, so that a file that can't be written is known early.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let shown = || path.display().to_string();
        let goal = goal(path).map_err(|error| FileError::Refused {
            path: shown(),
            reason: reason(&error, "what it leads to doesn't exist"),
        })?;
        let folder = match &goal {
            Goal::Name { target, .. } => folder(target).to_owned(),
            Goal::Stream { .. } => std::env::temp_dir(),
        };
        let content = Content::within(&folder).map_err(|error| FileError::Create {
            path: shown(),
            reason: match error.kind() {
                _ if matches!(goal, Goal::Stream { .. }) => {
                    format!("its text can't be kept in {} until then ({error})", folder.display())
                }
                ErrorKind::PermissionDenied => "its folder doesn't let this user write".to_owned(),
                ErrorKind::NotADirectory => "its folder is a file".to_owned(),
                _ => reason(&error, "its folder doesn't exist"),
            },
        })?;
        Ok(Self { path: path.to_owned(), content: BufWriter::new(content), goal })
    }

    /// The same for a file that is its owner's only. What it replaces keeps its permissions.
    pub(crate) fn private(self) -> Self {
        // Where that isn't possible, the file is as any other.
        let _ = self.content.get_ref().file().set_permissions(Permissions::from_mode(0o600));
        self
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes to where the standard output goes.
    pub(crate) fn is_stdout(&self) -> bool {
        match &self.goal {
            Goal::Stream { is_stdout, .. } => *is_stdout,
            Goal::Name { earlier, .. } => earlier.as_ref().is_some_and(is_stdout),
        }
    }

    /// Where it is until it is complete, for a program that writes it.
    pub(crate) fn pending_path(&self) -> PathBuf {
        match self.content.get_ref() {
            #[cfg(target_os = "linux")]
            Content::Unnamed(file) => format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into(),
            Content::Named(file) => file.path().to_owned(),
        }
    }

    /// Whether it has no place of its own: a device, a FIFO, a pipe.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.goal, Goal::Stream { .. })
    }

    /// Adds bytes.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.content.write_all(bytes).map_err(|error| failed(&self.path, &error))
    }

    /// Waits until what was written is on the disk, and can be read under [`Self::pending_path`].
    pub(crate) fn sync(&mut self) -> Result<(), FileError> {
        let synced = self.content.flush().and_then(|()| self.content.get_ref().file().sync_all());
        synced.map_err(|error| failed(&self.path, &error))
    }

    /// Adds text.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        self.content.write_all(text.as_bytes())
    }

    /// Writes the whole of a file, and puts it in its place.
    pub(crate) fn save(mut self, text: &str) -> Result<(), FileError> {
        match self.write(text) {
            Ok(()) => self.finish(),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }

    /// Puts the complete file in its place. Waits for the reader of a pipe.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, content, goal } = self;
        let done = content.into_inner().map_err(io::IntoInnerError::into_error).and_then(|content| match goal {
            Goal::Name { target, earlier } => content.put(&target, earlier.as_ref()),
            Goal::Stream { stream, is_stdout } => match content.copy_to(&stream) {
                // `head` closes it, as any other output.
                Err(error) if is_stdout && error.kind() == ErrorKind::BrokenPipe => Ok(()),
                copied => copied,
            },
        });
        done.map_err(|error| failed(&path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> FileError {
    FileError::Write { path: path.display().to_string(), reason: reason(error, "its folder is gone") }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where a file of this name goes, or why there can't be one. `-` is the standard output, as elsewhere.
fn goal(path: &Path) -> io::Result<Goal> {
    let path = if path == Path::new("-") { Path::new("/dev/stdout") } else { path };
    if path.as_os_str().as_bytes().ends_with(b"/") || path.file_name().is_none() {
        return Err(io::Error::other("it names a folder"));
    }
    let target = match destination(path)? {
        Destination::Descriptor(number) => return descriptor_stream(number),
        Destination::Path(target) => target,
    };
    let found = match std::fs::symlink_metadata(&target) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Goal::Name { target, earlier: None });
        }
        found => found?,
    };
    let kind = found.file_type();
    if kind.is_file() {
        // Renaming asks for the folder's permission only, and would replace what was meant to stay.
        access(&target, Access::WRITE_OK).map_err(|_| io::Error::other("it is write-protected"))?;
        Ok(Goal::Name { target, earlier: Some(found) })
    } else if kind.is_fifo() || kind.is_char_device() {
        let is_stdout = kind.is_fifo() && is_stdout(&found);
        Ok(Goal::Stream { stream: open_stream(&target)?, is_stdout })
    } else {
        let what = if kind.is_dir() { "folder" } else { "disk or a socket" };
        Err(io::Error::other(format!("it is a {what}")))
    }
}

/// What a path leads to, links followed one by one: a link to an open file of this process is no name.
fn destination(path: &Path) -> io::Result<Destination> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Some(number) = descriptor(&path) {
            return Ok(Destination::Descriptor(number));
        }
        match std::fs::read_link(&path) {
            Ok(link) => path = folder(&path).join(link),
            Err(_) => return Ok(Destination::Path(path)),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// The number of an open file of this process, if the path names one.
fn descriptor(path: &Path) -> Option<u32> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = folder(path).canonicalize().ok()?;
    let own = Path::new("/proc").join(std::process::id().to_string()).join("fd");
    (folder == own || folder == Path::new("/dev/fd")).then_some(number)
}

/// An open file of this process. The standard streams are shared, so that what is printed comes before or after.
fn descriptor_stream(number: u32) -> io::Result<Goal> {
    let path = PathBuf::from(format!("/dev/fd/{number}"));
    // The permissions of the link show how the file was opened (proc_pid_fd(5)).
    let opened = std::fs::symlink_metadata(&path).map_err(|_| io::Error::other("it isn't open"))?;
    if opened.file_type().is_symlink() && opened.permissions().mode() & 0o200 == 0 {
        return Err(io::Error::other("it isn't open for writing"));
    }
    let stream = match number {
        1 => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        2 => File::from(io::stderr().as_fd().try_clone_to_owned()?),
        _ => open_stream(&path)?,
    };
    Ok(Goal::Stream { stream, is_stdout: number == 1 })
}

/// Opens what is no regular file, or is open already, to be written to as it is.
fn open_stream(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let deadline = Instant::now() + READER;
    let stream = loop {
        match OpenOptions::new().append(true).custom_flags(flags).open(path) {
            Err(error) if errno(&error) == Errno::NXIO => {
                if Instant::now() > deadline {
                    return Err(io::Error::other("nobody reads from it"));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => break opened?,
        }
    };
    fcntl_setfl(&stream, fcntl_getfl(&stream)? - OFlags::NONBLOCK)?;
    Ok(stream)
}

/// Whether a file is the one that the standard output goes to.
fn is_stdout(file: &Metadata) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(|it| File::from(it).metadata());
    stdout.is_ok_and(|it| (it.dev(), it.ino()) == (file.dev(), file.ino()))
}

impl Content {
    /// A new content in a folder, with the permissions that the user gives to new files.
    fn within(folder: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            let unnamed = rustix::fs::open(folder, flags, rustix::fs::Mode::from_raw_mode(0o666));
            if let Ok(file) = unnamed
                && Path::new("/proc/self/fd").exists()
            {
                return Ok(Self::Unnamed(file.into()));
            }
        }
        let permissions = Permissions::from_mode(0o666);
        tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map(Self::Named)
    }

    fn file(&self) -> &File {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file(),
        }
    }

    /// Gives the content its name, with the owner and the permissions of the file that it replaces.
    fn put(self, target: &Path, earlier: Option<&Metadata>) -> io::Result<()> {
        if std::fs::symlink_metadata(target).is_ok_and(|it| !it.is_file()) {
            return Err(io::Error::other("it has become something else than a file"));
        }
        if let Some(earlier) = earlier {
            // Only root may give a file to somebody else.
            let _ = fchown(self.file(), Some(earlier.uid()), Some(earlier.gid()));
            self.file().set_permissions(Permissions::from_mode(earlier.mode() & 0o7777))?;
        }
        let renamed = match &self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => match link(file, target) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => tempfile::Builder::new()
                    .make_in(folder(target), |name| link(file, name))
                    .and_then(|name| std::fs::rename(name.path(), target)),
                linked => linked,
            },
            Self::Named(file) => std::fs::rename(file.path(), target),
        };
        match renamed {
            // A file that is mounted by itself, as into a container, and somebody else's in a folder like /tmp keep their
            // places.
            Err(error) if earlier.is_some() && [Errno::BUSY, Errno::PERM, Errno::ACCESS].contains(&errno(&error)) => {
                self.copy_to(&OpenOptions::new().write(true).truncate(true).open(target)?)
            }
            renamed => renamed,
        }
    }

    fn copy_to(&self, mut out: &File) -> io::Result<()> {
        let mut file = self.file();
        file.rewind()?;
        io::copy(&mut file, &mut out).map(|_| ())
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw_os_error(error.raw_os_error().unwrap_or_default())
}

/// Gives a file without a name one (open(2), `O_TMPFILE`).
#[cfg(target_os = "linux")]
fn link(file: &File, name: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, unnamed, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}
