//! What may stand between the program and the server: a network that falls silent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Db, Place};

/// A connection to the server, whichever way it is reached.
pub(crate) trait Conversation: Read + Write + Send {
    fn twin(&self) -> Box<dyn Conversation>;
}

impl Conversation for TcpStream {
    fn twin(&self) -> Box<dyn Conversation> {
        Box::new(self.try_clone().expect("a stream has two ends"))
    }
}

impl Conversation for UnixStream {
    fn twin(&self) -> Box<dyn Conversation> {
        Box::new(self.try_clone().expect("a stream has two ends"))
    }
}

pub(crate) fn upstream(place: &Place) -> Box<dyn Conversation> {
    let what = "the server accepts connections";
    match place.host.starts_with('/') {
        true => Box::new(UnixStream::connect(format!("{}/.s.PGSQL.{}", place.host, place.port)).expect(what)),
        false => Box::new(TcpStream::connect(format!("{}:{}", place.host, place.port)).expect(what)),
    }
}

/// Forwards what both sides send, until the client sends something of a certain content: from then on the connections
/// that are there carry nothing any more, and nobody hears of their ends.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    is_silent: Arc<AtomicBool>,
    is_armed: Arc<AtomicBool>,
}

/// What becomes of connections that come when it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewOnes {
    /// They are accepted, and carry nothing.
    AreSilent,
    /// They work.
    Work,
}

impl Proxy {
    pub(crate) fn start(db: &Db, trigger: &'static str, new_ones: NewOnes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (place, is_silent) = (db.place(), Arc::<AtomicBool>::default());
        let is_armed = Arc::new(AtomicBool::new(true));
        let (silent, armed) = (Arc::clone(&is_silent), Arc::clone(&is_armed));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a client comes");
                let own = if new_ones == NewOnes::Work && silent.load(Ordering::SeqCst) {
                    Arc::default()
                } else {
                    Arc::clone(&silent)
                };
                forward(client, upstream(&place), (trigger, Arc::clone(&armed)), own);
            }
        });
        Self { port, is_silent, is_armed }
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::SeqCst)
    }

    /// Whether the content silences it.
    pub(crate) fn arm(&self, is_armed: bool) {
        self.is_armed.store(is_armed, Ordering::SeqCst);
    }

    /// The URL by which a role reaches a database through it.
    pub(crate) fn url(&self, db: &Db, url: &str) -> String {
        let password = url.rsplit_once("password=").map(|it| it.1).unwrap_or_default();
        let user = url.split(['?', '&']).find_map(|it| it.strip_prefix("user=")).unwrap_or_default();
        format!("postgres://{user}:{password}@127.0.0.1:{}/{}?sslmode=disable", self.port, db.place().name)
    }
}

fn forward(
    client: TcpStream,
    server: Box<dyn Conversation>,
    (trigger, armed): (&'static str, Arc<AtomicBool>),
    silent: Arc<AtomicBool>,
) {
    let (mut answers, mut to_client) = (server.twin(), client.try_clone().expect("two ends"));
    let quiet = Arc::clone(&silent);
    let keep = move |silent: &AtomicBool| {
        // Nobody hears that an end is closed: both stay open as long as the test runs.
        while silent.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    std::thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = answers.read(&mut buffer) {
            keep(&quiet);
            if to_client.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        keep(&quiet);
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
    std::thread::spawn(move || {
        let (mut client, mut server) = (client, server);
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            if armed.load(Ordering::SeqCst) && String::from_utf8_lossy(&buffer[..length]).contains(trigger) {
                silent.store(true, Ordering::SeqCst);
                // The server gets what triggered it: it works, and nobody hears of it.
                let _ = server.write_all(&buffer[..length]);
            }
            keep(&silent);
            if server.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        keep(&silent);
    });
}
