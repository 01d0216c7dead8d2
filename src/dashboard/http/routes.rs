//! Which page is at which address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::base::text::sentence;
use crate::checks::integrity::ALL;
use crate::checks::pg::integrity::{IntegrityRequest, integrity};
use crate::dashboard::http::answer::{HTML, Problem, html, see, typed};
use crate::dashboard::http::export::export;
use crate::dashboard::http::guard::ENTER;
use crate::dashboard::http::job::Job;
use crate::dashboard::http::options::Options;
use crate::dashboard::page::frame::{STYLE, Site};
use crate::dashboard::page::results::Work;
use crate::dashboard::page::{lists, overview, problem, reference, request, requests, results};
use crate::dashboard::pg;
use crate::dashboard::pg::keyset::{EdgeGone, Search};
use crate::dashboard::pg::pool::{Lease, Pool};
use crate::dashboard::query::{AuditQuery, BreachesQuery, RejectionsQuery, RequestsQuery, RunQuery, ViewQuery};
use crate::dashboard::rows::{Origin, Overview, Page, People, Proof};
use crate::migration::pg::verify::VerifyRequest;
use crate::report::drift::json::DriftJson;
use crate::report::integrity::IntegrityJson;
use crate::schema::drift::exceptions::Exceptions;
use crate::schema::drift::finding::Severity;
use crate::schema::pg::drift::{DriftRequest, Expected, drift, today};

/// How long the overview's numbers are shown before they are counted again.
const FRESH: Duration = Duration::from_secs(60);

/// How long they are shown while they are counted again, which the page says; later it waits for the new ones.
const KEPT: Duration = Duration::from_secs(600);

/// How long a page waits for the proof before it is sent without it.
const AT_ONCE: Duration = Duration::from_millis(80);

/// How long a page waits for the proof of its row.
const PROVING: Duration = Duration::from_secs(20);

/// What all pages share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) site: Site,
    pub(crate) pool: Arc<Pool>,
    counted: std::sync::Mutex<Option<(Instant, Arc<Overview>)>>,
    /// Held while the overview's numbers are counted.
    counting: tokio::sync::Mutex<()>,
    /// Whether they could not be counted the last time.
    has_failed: AtomicBool,
    drift: Arc<Job<DriftJson>>,
    integrity: Arc<Job<IntegrityJson>>,
    /// Rows that are being proved.
    proofs: Arc<Semaphore>,
    /// Files that are being sent.
    exports: Arc<Semaphore>,
}

type Answer = Result<Response<Body>, Refused>;

/// A problem, and the site whose page it is shown on.
struct Refused(Arc<Shared>, Problem);

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        self.1.answer(&self.0.site)
    }
}

impl Shared {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let site = Site { environment: options.environment, place: options.target.place() };
        let jobs = Arc::new(Semaphore::new(1));
        Arc::new(Self {
            site,
            pool: Pool::new(options.target.clone()),
            options,
            counted: std::sync::Mutex::default(),
            counting: tokio::sync::Mutex::default(),
            has_failed: AtomicBool::new(false),
            drift: Job::new(&jobs),
            integrity: Job::new(&jobs),
            proofs: Arc::new(Semaphore::new(1)),
            exports: Arc::new(Semaphore::new(1)),
        })
    }

    async fn begin(&self) -> Result<Lease, Problem> {
        Ok(self.pool.begin().await?)
    }

    /// The overview's numbers, if they are no older.
    fn counted(&self, oldest: Duration) -> Option<Arc<Overview>> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.as_ref().filter(|(since, _)| since.elapsed() < oldest).map(|(_, found)| Arc::clone(found))
    }

    async fn count_now(&self) -> Result<Overview, Problem> {
        let mut lease = self.begin().await?;
        let found = pg::overview::overview(&mut lease).await?;
        lease.done().await?;
        Ok(found)
    }

    /// Counts them, unless that was done while this waited for its turn.
    pub(crate) async fn count(&self) -> Result<Arc<Overview>, Problem> {
        let _turn = self.counting.lock().await;
        if let Some(found) = self.counted(FRESH) {
            return Ok(found);
        }
        let found = self.count_now().await;
        self.has_failed.store(found.is_err(), Ordering::Relaxed);
        let found = Arc::new(found?);
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }
}

/// The page of a handler, or why there is none.
async fn answered(shared: &Arc<Shared>, work: impl Future<Output = Result<Response<Body>, Problem>>) -> Answer {
    work.await.map_err(|problem| Refused(Arc::clone(shared), problem))
}

/// All addresses.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(show_overview))
        .route(ENTER, get(async || see("/")))
        .route("/style.css", get(async || typed(StatusCode::OK, "text/css; charset=utf-8", STYLE)))
        .route("/requests", get(show_requests))
        .route("/requests.csv", get(download_requests))
        .route("/requests/{id}", get(show_request))
        .route("/breaches", get(show_breaches))
        .route("/audit", get(show_audit))
        .route("/rejections", get(show_rejections))
        .route("/drift", get(show_drift))
        .route("/integrity", get(show_integrity))
        .route("/reference", get(show_reference))
        .fallback(show_nothing)
        .with_state(shared)
}

type Place = State<Arc<Shared>>;

fn query(RawQuery(query): RawQuery) -> String {
    query.unwrap_or_default()
}

/// A page whose edge is gone has no neighbours any more.
fn edge_gone(EdgeGone: EdgeGone) -> Problem {
    Problem::not_found(
        "The row at which this page begins or ends is no longer there. Go back to the first page of the list.",
    )
}

async fn show_nothing(State(shared): Place) -> Answer {
    answered(&shared, async { Err(Problem::not_found("There is no such page.")) }).await
}

async fn show_overview(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        ViewQuery::parse(&query(raw))?;
        if let Some(found) = shared.counted(FRESH) {
            return Ok(html(overview::overview(&shared.site, &found, false)));
        }
        // A page that could not be counted again says why, in place of old numbers.
        if let Some(found) = shared.counted(KEPT).filter(|_| !shared.has_failed.load(Ordering::Relaxed)) {
            if shared.counting.try_lock().is_ok() {
                let counts = Arc::clone(&shared);
                tokio::spawn(async move { counts.count().await });
            }
            return Ok(html(overview::overview(&shared.site, &found, true)));
        }
        Ok(html(overview::overview(&shared.site, &*shared.count().await?, false)))
    })
    .await
}

/// Rows of a page of requests.
const ROWS: usize = 50;

async fn show_requests(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = RequestsQuery::parse(&query(raw))?;
        let mut lease = shared.begin().await?;
        let page = pg::requests::requests(&mut lease, &query, (query.at, Some(Search::of(query.at))), ROWS)
            .await?
            .map_err(edge_gone)?;
        let facets = pg::requests::by_status(&mut lease, &query).await?;
        let years = pg::requests::years(&mut lease).await?;
        let people = match query.people {
            true => pg::people::people(&mut lease, page.rows.iter().map(|it| it.employee_id).collect()).await?,
            false => People::new(),
        };
        lease.done().await?;
        let list = requests::Requests { query: &query, page: &page, people: &people, facets: &facets, years: &years };
        Ok(html(list.html(&shared.site)))
    })
    .await
}

async fn download_requests(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = RequestsQuery::parse(&query(raw))?.from_start();
        let Ok(turn) = Arc::clone(&shared.exports).try_acquire_owned() else {
            return Err(Problem::busy("Another file is being downloaded. Try again when it is complete."));
        };
        let lease = shared.begin().await?;
        export(lease, query, shared.site.environment.as_str(), turn).await
    })
    .await
}

async fn show_request(State(shared): Place, Path(id): Path<String>, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = ViewQuery::parse(&query(raw))?;
        let id: i64 = id.parse().map_err(|_| Problem::not_found("A request has a whole number as its id."))?;
        let mut lease = shared.begin().await?;
        let found = pg::request::request(&mut lease, id, query.people).await?;
        let Some(found) = found else {
            let reasons = pg::lists::reasons(&mut lease, id).await?;
            lease.done().await?;
            return Ok(typed(
                StatusCode::NOT_FOUND,
                HTML,
                problem::no_request(&shared.site, id, reasons).into_string(),
            ));
        };
        lease.done().await?;
        // The proof is waited for as long as nobody notices; then what is known is shown, and the proof comes later.
        let origin = found.origin.clone();
        let mut proving = Box::pin(proof_of(Arc::clone(&shared), origin.clone(), query.people));
        let proof = timeout(AT_ONCE, &mut proving).await.ok();
        let first = request::first_part(&shared.site, &found, query, proof.as_ref().and_then(Option::as_ref));
        let last = async move {
            let proof = match proof {
                Some(proof) => proof,
                None => proving.await,
            };
            request::last_part(&origin, proof.as_ref()).into_string()
        };
        let first = first.into_string();
        let parts = stream::once(async { first }).chain(stream::once(last)).map(Ok::<_, std::convert::Infallible>);
        Ok(typed(StatusCode::OK, HTML, Body::from_stream(parts)))
    })
    .await
}

async fn proof_of(shared: Arc<Shared>, origin: Origin, people: bool) -> Option<Proof> {
    match origin {
        Origin::Legacy(lineage) => Some(prove(&shared, lineage.source_id, people).await),
        Origin::Application | Origin::Broken | Origin::Unknown => None,
    }
}

/// Verifies a row then and there, one at a time.
async fn prove(shared: &Arc<Shared>, id: i64, people: bool) -> Proof {
    let shared = Arc::clone(shared);
    let runtime = tokio::runtime::Handle::current();
    let late = || Proof::Unknown {
        reason: format!("It took longer than {} seconds. Reload the page to try again.", PROVING.as_secs()),
    };
    let until = Instant::now() + PROVING;
    let turn = match tokio::time::timeout_at(until, Arc::clone(&shared.proofs).acquire_owned()).await {
        Ok(Ok(turn)) => turn,
        _ => return late(),
    };
    // It goes on when nobody waits for it any more, and keeps its turn so long: its sessions are not to become more.
    let work = tokio::task::spawn_blocking(move || {
        runtime.block_on(async move {
            let _turn = turn;
            let Options { target, source, environment, .. } = &shared.options;
            let request = VerifyRequest { target, source: source.legacy(), environment: *environment };
            pg::proof::prove(&shared.pool, request, id, people).await
        })
    });
    match timeout(until - Instant::now(), work).await {
        Ok(Ok(proof)) => proof,
        Ok(Err(_)) => Proof::Unknown { reason: "An internal error; the terminal has more.".to_owned() },
        Err(_) => late(),
    }
}

async fn named(lease: &mut Lease, page: &Page<crate::dashboard::rows::Record>, shown: bool) -> Result<People, Problem> {
    match shown {
        true => Ok(pg::people::people(lease, pg::request::named(&page.rows)).await?),
        false => Ok(People::new()),
    }
}

async fn show_breaches(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = BreachesQuery::parse(&query(raw))?;
        let mut lease = shared.begin().await?;
        let page = pg::lists::breaches(&mut lease, &query).await?.map_err(edge_gone)?;
        let people = named(&mut lease, &page, query.people).await?;
        lease.done().await?;
        Ok(html(lists::breaches(&shared.site, &query, &page, &people)))
    })
    .await
}

async fn show_audit(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = AuditQuery::parse(&query(raw))?;
        let mut lease = shared.begin().await?;
        let page = pg::lists::audit(&mut lease, &query).await?.map_err(edge_gone)?;
        let actions = pg::lists::actions(&mut lease).await?;
        let people = named(&mut lease, &page, query.people).await?;
        lease.done().await?;
        Ok(html(lists::audit(&shared.site, &query, &page, &people, &actions)))
    })
    .await
}

async fn show_rejections(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = RejectionsQuery::parse(&query(raw))?;
        let mut lease = shared.begin().await?;
        let page = pg::lists::rejections(&mut lease, &query).await?.map_err(edge_gone)?;
        let rules = pg::lists::rules(&mut lease).await?;
        lease.done().await?;
        Ok(html(lists::rejections(&shared.site, &query, &page, &rules)))
    })
    .await
}

/// A page about work, as it is now; or begins it.
macro_rules! work {
    ($shared:ident, $raw:ident, $job:ident, $path:literal, $work:expr, $page:expr) => {
        answered(&$shared, async {
            let query = RunQuery::parse(&query($raw))?;
            if query.now {
                let worker = Arc::clone(&$shared);
                $shared.$job.start(move || async move { $work(&worker).await }).await;
                return Ok(see($path));
            }
            let (runs, found) = $shared.$job.look();
            let work = match (runs, &found) {
                (Some(seconds), _) => Work::Runs(seconds),
                (None, Some(found)) => Work::Ended(&found.0, &found.1),
                (None, None) => Work::Never,
            };
            Ok(html($page(&$shared.site, &work, query)))
        })
        .await
    };
}

async fn show_drift(State(shared): Place, raw: RawQuery) -> Answer {
    work!(shared, raw, drift, "/drift", find_drift, |site, work, _| results::drift(site, work))
}

async fn show_integrity(State(shared): Place, raw: RawQuery) -> Answer {
    work!(shared, raw, integrity, "/integrity", find_integrity, results::integrity)
}

async fn find_drift(shared: &Shared) -> Result<DriftJson, String> {
    let Options { target, environment, roles, .. } = &shared.options;
    let exceptions = Exceptions::default();
    let request = DriftRequest {
        target,
        environment: *environment,
        roles,
        expected: Expected::Embedded,
        schemas: &[],
        exceptions: &exceptions,
        today: today(),
    };
    drift(request).await.map(|found| DriftJson::new(&found, Severity::Warning)).map_err(|error| sentence(&error))
}

async fn find_integrity(shared: &Shared) -> Result<IntegrityJson, String> {
    let checks: Vec<_> = ALL.iter().collect();
    let Options { target, environment, .. } = &shared.options;
    let request =
        IntegrityRequest { target, environment: *environment, checks: &checks, exceptions: None, today: today() };
    integrity(&request).await.map(|found| IntegrityJson::new(&found)).map_err(|error| sentence(&error))
}

async fn show_reference(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        ViewQuery::parse(&query(raw))?;
        let mut lease = shared.begin().await?;
        let tables = pg::reference::reference(&mut lease).await?;
        lease.done().await?;
        Ok(html(reference::reference(&shared.site, &tables)))
    })
    .await
}

/// The page after the start address.
pub(crate) fn entered() -> Response<Body> {
    html(problem::entered())
}
