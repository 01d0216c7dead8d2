//! `backup`.

use std::path::PathBuf;

use crate::base::outcome::Verdict;
use crate::commands::context::{BACKUP_AT_ONCE, Context};
use crate::commands::ended::Ended;
use crate::commands::global::Format;
use crate::report::backup::{BackupJson, backup_page};
use crate::schema::backup::manifest_path;
use crate::schema::pg::backup::{BackupFiles, backup};

/// Back up the managed tables with pg_dump, and read the backup back in full before it counts
///
/// Reads the database only. Beside FILE, FILE.manifest.json gets what is known of it: rows and checksums of each table,
/// sequences, the catalog, SHA-256. Neither has its name before all of it is good.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write, in pg_dump's custom format
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?.for_sessions(BACKUP_AT_ONCE);
    let files = BackupFiles::create(&args.out)?;
    let name = args.out.display().to_string();
    if !files.has_manifest() {
        let what =
            format!("--out {name} is no regular file, and the manifest has no place beside it; name another file");
        return Err(what.into());
    }
    let Some(done) = backup(&context.backup_request(&target), files).await? else {
        let place = target.place();
        return Err(format!("there is nothing to back up: no table of padealing is there at {place}").into());
    };
    let beside = manifest_path(&args.out);
    context.printer.done(format!("the backup {name} is complete, and its manifest is beside it"));
    match args.format {
        Format::Text => {
            let page = backup_page(&done, &name, &beside.display().to_string());
            context.printer.page(&page)?;
        }
        Format::Json => {
            let environment = context.config.environment;
            context.printer.json(&BackupJson::new(&done, environment, &args.out, &beside))?;
        }
    }
    Ok(Verdict::Clean)
}
