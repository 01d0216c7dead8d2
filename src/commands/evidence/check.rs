//! `evidence check`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::file::reason;
use crate::base::input::read_within;
use crate::base::text::sentence;
use crate::checks::check::{Check, Status, verdict};
use crate::checks::evidence;
use crate::commands::context::{AtOnce, Context};
use crate::commands::ended::{Ended, Failure};
use crate::commands::global::Format;
use crate::commands::screen::Screen;
use crate::commands::verify::{PROGRAM, facts};
use crate::migration::evidence::names::{TEXTS, WRITTEN};
use crate::migration::evidence::proof_of_row::{LIMIT, ProofFault, read_proof};
use crate::migration::evidence::tree::Hash;
use crate::migration::pg::evidence::bundle::Bundle;
use crate::migration::pg::evidence::compare::compare;
use crate::migration::pg::evidence::error::EvidenceError;
use crate::migration::pg::evidence::signature::check_signature;
use crate::migration::pg::evidence::take::take;
use crate::migration::pg::source::SourceError;
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::run::Observer;
use crate::report::evidence::{EvidenceCheckJson, check_page};

/// Check a folder of `verify --evidence`: its files, its roots, and the database against both; or the proof of one row
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder, or a file of `evidence show --out`
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The root under which the row of such a file must be; the manifest has it
    #[arg(long, value_name = "HASH", value_parser = parse_root)]
    pub(crate) root: Option<Hash>,
    /// Check the files only, and connect nowhere
    #[arg(long)]
    pub(crate) offline: bool,
    /// Whose key is which, as ssh-keygen reads it: a name and a public key a line
    #[arg(long, value_name = "FILE", requires = "signer")]
    pub(crate) signers: Option<PathBuf>,
    /// Who must have signed the manifest
    #[arg(long, value_name = "NAME", requires = "signers")]
    pub(crate) signer: Option<String>,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

fn parse_root(text: &str) -> Result<Hash, String> {
    Hash::parse(text).ok_or_else(|| "a root has 64 digits, 0 to 9 and a to f".to_owned())
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    if let Some(list) = args.signers.as_ref().filter(|it| !it.is_file()) {
        return Err(format!("--signers {}: there is no such file; check the path", list.display()).into());
    }
    if args.folder.is_file() {
        if args.signers.is_some() {
            return Err("--signers is for a folder, whose manifest is signed; the proof of a row has --root".into());
        }
        return proof(args, context).await;
    }
    if args.root.is_some() {
        return Err("--root is for the proof of a row; the manifest of a folder has the roots itself".into());
    }
    let folder = args.folder.clone();
    let bundle = tokio::task::spawn_blocking(move || Bundle::open(&folder)).await??;
    let mut checks = Vec::new();
    let looked = bundle.clone();
    let wrong = tokio::task::spawn_blocking(move || looked.wrong_files()).await?;
    checks.push(evidence::files(&bundle.manifest, wrong));
    let signers = args.signers.as_deref().zip(args.signer.as_deref());
    checks.push(evidence::signature(&check_signature(&args.folder, signers).await?, args.signer.as_deref()));
    let looked = bundle.clone();
    let folded = tokio::task::spawn_blocking(move || looked.fold(None)).await?;
    let are_read = match (&bundle.manifest, folded) {
        (Ok(manifest), Ok(folded)) => {
            checks.push(evidence::accounting(manifest, &folded));
            checks.push(evidence::roots(manifest, &folded));
            true
        }
        (_, Err(error)) => {
            checks.push(Check::new("accounting", Status::Fail, error.to_string()));
            false
        }
        (Err(_), Ok(_)) => false,
    };
    let skipped = match (args.offline, &context.config.target, are_read) {
        (_, _, false) => {
            Some("the folder is not what it was, so there is nothing to compare the database with".to_owned())
        }
        (true, ..) => Some("--offline: the database was not compared".to_owned()),
        (_, None, _) => Some(format!(
            "no database is configured for {}, so none was compared; name one with --database-url",
            context.config.environment
        )),
        _ => None,
    };
    match skipped {
        None => checks.extend(against_database(context, &bundle).await?),
        Some(why) => {
            if let Ok(manifest) = &bundle.manifest {
                checks.push(evidence::scripts(manifest, PROGRAM, Some(bundle.other_than_texts(&TEXTS))));
            }
            checks.extend(evidence::WITH_DATABASE.map(|name| Check::new(name, Status::Skip, why.clone())));
        }
    }
    let (place, environment) = (args.folder.display().to_string(), context.config.environment);
    match args.format {
        Format::Text => context.printer.page(&check_page(&place, bundle.manifest.as_ref().ok(), &checks))?,
        Format::Json => {
            context.printer.json(&EvidenceCheckJson::new(
                &place,
                environment,
                bundle.manifest.as_ref().ok(),
                &checks,
            ))?;
        }
    }
    Ok(verdict(&checks))
}

/// Once the legacy table is gone, what is stored can be proved all the same.
fn without_table(error: EvidenceError, folder: &Path) -> Failure {
    match &error {
        EvidenceError::Verify(VerifyError::Source(SourceError::NoTable { .. })) => format!(
            "{}; if it was dropped on purpose, `psql -X -f {}` compares what is stored with the evidence",
            sentence(&error),
            folder.join("proof-without-legacy-table.sql").display()
        )
        .into(),
        _ => error.into(),
    }
}

/// Checks the proof of one row, which needs no database.
async fn proof(args: &Args, context: &Context) -> Ended {
    let (path, shown) = (args.folder.clone(), args.folder.display().to_string());
    let read = tokio::task::spawn_blocking(move || read_within(&path, LIMIT)).await?;
    let bytes = read.map_err(|error| format!("{shown} can't be read: {}", reason(&error, "it doesn't exist")))?;
    let read = match read_proof(&bytes) {
        Err(ProofFault::NoProof) => {
            return Err(format!("{shown} is not the proof of a row; name a file of `evidence show --out`").into());
        }
        Err(ProofFault::Wrong(why)) => Err(why),
        Ok(proof) => Ok(proof),
    };
    let checks = evidence::proof(read, args.root);
    match args.format {
        Format::Text => context.printer.page(&check_page(&shown, None, &checks))?,
        Format::Json => {
            context.printer.json(&EvidenceCheckJson::new(&shown, context.config.environment, None, &checks))?;
        }
    }
    Ok(verdict(&checks))
}

/// Takes evidence once more, and compares both.
async fn against_database(context: &Context, bundle: &Bundle) -> Result<Vec<Check>, Failure> {
    let own = Permissions::from_mode(0o700);
    let now = tempfile::Builder::new().permissions(own).prefix("pad-migrate-evidence.").tempdir()?;
    let (target, rows) = context.target_and_rows(AtOnce::fixed(2, 1)).await?;
    let environment = context.config.environment;
    let request = VerifyRequest { target: &target, source: rows.source(&context.config.legacy_table), environment };
    let mut screen = Screen::new(&context.printer, None)?;
    screen.begin("connecting");
    let facts = facts(context, &request, &rows).await?;
    let taken = take(&request, facts, now.path(), |progress| screen.progress(progress)).await;
    let (report, _) = taken.map_err(|error| without_table(error, &bundle.folder))?;
    let (kept, other) = (bundle.clone(), Bundle::open(now.path())?);
    let manifest = other.manifest.clone();
    let (changes, others) = tokio::task::spawn_blocking(move || {
        let mut others = kept.other_than_texts(&TEXTS);
        let written = kept.other_than(&other, &WRITTEN);
        compare(&kept, &other).map(|changes| {
            others.extend(written);
            (changes, others)
        })
    })
    .await??;
    let mut checks = evidence::rows(&changes);
    checks.push(evidence::verification(&report));
    if let (Ok(kept), Ok(now)) = (&bundle.manifest, &manifest) {
        checks.push(evidence::claims(kept, now));
        // What the scripts claim is of these rows.
        let is_same = checks.iter().all(|check| check.status == Status::Pass);
        checks.push(evidence::scripts(kept, PROGRAM, is_same.then_some(others)));
    }
    Ok(checks)
}
