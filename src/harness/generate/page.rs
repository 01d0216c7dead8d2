//! Generated rows as the source's reader holds them, without a database.

use std::sync::{Arc, LazyLock};

use crate::harness::generate::GeneratedRow;
use crate::harness::generate::columns::UNKNOWN;
use crate::migration::legacy::{Field, LegacyColumn, LegacyRow, Places, RowsOfPage};

/// Rows of one page, each with its id: their texts are in one piece, as those of a page that was read.
pub fn page<'a>(rows: impl IntoIterator<Item = GeneratedRow<'a>>) -> Vec<(i64, LegacyRow)> {
    static PLACES: LazyLock<Places> = LazyLock::new(|| {
        let known = LegacyColumn::ALL.iter().map(|it| it.name());
        let names: Vec<Arc<str>> = known.chain(UNKNOWN.iter().map(|it| it.name)).map(Arc::from).collect();
        Places::of(names.iter())
    });
    let rows = rows.into_iter();
    let mut page = RowsOfPage::of(&PLACES, rows.size_hint().0);
    let (mut cell_text, mut text, mut fields) = (String::new(), String::new(), Vec::new());
    let mut add = |row: GeneratedRow<'_>| {
        text.clear();
        fields.clear();
        row.cells(&mut cell_text, |cell| {
            let Some(cell) = cell else { return fields.push(Field::NULL) };
            text.push_str(cell);
            fields.push(Field::new(text.len() - cell.len(), text.len()));
        });
        (row.id, page.add(&text, fields.iter().copied()))
    };
    let added: Vec<_> = rows.map(&mut add).collect();
    let finished = page.finish();
    added.into_iter().map(|(id, row)| (id, finished(row))).collect()
}
