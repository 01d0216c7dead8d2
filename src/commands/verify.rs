//! `verify`.

use std::path::{Path, PathBuf};

use crate::base::outcome::Verdict;
use crate::base::text::sentence;
use crate::commands::context::{AtOnce, Context, read};
use crate::commands::csv::LegacyRows;
use crate::commands::ended::{Ended, Failure};
use crate::commands::global::Format;
use crate::commands::integrity;
use crate::commands::screen::Screen;
use crate::ledger::pg::admission::SessionError;
use crate::migration::evidence::manifest::{Manifest, SourceOf};
use crate::migration::pg::evidence::folder::PendingFolder;
use crate::migration::pg::evidence::signature::{check_key, sign_manifest};
use crate::migration::pg::evidence::take::{Facts, take};
use crate::migration::pg::verify::sample::verify_sample;
use crate::migration::pg::verify::{VerifyRequest, verify};
use crate::migration::run::Observer;
use crate::postgres::query_error::is_of_lost_connection;
use crate::report::evidence::Written;
use crate::report::verify::{VerifyJson, verify_page};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::plan::plan;

/// Check every migrated row against its legacy row, and every lineage row against its target row
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write evidence into a new folder: with it anybody can check all of this years later, with psql and coreutils
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Sign the evidence with this SSH key (ssh-keygen -Y sign)
    #[arg(long, value_name = "KEY", requires = "evidence")]
    pub(crate) sign: Option<PathBuf>,
    /// What is accepted, each with a reason and an expiry date: goes into the evidence
    #[arg(long, value_name = "FILE", requires = "evidence")]
    pub(crate) exceptions: Option<PathBuf>,
    /// Look at so many legacy rows only, chosen at random
    #[arg(long, value_name = "N", conflicts_with = "evidence", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) sample: Option<u64>,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

/// The program, as evidence names it.
pub(crate) const PROGRAM: &str = concat!("pad-migrate ", env!("PAD_MIGRATE_LONG_VERSION"));

/// Sessions of a verification beside its two: what is looked at again, and the plan.
const WITH_EVIDENCE: AtOnce = AtOnce::fixed(2, 1);

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let folder = args.evidence.as_deref().map(PendingFolder::create).transpose()?;
    if let Some(key) = &args.sign {
        check_key(key).await?;
    }
    let exceptions = accepted(args.exceptions.as_ref()).await?;
    let at_once = if folder.is_some() { WITH_EVIDENCE } else { AtOnce::fixed(1, 1) };
    let (target, rows) = context.target_and_rows(at_once).await?;
    let environment = context.config.environment;
    let request = VerifyRequest { target: &target, source: rows.source(&context.config.legacy_table), environment };
    let mut screen = Screen::new(&context.printer, None)?;
    screen.begin("connecting");
    let (report, written) = match (&args.evidence, folder) {
        (Some(path), Some(folder)) => {
            let facts = Facts { exceptions, ..facts(context, &request, &rows).await? };
            let (report, manifest) = take(&request, facts, folder.path(), |progress| screen.progress(progress)).await?;
            if let Some(key) = &args.sign {
                sign_manifest(key, folder.path()).await?;
            }
            folder.finish()?;
            (report, Some(written(path, args.sign.as_deref(), &manifest)))
        }
        _ => {
            let progress = |progress| screen.progress(progress);
            let report = match args.sample {
                Some(rows) => verify_sample(&request, rows, progress).await?,
                None => verify(&request, progress).await?,
            };
            (report, None)
        }
    };
    let databases = context.between(&target, &rows);
    match args.format {
        Format::Text => context.printer.page(&verify_page(&report, &databases, written.as_ref()))?,
        Format::Json => context.printer.json(&VerifyJson::new(&report, databases, written))?,
    }
    Ok(Verdict::clean_if(report.counts.is_clean()))
}

fn written(path: &Path, key: Option<&Path>, manifest: &Manifest) -> Written {
    Written {
        folder: path.display().to_string(),
        signed_with: key.map(|it| it.display().to_string()),
        roots: manifest.roots.clone(),
    }
}

/// What the environment says beside the rows. What can't be known is left out, and said; a connection that is lost says
/// nothing of what can be known.
pub(crate) async fn facts(context: &Context, request: &VerifyRequest<'_>, rows: &LegacyRows) -> Result<Facts, Failure> {
    let config = &context.config;
    let planned = plan(&context.schema_request(request.target, None)).await;
    let (catalog, plan) = match planned {
        Ok(found) => (Some(found.catalog_hash()), Some(found.hash(config.environment))),
        Err(error @ ApplyError::Session(SessionError::Connect(_))) => return Err(error.into()),
        Err(error) if is_of_lost_connection(&error) => return Err(error.into()),
        Err(error) => {
            context.printer.note(&format!("the evidence has no hash of the schema: {}", sentence(&error)));
            (None, None)
        }
    };
    let csv = request.source.csv();
    let roles = [&config.roles.owner, &config.roles.app, &config.roles.reader].map(Clone::clone);
    Ok(Facts {
        program: PROGRAM.to_owned(),
        catalog,
        plan,
        roles,
        exceptions: Vec::new(),
        source: SourceOf {
            place: rows.place(),
            table: csv.is_none().then(|| config.legacy_table.to_string()),
            csv_sha256: csv.map(|it| it.sha256),
            is_beside: config.source.is_none() && matches!(rows, LegacyRows::Database(_)),
            timezone: None,
            columns: Vec::new(),
        },
    })
}

/// The exceptions of a file, as it has them.
async fn accepted(path: Option<&PathBuf>) -> Result<Vec<serde_json::Value>, Failure> {
    let Some(file) = path else { return Ok(Vec::new()) };
    // Whether they can be used.
    integrity::exceptions(path).await?;
    let exceptions: toml::Table = toml::from_str(&read(file).await?).map_err(|error| sentence(&error))?;
    let list = exceptions.get("exception").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    Ok(list.into_iter().filter_map(|it| serde_json::to_value(it).ok()).collect())
}
