//! One row, with everything that is known of it.

use std::collections::HashSet;

use crate::migration::evidence::one_row::OneRow;
use crate::migration::pg::evidence::records::for_each_rejection;
use crate::migration::pg::legacy::rows_with;
use crate::migration::pg::plain_page::read_plain_page;
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::verify::stored_rows::{PageReader, both_pages};
use crate::migration::pg::verify::{Begun, Opened, VerifyRequest, Wants, begin};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::verification::{Wanted, judge};

/// Reads and verifies one row.
pub(crate) async fn verify_one(request: &VerifyRequest<'_>, id: i64) -> Result<OneRow, VerifyError> {
    let Begun { mut target, server_version, examined, .. } = begin(request, Wants::Rows).await?;
    let mut rows = match examined.opened {
        Opened::Table { mut from, source, .. } => {
            let mut rows = read_plain_page(&mut from, &source, id.checked_sub(1), 1).await?.rows;
            rows.retain(|(found, _)| *found == id);
            let _ = from.close().await;
            rows
        }
        Opened::Csv(csv) => rows_with(&csv, HashSet::from([id])).await?.into_iter().collect(),
    };
    let mut reader = PageReader::new(Wanted { accounting: false, evidence: true });
    let only = Rows::Only(vec![id]);
    let page = both_pages(&mut target, &mut reader, &only, &mut rows).await?;
    let mut rejected = Vec::new();
    for_each_rejection(&mut target, &only, |reason| {
        rejected.push(reason);
        Ok(())
    })
    .await?;
    let _ = target.close().await;
    let row = page.rows.first().map(|(_, row)| row.clone());
    let stored = page.stored.first().map(|(_, stored)| stored.clone());
    let (mut entry, mut differences) = (None, Vec::new());
    for (_, judged) in judge(page) {
        differences.extend(judged.differences.iter().cloned());
        entry = entry.or(judged.entry);
    }
    Ok(OneRow { server_version, row, stored, entry, differences, rejected })
}
