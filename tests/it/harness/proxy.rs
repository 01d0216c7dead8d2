//! What may stand between the program and the server: it hands on what both say, message by message, and at one of them
//! something fails.
//!
//! The messages of all connections are counted with one counter, in both directions (documentation, Frontend/Backend
//! Protocol): the same run has nearly the same numbers again.

use std::io::{BufReader, Error, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection};

use super::{Db, Place, connect};

/// A connection to the server, whichever way it is reached.
pub(crate) trait Conversation: Read + Write + Send + Sync {
    fn twin(&self) -> Box<dyn Conversation>;
    fn close(&self);
}

impl Conversation for TcpStream {
    fn twin(&self) -> Box<dyn Conversation> {
        Box::new(self.try_clone().expect("a stream has two ends"))
    }

    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Conversation for UnixStream {
    fn twin(&self) -> Box<dyn Conversation> {
        Box::new(self.try_clone().expect("a stream has two ends"))
    }

    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

fn dial(place: &Place) -> Result<Box<dyn Conversation>> {
    Ok(match place.host.starts_with('/') {
        true => Box::new(UnixStream::connect(format!("{}/.s.PGSQL.{}", place.host, place.port))?),
        false => {
            let stream = TcpStream::connect(format!("{}:{}", place.host, place.port))?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    })
}

pub(crate) fn upstream(place: &Place) -> Box<dyn Conversation> {
    dial(place).expect("the server accepts connections")
}

/// A message: its type, and all its bytes.
pub(crate) fn message(from: &mut dyn Read) -> Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut bytes = head.to_vec();
    bytes.resize(length + 1, 0);
    from.read_exact(&mut bytes[5..])?;
    Ok((head[0], bytes))
}

/// The first message of a client, which has no type.
fn first_message(from: &mut dyn Read) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    from.read_exact(&mut bytes)?;
    let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    bytes.resize(length, 0);
    from.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

/// Whether a first message only asks for TLS or GSSAPI, of which there is none here.
fn asks_for_encryption(bytes: &[u8]) -> bool {
    bytes.len() == 8 && bytes[4..7] == [4, 210, 22] && matches!(bytes[7], 47 | 48)
}

/// Where something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// At the message with this number, whichever side sends it.
    Message(u64),
    /// At so manieth of the client's messages that hold a text.
    Says(&'static str, u64),
}

/// What becomes of connections that come when it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewOnes {
    /// They are accepted, and carry nothing.
    AreSilent,
    /// They work.
    Work,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection ends.
    Cut,
    /// Every connection is reset.
    Reset,
    /// The connections that are there carry nothing any more, and nobody hears of their ends. The server gets what
    /// the client has said.
    Stall(NewOnes),
    /// The server gets what the client has said and works at it; its answer never comes, and the connection ends.
    Swallow,
    /// The program gets a signal.
    Program(Signal),
    /// The server ends the session.
    Backend,
    /// A process of the server is killed: the server ends all sessions, and recovers.
    Server,
}

/// Hands on what both sides say, until something fails.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    db: Db,
    fault: Option<(Point, Failure)>,
    count: AtomicU64,
    said: AtomicU64,
    is_silent: AtomicBool,
    is_armed: AtomicBool,
    is_over: AtomicBool,
    has_struck: AtomicBool,
    /// The message at which it failed.
    at: OnceLock<String>,
    /// The program's process.
    program: AtomicI32,
    links: Mutex<Vec<Weak<Link>>>,
}

/// A client's connection and the server's.
struct Link {
    client: TcpStream,
    server: Box<dyn Conversation>,
    /// The server's process, as soon as it has said it.
    process: AtomicI32,
    is_swallowing: AtomicBool,
    is_reset: AtomicBool,
    /// Whether it came after the silence, and works.
    is_free: bool,
}

impl Link {
    fn cut(&self) {
        self.server.close();
        if !self.is_reset.load(Ordering::SeqCst) {
            let _ = self.client.shutdown(Shutdown::Both);
        }
    }

    /// Both threads end, and the last of them closes the stream: the client gets a reset, and no end before.
    fn reset(&self) {
        self.is_reset.store(true, Ordering::SeqCst);
        let _ = set_socket_linger(&self.client, Some(Duration::ZERO));
        let _ = self.client.shutdown(Shutdown::Read);
        self.server.close();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl Proxy {
    /// One that falls silent when the client says something.
    pub(crate) fn silenced_by(db: &Db, trigger: &'static str, new_ones: NewOnes) -> Self {
        Self::start(db, Some((Point::Says(trigger, 1), Failure::Stall(new_ones))))
    }

    pub(crate) fn start(db: &Db, fault: Option<(Point, Failure)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let wire = Arc::new(Wire {
            db: db.clone(),
            fault,
            count: AtomicU64::new(0),
            said: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
            is_armed: AtomicBool::new(true),
            is_over: AtomicBool::new(false),
            has_struck: AtomicBool::new(false),
            at: OnceLock::new(),
            program: AtomicI32::new(0),
            links: Mutex::default(),
        });
        let own = Arc::clone(&wire);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a client comes");
                if own.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let wire = Arc::clone(&own);
                // A client that goes away ends its thread.
                std::thread::spawn(move || wire.serve(client));
            }
        });
        Self { port, wire }
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.wire.is_silent.load(Ordering::SeqCst)
    }

    /// Whether the content of messages is looked at.
    pub(crate) fn arm(&self, is_armed: bool) {
        self.wire.is_armed.store(is_armed, Ordering::SeqCst);
    }

    /// Which process is to get a signal.
    pub(crate) fn watch(&self, program: Pid) {
        self.wire.program.store(program.as_raw_nonzero().get(), Ordering::SeqCst);
    }

    /// Whether nothing ever fails.
    pub(crate) fn is_harmless(&self) -> bool {
        self.wire.fault.is_none_or(|it| matches!(it.0, Point::Says(_, u64::MAX)))
    }

    /// How many messages there were.
    pub(crate) fn count(&self) -> u64 {
        self.wire.count.load(Ordering::SeqCst)
    }

    /// How many of them held the text of the point.
    pub(crate) fn said(&self) -> u64 {
        self.wire.said.load(Ordering::SeqCst)
    }

    /// The message at which it failed, if it came so far.
    pub(crate) fn failed_at(&self) -> Option<&str> {
        self.wire.at.get().map(String::as_str)
    }

    /// The URL by which a role reaches a database through it.
    pub(crate) fn url(&self, db: &Db, url: &str) -> String {
        let password = url.rsplit_once("password=").map(|it| it.1).unwrap_or_default();
        let user = url.split(['?', '&']).find_map(|it| it.strip_prefix("user=")).unwrap_or_default();
        format!("postgres://{user}:{password}@127.0.0.1:{}/{}?sslmode=disable", self.port, db.place().name)
    }
}

/// Connections that nobody heard the ends of end here, or else a long run would keep them all.
impl Drop for Proxy {
    fn drop(&mut self) {
        self.wire.is_over.store(true, Ordering::SeqCst);
        self.wire.each(Link::cut);
        // Who waits for the next client gets one.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Wire {
    fn each(&self, act: fn(&Link)) {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.iter().filter_map(Weak::upgrade).for_each(|link| act(&link));
    }

    fn serve(self: &Arc<Self>, mut client: TcpStream) -> Result<()> {
        client.set_nodelay(true)?;
        let is_late = self.is_silent.load(Ordering::SeqCst);
        let is_free = is_late && self.fault.is_some_and(|it| it.1 == Failure::Stall(NewOnes::Work));
        if is_late && !is_free {
            while !self.is_over.load(Ordering::SeqCst) {
                std::thread::sleep(PAUSE);
            }
            return Ok(());
        }
        let mut first = first_message(&mut client)?;
        while asks_for_encryption(&first) {
            client.write_all(b"N")?;
            first = first_message(&mut client)?;
        }
        // A server that recovers takes nobody in: the client sees its connection end.
        let server = dial(&self.db.place())?;
        let (process, is_swallowing, is_reset) = (AtomicI32::new(0), AtomicBool::new(false), AtomicBool::new(false));
        let link = Arc::new(Link { client, server, process, is_swallowing, is_reset, is_free });
        self.links.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&link));
        let (wire, other) = (Arc::clone(self), Arc::clone(&link));
        let answers = BufReader::new(link.server.twin());
        std::thread::spawn(move || wire.carry(Side::Server, &other, None, answers));
        self.carry(Side::Client, &link, Some(first), BufReader::new(&link.client));
        Ok(())
    }

    /// Carries one direction to its end.
    fn carry(&self, side: Side, link: &Link, first: Option<Vec<u8>>, from: impl Read) {
        let (mut from, mut next) = (from, first);
        let mut to_server = link.server.twin();
        while let Ok(bytes) = next.take().map_or_else(|| message(&mut from).map(|it| it.1), Ok) {
            self.keep(link);
            if side == Side::Server && bytes[0] == b'K' && bytes.len() >= 9 {
                let process = i32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]);
                link.process.store(process, Ordering::SeqCst);
            }
            if side == Side::Server && link.is_swallowing.load(Ordering::SeqCst) {
                // The server is done, or waits for the client.
                if matches!(bytes[0], b'Z' | b'G' | b'W' | b'R') {
                    break;
                }
                continue;
            }
            let forward = |to_server: &mut dyn Write| match side {
                Side::Client => to_server.write_all(&bytes),
                Side::Server => (&link.client).write_all(&bytes),
            };
            let done = match self.strikes(side, link, &bytes) {
                Some(failure) => self.fail(failure, side, link, || forward(&mut *to_server)),
                None => forward(&mut *to_server),
            };
            if done.is_err() {
                break;
            }
        }
        self.keep(link);
        link.cut();
    }

    /// Nobody hears that an end is closed: both stay open as long as the proxy is there.
    fn keep(&self, link: &Link) {
        let is_kept = || self.is_silent.load(Ordering::SeqCst) && !link.is_free;
        while is_kept() && !self.is_over.load(Ordering::SeqCst) {
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether it is now that something fails, and what.
    fn strikes(&self, side: Side, link: &Link, bytes: &[u8]) -> Option<Failure> {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let (point, failure) = self.fault?;
        let is_due = match point {
            Point::Message(at) => number >= at,
            Point::Says(text, at) => {
                let is_said = side == Side::Client
                    && self.is_armed.load(Ordering::SeqCst)
                    && String::from_utf8_lossy(bytes).contains(text);
                is_said && self.said.fetch_add(1, Ordering::SeqCst) + 1 >= at
            }
        };
        // A session has to be there before it can be ended.
        let is_early =
            matches!(failure, Failure::Backend | Failure::Server) && link.process.load(Ordering::SeqCst) == 0;
        if !is_due || is_early || self.has_struck.swap(true, Ordering::SeqCst) {
            return None;
        }
        let shown = bytes.iter().map(|it| if it.is_ascii_graphic() { char::from(*it) } else { ' ' });
        let shown: String = shown.skip(5).take(60).collect();
        let kind = char::from(bytes[0]);
        let kind = if kind.is_ascii_alphanumeric() { kind.to_string() } else { "startup".to_owned() };
        let _ = self.at.set(format!("message {number}, the {side:?}'s {kind} {:?}", shown.trim()));
        Some(failure)
    }

    fn fail(&self, failure: Failure, side: Side, link: &Link, forward: impl FnOnce() -> Result<()>) -> Result<()> {
        let process = link.process.load(Ordering::SeqCst);
        match failure {
            Failure::Cut => {
                link.cut();
                Err(Error::other("cut"))
            }
            Failure::Reset => {
                self.each(Link::reset);
                Err(Error::other("reset"))
            }
            Failure::Stall(_) => {
                self.is_silent.store(true, Ordering::SeqCst);
                match side {
                    // It works, and nobody hears of it.
                    Side::Client => forward(),
                    Side::Server => {
                        self.keep(link);
                        forward()
                    }
                }
            }
            Failure::Swallow => {
                link.is_swallowing.store(true, Ordering::SeqCst);
                match side {
                    Side::Client => forward(),
                    Side::Server => Err(Error::other("swallowed")),
                }
            }
            Failure::Program(signal) => {
                let mut program = None;
                while program.is_none() && !self.is_over.load(Ordering::SeqCst) {
                    program = Pid::from_raw(self.program.load(Ordering::SeqCst));
                }
                if let Some(program) = program {
                    let _ = kill_process(program, signal);
                }
                forward()
            }
            Failure::Backend => {
                self.ask_server(&format!("select pg_terminate_backend({process})"));
                forward()
            }
            Failure::Server => {
                self.ask_server(&format!("copy (select 1) to program 'kill -9 {process}'"));
                forward()
            }
        }
    }

    /// Does something by a session of its own, which may end with it.
    fn ask_server(&self, sql: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut connection = connect(&self.db.url).await;
            let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            let _ = connection.close().await;
        });
    }
}

/// Between two looks at whether it is over.
const PAUSE: Duration = Duration::from_millis(50);
