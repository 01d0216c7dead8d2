//! Which page is at which address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
use crate::dashboard::http::export::{Listed, export};
use crate::dashboard::http::guard::ENTER;
use crate::dashboard::http::job::Job;
use crate::dashboard::http::options::Options;
use crate::dashboard::pace::Pace;
use crate::dashboard::page::frame::{STYLE, Site, icon};
use crate::dashboard::page::results::Work;
use crate::dashboard::page::{legacy, lists, overview, problem, reference, rejections, request, requests, results};
use crate::dashboard::pg;
use crate::dashboard::pg::keyset::{EdgeGone, Search};
use crate::dashboard::pg::pool::{Lease, Pool};
use crate::dashboard::query::{
    AuditQuery, BreachesQuery, GoQuery, OverviewQuery, RejectionsQuery, RequestsQuery, RunQuery, ViewQuery,
};
use crate::dashboard::rows::{LegacyState, LegacyView, Origin, Overview, Page, People, Pulse, RunState};
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
const AT_ONCE: Duration = Duration::from_millis(400);

/// How long a page waits for the proof of its row.
const PROVING: Duration = Duration::from_secs(20);

/// What all pages share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) site: Site,
    pub(crate) pool: Arc<Pool>,
    counted: Mutex<Option<Counted>>,
    /// Held while the overview's numbers are counted.
    counting: tokio::sync::Mutex<()>,
    /// Whether they could not be counted the last time.
    has_failed: AtomicBool,
    pace: Mutex<Pace>,
    since: Instant,
    drift: Arc<Job<DriftJson>>,
    integrity: Arc<Job<IntegrityJson>>,
    /// Rows that are being proved.
    proofs: Arc<Semaphore>,
    /// Files that are being sent.
    exports: Arc<Semaphore>,
}

/// The overview's numbers, when they were counted, and the newest run by then.
struct Counted {
    since: Instant,
    run: Option<RunState>,
    found: Arc<Overview>,
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
            counted: Mutex::default(),
            counting: tokio::sync::Mutex::default(),
            has_failed: AtomicBool::new(false),
            pace: Mutex::default(),
            since: Instant::now(),
            drift: Job::new(&jobs),
            integrity: Job::new(&jobs),
            proofs: Arc::new(Semaphore::new(1)),
            exports: Arc::new(Semaphore::new(1)),
        })
    }

    async fn begin(&self) -> Result<Lease, Problem> {
        Ok(self.pool.begin().await?)
    }

    /// The overview's numbers, if they are no older, and no run has begun or ended since.
    fn counted(&self, oldest: Duration, run: Option<&RunState>) -> Option<Arc<Overview>> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counted.as_ref().filter(|it| it.since.elapsed() < oldest && it.run.as_ref() == run);
        counted.map(|it| Arc::clone(&it.found))
    }

    async fn count_now(&self) -> Result<Overview, Problem> {
        let mut lease = self.begin().await?;
        let legacy = self.options.source.table_in(&self.options.target);
        let found = pg::overview::overview(&mut lease, legacy).await?;
        lease.done().await?;
        Ok(found)
    }

    /// What is at work now, and how fast.
    async fn pulse(&self) -> Result<Pulse, Problem> {
        let mut lease = self.begin().await?;
        let found = pg::overview::pulse(&mut lease).await?;
        lease.done().await?;
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let run = found.at_work().map(|it| it.id.as_str());
        let rate = run.and_then(|run| pace.rate(run, found.requests, self.since.elapsed()));
        Ok(Pulse { rate, ..found })
    }

    /// The overview's numbers, and whether these are old ones that are being counted again. Those that could not be counted
    /// again are not shown: the page says why.
    async fn numbers(self: &Arc<Self>, run: Option<RunState>) -> Result<(Arc<Overview>, bool), Problem> {
        if let Some(found) = self.counted(FRESH, run.as_ref()) {
            return Ok((found, false));
        }
        match self.counted(KEPT, run.as_ref()).filter(|_| !self.has_failed.load(Ordering::Relaxed)) {
            Some(found) => {
                if self.counting.try_lock().is_ok() {
                    let counts = Arc::clone(self);
                    tokio::spawn(async move { counts.count(run).await });
                }
                Ok((found, true))
            }
            None => Ok((self.count(run).await?, false)),
        }
    }

    /// Counts them, unless that was done while this waited for its turn.
    async fn count(&self, run: Option<RunState>) -> Result<Arc<Overview>, Problem> {
        let _turn = self.counting.lock().await;
        if let Some(found) = self.counted(FRESH, run.as_ref()) {
            return Ok(found);
        }
        let found = self.count_now().await;
        self.has_failed.store(found.is_err(), Ordering::Relaxed);
        let found = Arc::new(found?);
        let counted = Counted { since: Instant::now(), run, found: Arc::clone(&found) };
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some(counted);
        Ok(found)
    }

    /// Counts them before somebody asks.
    pub(crate) async fn count_first(&self) -> Result<(), Problem> {
        let run = self.pulse().await?.newest();
        self.count(run).await.map(|_| ())
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
        .route("/icon.svg", get(show_icon))
        .route("/requests", get(show_requests))
        .route("/requests.csv", get(download_requests))
        .route("/requests/{id}", get(show_request))
        .route("/go", get(go))
        .route("/legacy/{id}", get(show_legacy))
        .route("/breaches", get(show_breaches))
        .route("/audit", get(show_audit))
        .route("/rejections", get(show_rejections))
        .route("/rejections.csv", get(download_rejections))
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

async fn show_icon(State(shared): Place) -> Response<Body> {
    typed(StatusCode::OK, "image/svg+xml", icon(shared.site.environment))
}

async fn show_overview(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = OverviewQuery::parse(&query(raw))?;
        let pulse = shared.pulse().await?;
        let (found, is_old) = shared.numbers(pulse.newest()).await?;
        Ok(html(overview::overview(&shared.site, &found, is_old, &pulse, query)))
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
        download(&shared, Listed::Requests(RequestsQuery::parse(&query(raw))?.from_start())).await
    })
    .await
}

async fn download_rejections(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        download(&shared, Listed::Rejections(RejectionsQuery::parse(&query(raw))?.from_start())).await
    })
    .await
}

async fn download(shared: &Arc<Shared>, listed: Listed) -> Result<Response<Body>, Problem> {
    let Ok(turn) = Arc::clone(&shared.exports).try_acquire_owned() else {
        return Err(Problem::busy("Another file is being downloaded. Try again when it is complete."));
    };
    let lease = shared.begin().await?;
    export(lease, listed, shared.site.environment.as_str(), turn).await
}

/// To a request, or to the list of them.
async fn go(State(shared): Place, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let id = GoQuery::parse(&query(raw))?.id;
        Ok(see(&id.map_or_else(|| "/requests".to_owned(), |id| format!("/requests/{id}"))))
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
            request::last_part(&origin, proof.as_ref(), query.people).into_string()
        };
        let first = first.into_string();
        let parts = stream::once(async { first }).chain(stream::once(last)).map(Ok::<_, std::convert::Infallible>);
        Ok(typed(StatusCode::OK, HTML, Body::from_stream(parts)))
    })
    .await
}

async fn proof_of(shared: Arc<Shared>, origin: Origin, people: bool) -> Option<LegacyView> {
    match origin {
        Origin::Legacy(lineage) => Some(prove(&shared, lineage.source_id, people).await),
        Origin::Application | Origin::Broken | Origin::Unknown => None,
    }
}

async fn show_legacy(State(shared): Place, Path(id): Path<String>, raw: RawQuery) -> Answer {
    answered(&shared, async {
        let query = ViewQuery::parse(&query(raw))?;
        let id: i64 = id.parse().map_err(|_| Problem::not_found("A legacy row has a whole number as its id."))?;
        let view = prove(&shared, id, query.people).await;
        let is_known = !matches!(view.state, LegacyState::Gone) || !view.reasons.is_empty();
        let status = if is_known { StatusCode::OK } else { StatusCode::NOT_FOUND };
        Ok(typed(status, HTML, legacy::legacy(&shared.site, id, &view, query).into_string()))
    })
    .await
}

/// Verifies a row then and there, one at a time.
async fn prove(shared: &Arc<Shared>, id: i64, people: bool) -> LegacyView {
    let shared = Arc::clone(shared);
    let runtime = tokio::runtime::Handle::current();
    let late = || {
        LegacyView::unknown(format!("It took longer than {} seconds. Reload the page to try again.", PROVING.as_secs()))
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
        Ok(Err(_)) => LegacyView::unknown("An internal error; the terminal has more.".to_owned()),
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
        let search = Some(Search::of(query.at));
        let page = pg::lists::rejections(&mut lease, &query, (query.at, search), ROWS).await?.map_err(edge_gone)?;
        let facets = pg::lists::by_rule(&mut lease, &query).await?;
        lease.done().await?;
        Ok(html(rejections::Rejections { query: &query, page: &page, facets: &facets }.html(&shared.site)))
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
