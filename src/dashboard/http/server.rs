//! Connections: how many, how long, how large.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::dashboard::http::answer::{Problem, secured};
use crate::dashboard::http::guard::{Admitted, ENTER, Guard, RandomError};
use crate::dashboard::http::options::Options;
use crate::dashboard::http::routes::{Shared, entered, router};
use crate::dashboard::pg::admission::{admit, may_write};
use crate::ledger::pg::admission::SessionError;

/// Sessions with the target that have to be free at the start: one for a page, one for a proof. Others are taken when they
/// are asked for: up to four for pages, one for a proof, two for a comparison or for checks.
pub(crate) const SESSIONS: usize = 2;

/// Connections of browsers at once; more wait until one is free.
const CONNECTIONS: usize = 128;

/// A request's line and headers: so many bytes, so many headers, so long on their way. Between two requests of a
/// connection, too.
const HEAD_BYTES: usize = 16 << 10;
const HEADERS: usize = 64;
const HEAD_TIME: Duration = Duration::from_secs(5);

/// Until a page begins.
const PAGE_TIME: Duration = Duration::from_secs(15);

/// A connection ends after that, whatever happens on it.
const CONNECTION_TIME: Duration = Duration::from_secs(120);

/// Between two looks at sessions that nobody uses.
const TICK: Duration = Duration::from_secs(5);

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ServeError {
    #[error(
        "--listen {0}: the dashboard listens on this machine only; use 127.0.0.1:PORT or [::1]:PORT. From another machine, \
         open a tunnel with the same port on both sides: ssh -L PORT:127.0.0.1:PORT THIS_MACHINE"
    )]
    NotLoopback(SocketAddr),
    #[error("--listen is not an address and a port; use 127.0.0.1:PORT, or 127.0.0.1:0 for any port that is free")]
    NoAddress,
    #[error("nothing can listen on {address}: {source}; name another port with --listen, or 0 for any that is free")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// A dashboard that listens.
pub struct Dashboard {
    listener: TcpListener,
    shared: Arc<Shared>,
    guard: Arc<Guard>,
    start: String,
    may_write: bool,
}

impl Dashboard {
    /// Checks the database, and listens.
    pub async fn bind(options: Options) -> Result<Self, ServeError> {
        if !options.listen.ip().is_loopback() {
            return Err(ServeError::NotLoopback(options.listen));
        }
        let mut session = admit(&options.target, options.environment).await?;
        let may_write = may_write(&mut session).await.map_err(SessionError::from)?;
        let _ = session.close().await;
        let address = options.listen;
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (guard, token) = Guard::new(address)?;
        let start = format!("http://{address}{ENTER}?token={token}");
        Ok(Self { listener, shared: Shared::new(options), guard: Arc::new(guard), start, may_write })
    }

    /// The address that lets one browser in, once.
    pub fn start_address(&self) -> &str {
        &self.start
    }

    /// Whether the role could change rows, if its transactions weren't read-only.
    pub fn may_write(&self) -> bool {
        self.may_write
    }

    /// Answers until it is stopped; then every connection and session ends.
    pub async fn run(self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut connections = JoinSet::new();
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        let mut tick = interval(TICK);
        // So that the first page has its numbers at once.
        let shared = Arc::clone(&self.shared);
        connections.spawn(async move {
            let _ = shared.count_first().await;
        });
        loop {
            let next = async {
                let permit = Arc::clone(&free).acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            tokio::select! {
                () = &mut stopped => break,
                // Beside the loop: a network that is silent must not keep browsers waiting.
                _ = tick.tick() => {
                    let pool = Arc::clone(&self.shared.pool);
                    connections.spawn(async move { pool.close_idle().await });
                }
                Some(_) = connections.join_next() => {}
                (accepted, permit) = next => match accepted {
                    Ok((stream, _)) => {
                        let (shared, guard) = (Arc::clone(&self.shared), Arc::clone(&self.guard));
                        connections.spawn(async move {
                            let _permit = permit;
                            let _ = timeout(CONNECTION_TIME, serve(stream, shared, guard)).await;
                        });
                    }
                    // Of files that a process may have open there are no more.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                }
            }
        }
        connections.shutdown().await;
        self.shared.pool.close().await;
    }
}

/// Answers the requests of a connection.
async fn serve(stream: TcpStream, shared: Arc<Shared>, guard: Arc<Guard>) {
    let _ = stream.set_nodelay(true);
    let pages = TowerToHyperService::new(router(Arc::clone(&shared)));
    let answer = service_fn(move |request: Request<Incoming>| {
        let (pages, shared, guard) = (pages.clone(), Arc::clone(&shared), Arc::clone(&guard));
        async move { Ok::<_, std::convert::Infallible>(secured(answer(request, pages, shared, guard).await)) }
    });
    let mut connection = http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .half_close(false);
    let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(
    request: Request<Incoming>,
    pages: TowerToHyperService<axum::Router>,
    shared: Arc<Shared>,
    guard: Arc<Guard>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match guard.admit(&parts) {
        Err(refusal) => return refusal.answer(),
        Ok(Admitted::Enters(cookie)) => {
            let mut answer = entered();
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                answer.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            return answer;
        }
        Ok(Admitted::Known) => {}
    }
    let page = pages.call(Request::from_parts(parts, Body::empty()));
    match timeout(PAGE_TIME, page).await {
        Ok(Ok(page)) => page,
        _ => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "That took too long",
            "The page was not ready in time. Reload it in a moment.",
        )
        .answer(&shared.site),
    }
}
