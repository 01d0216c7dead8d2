//! Files that are read whole: within bounds, and without waiting for ever.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

/// How long a FIFO may have nobody who writes.
const WRITER: Duration = Duration::from_secs(2);

/// How long who writes into a pipe may write nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Between two looks at a pipe that holds nothing.
const PAUSE: Duration = Duration::from_millis(20);

/// The whole of a file that has at most `limit` bytes. A pipe is read to its end, which has to come.
pub(crate) fn read_within(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Opening a FIFO waits for a writer otherwise.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    let kind = found.file_type();
    let too_long = || io::Error::other(format!("it has more than {} KiB", limit / 1024));
    if kind.is_dir() {
        return Err(io::Error::other("it is a folder"));
    } else if found.len() > limit as u64 {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut since = Instant::now();
    loop {
        match file.read(&mut buffer) {
            Ok(0) if kind.is_fifo() && bytes.is_empty() => {
                if since.elapsed() > WRITER {
                    return Err(io::Error::other("it is a pipe into which nobody writes"));
                }
                std::thread::sleep(PAUSE);
            }
            Ok(0) => return Ok(bytes),
            Ok(read) => {
                bytes.extend_from_slice(&buffer[..read]);
                since = Instant::now();
                if bytes.len() > limit {
                    return Err(too_long());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if since.elapsed() > SILENCE {
                    let seconds = SILENCE.as_secs();
                    return Err(io::Error::other(format!("it is a pipe that gave nothing for {seconds} s")));
                }
                std::thread::sleep(PAUSE);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
