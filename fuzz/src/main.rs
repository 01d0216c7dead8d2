//! The targets of `tests/it/fuzz/targets` under libFuzzer. The variable `PAD_FUZZ_TARGET` chooses one; `scripts/fuzz`
//! builds and runs them.

#![no_main]

use std::sync::OnceLock;

// Of the tests' own files, the one that the targets use, by the same path.
#[path = "../../tests/it/generate"]
mod generate {
    pub(crate) mod pure;
}

#[path = "../../tests/it/fuzz/targets/mod.rs"]
mod targets;

fn target() -> targets::Target {
    let name = std::env::var("PAD_FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(it, _)| *it == name);
    found.unwrap_or_else(|| panic!("PAD_FUZZ_TARGET must be one of {:?}", targets::TARGETS.map(|it| it.0))).1
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<targets::Target> = OnceLock::new();
    TARGET.get_or_init(target)(data);
});
