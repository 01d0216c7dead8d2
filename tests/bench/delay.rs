//! What stands between a client and a server that are far apart: each byte goes on a while later, in its order, and as
//! many bytes at once as come.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use super::Result;
use super::address::{Address, Host};

/// One way; an answer needs two of them.
const DELAY: Duration = Duration::from_millis(10);

/// Pieces that are under way in one direction. A reader that stops has its writer stop, too, and a piece is as large as
/// what a server sends at once.
const UNDER_WAY: usize = 4096;
const PIECE: usize = 1 << 16;

/// A stream that two threads use, one for each direction.
trait Stream: Read + Write + Send + Sized + 'static {
    fn twin(&self) -> std::io::Result<Self>;
    fn finish(&self);
}

impl Stream for TcpStream {
    fn twin(&self) -> std::io::Result<Self> {
        self.try_clone()
    }

    fn finish(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for UnixStream {
    fn twin(&self) -> std::io::Result<Self> {
        self.try_clone()
    }

    fn finish(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// The URL under which a database is as far away, as long as this process lives.
pub(super) fn far(url: &str) -> Result<String> {
    let address = Address::of(url)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let far = address.behind(listener.local_addr()?.port());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client whose server isn't there sees its connection end.
            let _ = connect(client, &address);
        }
    });
    Ok(far)
}

fn connect(client: TcpStream, address: &Address) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    match &address.host {
        Host::Socket(folder) => {
            both_ways(client, UnixStream::connect(folder.join(format!(".s.PGSQL.{}", address.port)))?)
        }
        Host::Name(name) => {
            let server = TcpStream::connect((name.as_str(), address.port))?;
            server.set_nodelay(true)?;
            both_ways(client, server)
        }
    }
}

fn both_ways(client: TcpStream, server: impl Stream) -> std::io::Result<()> {
    carry(client.twin()?, server.twin()?);
    carry(server, client);
    Ok(())
}

/// Carries one direction to its end.
fn carry(mut from: impl Stream, mut to: impl Stream) {
    let (sender, receiver) = sync_channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    std::thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if sender.send((Instant::now() + DELAY, piece[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        to.finish();
    });
}
