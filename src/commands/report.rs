//! `report`, and the document that `rehearse --report` and `gate --report` write.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::file::PendingFile;
use crate::base::text::sentence;
use crate::checks::check::Check;
use crate::checks::integrity::select;
use crate::checks::pg::examine::examine_environment;
use crate::checks::pg::integrity::{IntegrityRequest, integrity};
use crate::commands::context::{AtOnce, Context, save};
use crate::commands::csv::LegacyRows;
use crate::commands::ended::{Ended, Failure};
use crate::commands::integrity;
use crate::commands::printer::json_text;
use crate::commands::progress;
use crate::commands::screen::Screen;
use crate::migration::pg::recorded::recorded;
use crate::migration::pg::standing::standing;
use crate::migration::pg::verify::{VerifyRequest, verify_with_accounting};
use crate::migration::run::Observer;
use crate::migration::standing::Known;
use crate::migration::verification::VerifyReport;
use crate::postgres::database::Database;
use crate::report::document::environment::Found;
use crate::report::document::html::html;
use crate::report::document::markdown::markdown;
use crate::report::document::{Making, ReportJson};
use crate::report::drift::json::DriftJson;
use crate::report::integrity::IntegrityJson;
use crate::report::plan::Planned;
use crate::report::plan::json::PlanJson;
use crate::report::status::StatusJson;
use crate::schema::drift::exceptions::{CheckException, Exceptions};
use crate::schema::drift::finding::Severity;
use crate::schema::pg::drift::{DriftRequest, Expected, drift, today};
use crate::schema::pg::plan::plan;
use crate::schema::pg::status::status;

/// How the document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// One file for a browser or for paper; it needs nothing else
    Html,
    /// For a repository or a wiki
    Markdown,
    /// What the others are made from, for scripts
    Json,
}

impl DocumentFormat {
    /// By how a file's name ends.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Self::Html),
            "md" | "markdown" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The text of a document.
    fn text(self, report: &ReportJson) -> Result<String, Failure> {
        Ok(match self {
            Self::Html => html(report),
            Self::Markdown => markdown(report),
            Self::Json => json_text(report)?,
        })
    }
}

/// Write a document about the whole migration of an environment, for those who sign it and those who ask years later
///
/// Reads only. Compares every row, the schema and all checks again, and shows what runs have left on record. The
/// document is one HTML file without scripts or links to elsewhere, or the same as Markdown; personal data is left out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write to a file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How the document is written [default: by the file's ending, else html]
    #[arg(long)]
    pub(crate) format: Option<DocumentFormat>,
    /// Show values of rejected rows, which may name employees
    #[arg(long)]
    pub(crate) personal_data: bool,
    /// What is accepted, each with a reason and an expiry date (docs/integrity.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
}

impl Args {
    /// Whether the standard output is to be JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.out.is_none() && self.format == Some(DocumentFormat::Json)
    }

    fn chosen(&self) -> Result<DocumentFormat, Failure> {
        match (self.format, &self.out) {
            (Some(format), _) => Ok(format),
            (None, None) => Ok(DocumentFormat::Html),
            (None, Some(path)) if path == Path::new("-") => Ok(DocumentFormat::Html),
            (None, Some(path)) => DocumentFormat::of(path).ok_or_else(|| {
                format!(
                    "--out {}: the file's name must end in .html or .md, or --format must say how to write it",
                    path.display()
                )
                .into()
            }),
        }
    }
}

/// How a document is made now.
pub(crate) fn making(personal_data: bool) -> Making {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    Making { made_at: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(), personal_data }
}

/// The text of a document for a file whose name asks for one.
pub(crate) fn for_file(path: Option<&Path>, report: impl FnOnce() -> ReportJson) -> Result<Option<String>, Failure> {
    let format = path.and_then(DocumentFormat::of).filter(|it| *it != DocumentFormat::Json);
    format.map(|it| it.text(&report())).transpose()
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let format = args.chosen()?;
    let file = args.out.as_deref().map(PendingFile::create).transpose()?.map(PendingFile::private);
    let exceptions = integrity::exceptions(args.exceptions.as_ref()).await?;
    // One session each; verify has two, integrity too.
    let (target, rows) = context.target_and_rows(AtOnce::fixed(2, 1)).await?;
    let waived: Vec<CheckException> =
        exceptions.iter().flat_map(|it| &it.checks).filter(|it| accepts_rejections(it)).cloned().collect();
    let ids: Vec<i64> = waived.iter().flat_map(|it| &it.rows).filter_map(|id| id.parse().ok()).collect();
    let making = making(args.personal_data);
    let gathered = Gathered::of(context, &target, &rows, exceptions.as_ref()).await?;
    let databases = context.between(&target, &rows);
    let found = Found {
        making: &making,
        databases: &databases,
        status: &gathered.status,
        verify: gathered.verify,
        drift: gathered.drift,
        integrity: gathered.integrity,
        examined: &gathered.examined,
        plan: gathered.plan,
        recorded: &recorded(&target, &ids).await?,
        exceptions: exceptions.as_ref().map(|_| &waived[..]),
    };
    let text = format.text(&found.document())?;
    match file {
        Some(file) => save(file, text).await?,
        None => context.printer.document(&text)?,
    }
    Ok(found.verdict())
}

/// Whether an exception lets rows stay rejected, as in the gate.
fn accepts_rejections(exception: &CheckException) -> bool {
    exception.check == "rejections" && exception.expires >= today()
}

/// What each of the other commands finds, or why it finds nothing.
struct Gathered {
    status: StatusJson,
    verify: Known<VerifyReport>,
    drift: Known<DriftJson>,
    integrity: Known<IntegrityJson>,
    examined: Vec<Check>,
    plan: Known<PlanJson>,
}

impl Gathered {
    async fn of(
        context: &Context,
        target: &Database,
        rows: &LegacyRows,
        exceptions: Option<&Exceptions>,
    ) -> Result<Self, Failure> {
        let environment = context.config.environment;
        // Without a session there is no document.
        let history = status(&context.schema_request(target, None)).await?;
        let elsewhere = match (rows, &context.config.source) {
            (LegacyRows::Csv(_), _) => Some(Err("they come from a file".to_owned())),
            (LegacyRows::Database(source), Some(_)) => Some(Ok(Database::clone(source))),
            (LegacyRows::Database(_), None) => None,
        };
        let data = standing(target, elsewhere, &context.config.legacy_table).await?;
        let verify = Self::verified(context, target, rows).await?;
        progress::phase("comparing the schemas");
        let none = Exceptions::default();
        let compared = drift(DriftRequest {
            target,
            environment,
            roles: &context.config.roles,
            expected: Expected::Embedded,
            schemas: &[],
            exceptions: exceptions.unwrap_or(&none),
            today: today(),
        });
        let compared = compared.await.map(|it| DriftJson::new(&it, Severity::Warning)).map_err(|it| sentence(&it));
        progress::phase("checking rows");
        let checks = select(&[])?;
        let request = IntegrityRequest { target, environment, checks: &checks, exceptions, today: today() };
        let checked = integrity(&request).await.map(|it| IntegrityJson::new(&it)).map_err(|it| sentence(&it));
        progress::phase("examining the environment");
        let examined = examine_environment(&context.config, false).await?;
        let planned = plan(&context.schema_request(target, None)).await;
        let planned = planned.map_err(|it| sentence(&it)).map(|found| {
            let place = target.place();
            PlanJson::new(&Planned { environment, place: &place, found: &found, check: false })
        });
        Ok(Self {
            status: StatusJson::new(&history, &data),
            verify,
            drift: compared,
            integrity: checked,
            examined: examined.checks,
            plan: planned,
        })
    }

    async fn verified(context: &Context, target: &Database, rows: &LegacyRows) -> Result<Known<VerifyReport>, Failure> {
        let mut screen = Screen::new(&context.printer, None)?;
        screen.begin("connecting");
        let source = rows.source(&context.config.legacy_table);
        let request = VerifyRequest { target, source, environment: context.config.environment };
        let found = verify_with_accounting(&request, |progress| screen.progress(progress)).await;
        Ok(found.map_err(|it| sentence(&it)))
    }
}
