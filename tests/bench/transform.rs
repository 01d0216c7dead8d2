//! The transform alone, on generated rows in memory: `scripts/bench transform`.

#[path = "../it/generate/pure.rs"]
mod pure;

use divan::Bencher;
use divan::counter::ItemsCount;
use pad_migrate::harness::generate::Generator;
use pad_migrate::migration::legacy::LegacyRow;
use pad_migrate::migration::reconstruct::reconstruct;
use pad_migrate::migration::transform::transform;

/// Rows of one measured pass: more than the caches of a core hold.
const ROWS: u64 = 5000;

fn main() {
    divan::main();
}

fn rows() -> Vec<(i64, LegacyRow)> {
    let generator = Generator { rows: ROWS, seed: 1 };
    (0..ROWS).map(|index| (generator.id(index), pure::legacy_row(&generator.row(index)))).collect()
}

#[divan::bench]
fn transform_rows(bencher: Bencher<'_, '_>) {
    let (rows, lookups) = (rows(), pure::lookups());
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| rows.iter().filter(|(id, row)| transform(*id, row, lookups).is_ok()).count());
}

#[divan::bench]
fn reconstruct_rows(bencher: Bencher<'_, '_>) {
    let rows = rows();
    let unknown = rows[0].1.unknown.names();
    let stored: Vec<_> = rows.iter().filter_map(|(id, row)| transform(*id, row, pure::lookups()).ok()).collect();
    bencher
        .counter(ItemsCount::new(stored.len()))
        .bench_local(|| stored.iter().map(|it| reconstruct(it, unknown).unknown.len()).sum::<usize>());
}
