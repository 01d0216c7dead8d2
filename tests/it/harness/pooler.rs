//! A pooler in transaction mode, in front of the server: what PgBouncer does, as far as a client can tell.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::proxy::{Conversation, message, upstream};
use super::{Db, Place};

/// Which of the free server connections a transaction gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    LastFreed,
    FirstFreed,
    /// One for all.
    Single,
    /// A client keeps its own until it goes.
    Sessions,
    /// The same, with so many for all.
    SessionsOf(usize),
    /// A client keeps its own for a while.
    SessionsAtFirst,
}

/// How many transactions are a while.
const WHILE: usize = 8;

impl Order {
    /// How many server connections there may be.
    fn limit(self) -> usize {
        match self {
            Self::Single => 1,
            Self::SessionsOf(limit) => limit,
            _ => usize::MAX,
        }
    }
}

/// The free ones, a bell, and how many there are.
type Pool = Arc<(Mutex<VecDeque<Box<dyn Conversation>>>, Condvar, AtomicUsize)>;

/// Starts one; the port.
pub(crate) fn start(db: &Db, order: Order) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    let (place, pool) = (db.place(), Pool::default());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a client comes");
            let (place, pool) = (place.clone(), Arc::clone(&pool));
            // A client that goes away ends its thread.
            std::thread::spawn(move || serve(client, &place, &pool, order));
        }
    });
    port
}

fn error(text: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0C08P01\0M{text}\0\0");
    let mut bytes = vec![b'E'];
    bytes.extend((fields.len() as u32 + 4).to_be_bytes());
    bytes.extend(fields.as_bytes());
    bytes
}

fn serve(mut client: TcpStream, place: &Place, pool: &Pool, order: Order) -> std::io::Result<()> {
    // An answer is handed on message by message, of which none waits for another.
    client.set_nodelay(true)?;
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut startup)?;
    for parameter in ["extra_float_digits", "options"] {
        if String::from_utf8_lossy(&startup).split('\0').any(|it| it == parameter) {
            return client.write_all(&error(&format!("unsupported startup parameter: {parameter}")));
        }
    }
    // The client proves itself to a server connection, which then belongs to all.
    let mut server = upstream(place);
    server.write_all(&length)?;
    server.write_all(&startup)?;
    loop {
        let (kind, bytes) = message(&mut *server)?;
        client.write_all(&bytes)?;
        match kind {
            // Those that ask for something; 0 is "ok", 12 the end of SASL.
            b'R' if !matches!(bytes[8], 0 | 12) => server.write_all(&message(&mut client)?.1)?,
            b'E' => return Ok(()),
            b'Z' => break,
            _ => {}
        }
    }
    let keeps = matches!(order, Order::Sessions | Order::SessionsOf(_) | Order::SessionsAtFirst);
    let more = |count| (count < order.limit()).then_some(count + 1);
    let is_room = pool.2.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok();
    let mut own = None;
    if keeps && is_room {
        own = Some(server);
    } else if is_room {
        give_back(pool, server);
    }
    for number in 0.. {
        let Ok(mut request) = message(&mut client) else { break };
        if request.0 == b'X' {
            break;
        }
        if order == Order::SessionsAtFirst && number == WHILE {
            // Another client's, which is not in use any more: there are some by then.
            own = None;
        }
        let Some(mut server) = own.take().or_else(|| take_for(&client, pool, order)) else { break };
        let mut exchange = || -> std::io::Result<Vec<u8>> {
            loop {
                server.write_all(&request.1)?;
                // What is asked is complete with a query or a sync.
                if matches!(request.0, b'Q' | b'S')
                    && let Some(end) = end_of_transaction(&mut client, &mut *server)?
                {
                    return Ok(end);
                }
                request = message(&mut client)?;
            }
        };
        let Ok(end) = exchange() else {
            // A client that goes in a transaction takes the server's process with it; the next one brings another.
            pool.2.fetch_sub(1, Ordering::SeqCst);
            return Ok(());
        };
        if keeps {
            own = Some(server);
        } else {
            give_back(pool, server);
        }
        // The process is free before the client hears of it, as in a pooler that does one thing after the other: or else
        // the order in which two clients free theirs would be anybody's.
        client.write_all(&end)?;
    }
    if let Some(mut server) = own {
        // As PgBouncer does for the next client, if it is configured as by default.
        if matches!(order, Order::SessionsOf(_)) {
            reset(&mut *server)?;
        }
        give_back(pool, server);
    }
    Ok(())
}

fn reset(server: &mut dyn Conversation) -> std::io::Result<()> {
    for sql in ["rollback", "discard all"] {
        server.write_all(b"Q")?;
        server.write_all(&(sql.len() as u32 + 5).to_be_bytes())?;
        server.write_all(format!("{sql}\0").as_bytes())?;
        while message(server)?.0 != b'Z' {}
    }
    Ok(())
}

fn give_back(pool: &Pool, server: Box<dyn Conversation>) {
    pool.0.lock().expect("nobody panicked").push_back(server);
    pool.1.notify_one();
}

/// None where the client has gone while it waited: then the process is the next one's.
fn take_for(client: &TcpStream, pool: &Pool, order: Order) -> Option<Box<dyn Conversation>> {
    let server = take(pool, order);
    if is_there(client) {
        return Some(server);
    }
    give_back(pool, server);
    None
}

fn is_there(client: &TcpStream) -> bool {
    let peeked = client.set_nonblocking(true).and_then(|()| client.peek(&mut [0]));
    let is_there = match peeked {
        Ok(bytes) => bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    };
    client.set_nonblocking(false).is_ok() && is_there
}

fn take(pool: &Pool, order: Order) -> Box<dyn Conversation> {
    let mut free = pool.0.lock().expect("nobody panicked");
    loop {
        let found = if order == Order::LastFreed { free.pop_back() } else { free.pop_front() };
        match found {
            Some(server) => return server,
            None => free = pool.1.wait(free).expect("nobody panicked"),
        }
    }
}

/// Hands the answer on, but for its last message if no transaction is open after it, which is returned.
fn end_of_transaction(client: &mut TcpStream, server: &mut dyn Conversation) -> std::io::Result<Option<Vec<u8>>> {
    loop {
        let (kind, bytes) = message(server)?;
        if kind == b'Z' && bytes[5] == b'I' {
            return Ok(Some(bytes));
        }
        client.write_all(&bytes)?;
        match kind {
            b'Z' => return Ok(None),
            b'G' => loop {
                let (kind, bytes) = message(client)?;
                server.write_all(&bytes)?;
                if matches!(kind, b'c' | b'f') {
                    break;
                }
            },
            _ => {}
        }
    }
}
