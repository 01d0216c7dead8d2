//! `evidence show`.

use std::path::PathBuf;

use crate::base::outcome::Verdict;
use crate::commands::context::{AtOnce, Context, beside_result, finish};
use crate::commands::ended::{Ended, Failure};
use crate::commands::global::Format;
use crate::commands::screen::Screen;
use crate::migration::accounting::State;
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::evidence::one_row::OneRow;
use crate::migration::evidence::proof_of_row::proof_of;
use crate::migration::pg::evidence::bundle::Bundle;
use crate::migration::pg::evidence::take::{Leading, lead_to};
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::pg::verify::one::verify_one;
use crate::migration::run::Observer;
use crate::report::evidence::show::{Shown, ShownJson};

/// Show a legacy row, what it became and by which decisions, and what leads from it to the root of all rows
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The legacy row's id
    #[arg(value_name = "ID", allow_negative_numbers = true)]
    pub(crate) id: i64,
    /// Take the path to the root from this folder of `verify --evidence`; without it every row is verified for the path
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Write the proof of the row to a file, for `evidence check FILE` and check-row.sh
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let file = beside_result("--out", args.out.as_deref())?;
    let bundle = match args.from.clone() {
        Some(folder) => Some(tokio::task::spawn_blocking(move || Bundle::open(&folder)).await??),
        None => None,
    };
    let id = args.id;
    let (target, rows) = context.target_and_rows(AtOnce::fixed(2, 1)).await?;
    let environment = context.config.environment;
    let request = VerifyRequest { target: &target, source: rows.source(&context.config.legacy_table), environment };
    let mut screen = Screen::new(&context.printer, None)?;
    screen.begin("reading the row");
    let one = verify_one(&request, id).await?;
    let Some(entry) = one.entry else { return Err(absent(id, &one, rows.place())) };
    let leading = match bundle {
        Some(bundle) => tokio::task::spawn_blocking(move || bundle.lead_to(id)).await??,
        None => lead_to(&request, id, |progress| screen.progress(progress)).await?,
    };
    let Some(Leading { entry: kept, reasons, path, root }) = leading else {
        return Err(format!("no line of rows.txt has the id {id}; the row came after the evidence was written").into());
    };
    let changed = differs((&kept, &reasons), (&entry, &one.rejected));
    if let Some(mut file) = file {
        if let Some(what) = changed {
            let path = file.path().display();
            return Err(
                format!("{path} was not written: {what} is not what it was when the evidence was written").into()
            );
        }
        let proof = one.row.as_ref().map(|row| proof_of(&entry, row, &one.rejected, &path, root)).unwrap_or_default();
        file.write_bytes(&proof)?;
        finish(file).await?;
    }
    let databases = context.between(&target, &rows);
    let shown = Shown { id, one: &one, entry: &entry, path: &path, root, changed };
    match args.format {
        Format::Text => context.printer.page(&shown.page(&databases))?,
        Format::Json => context.printer.json(&ShownJson::new(&shown, &databases))?,
    }
    Ok(Verdict::clean_if(one.differences.is_empty() && changed.is_none()))
}

/// What of a row isn't what it was.
fn differs((kept, reasons): (&Entry, &[Rejected]), (now, today): (&Entry, &[Rejected])) -> Option<&'static str> {
    if kept.source != now.source {
        return Some("the legacy row");
    }
    let is_rejected = kept.state() == State::Rejected && now.state() == State::Rejected;
    if is_rejected && reasons != today {
        return Some("why it is rejected, as it is on record,");
    }
    (kept.with_reasons(&[]).fate != now.with_reasons(&[]).fate).then_some("what became of it")
}

fn absent(id: i64, one: &OneRow, place: String) -> Failure {
    let lineage = match one.differences.is_empty() {
        true => "",
        false => "; lineage names it, so it was there once",
    };
    format!("no legacy row of {place} has the id {id}, or several have{lineage}; correct the id").into()
}
