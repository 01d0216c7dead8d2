//! `evidence legacy-view`.

use crate::base::outcome::Verdict;
use crate::commands::context::{AtOnce, Context};
use crate::commands::csv::LegacyRows;
use crate::commands::ended::Ended;
use crate::migration::pg::evidence::proofs::{VIEW, describe};
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::proof::view::legacy_view;
use crate::postgres::database::Access;

/// Print the legacy table as a view over padealing, for reports that read it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, context: &Context) -> Ended {
    let (target, rows) = context.target_and_rows(AtOnce::fixed(1, 1)).await?;
    let environment = context.config.environment;
    let request = VerifyRequest { target: &target, source: rows.source(&context.config.legacy_table), environment };
    let is_beside = context.config.source.is_none() && matches!(rows, LegacyRows::Database(_));
    let mut session = target.connect(Access::Read, "evidence").await?;
    let described = describe(&request, is_beside, &mut session).await;
    let _ = session.close().await;
    context.printer.document(&legacy_view(&described?.columns, VIEW))?;
    Ok(Verdict::Clean)
}
