//! The transform alone, on generated rows in memory: `scripts/bench transform`.

#[path = "../it/generate/pure.rs"]
mod pure;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use pad_migrate::harness::generate::Generator;
use pad_migrate::harness::generate::page::page;
use pad_migrate::migration::legacy::LegacyRow;
use pad_migrate::migration::reconstruct::reconstruct;
use pad_migrate::migration::transform::transform;

/// Counts allocations.
#[global_allocator]
static COUNTED: AllocProfiler = AllocProfiler::system();

/// Rows of one measured pass, in pages as workers get them: more than the caches of a core hold.
const ROWS: u64 = 5000;
const PAGE_ROWS: u64 = 500;

fn main() {
    divan::main();
}

fn rows() -> Vec<(i64, LegacyRow)> {
    let generator = Generator { rows: ROWS, seed: 1 };
    let of_page = |first: u64| page((first..first + PAGE_ROWS).map(|index| generator.row(index)));
    (0..ROWS).step_by(PAGE_ROWS as usize).flat_map(of_page).collect()
}

#[divan::bench]
fn transform_rows(bencher: Bencher<'_, '_>) {
    let (rows, lookups) = (rows(), pure::lookups());
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| rows.iter().filter(|(id, row)| transform(*id, row, lookups).is_ok()).count());
}

/// Rows that are migrated, without those that are rejected with sentences.
#[divan::bench]
fn transform_good_rows(bencher: Bencher<'_, '_>) {
    let (mut rows, lookups) = (rows(), pure::lookups());
    rows.retain(|(id, row)| transform(*id, row, lookups).is_ok());
    bencher
        .counter(ItemsCount::new(rows.len()))
        .bench_local(|| rows.iter().filter(|(id, row)| transform(*id, row, lookups).is_ok()).count());
}

#[divan::bench]
fn reconstruct_rows(bencher: Bencher<'_, '_>) {
    let rows = rows();
    let unknown = rows[0].1.names();
    let stored: Vec<_> = rows.iter().filter_map(|(id, row)| transform(*id, row, pure::lookups()).ok()).collect();
    bencher
        .counter(ItemsCount::new(stored.len()))
        .bench_local(|| stored.iter().map(|it| reconstruct(it, unknown).names().len()).sum::<usize>());
}
