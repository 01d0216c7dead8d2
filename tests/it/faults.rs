//! Whatever fails, wherever: a write happens whole or not at all.
//!
//! The messages of a run that nothing disturbs are counted once (`ground`); then the same run is disturbed at one of them
//! (`strike`), and the laws are asked what they find (`laws`). The suite takes a sample, which `PAD_SEED` chooses;
//! `scripts/faults` goes on for hours (`disturbed`). `subject` has the commands;
//! `beside` what others do meanwhile, `lacking` what there is too little of.

mod beside;
mod disturbed;
mod ground;
mod lacking;
mod laws;
mod run;
mod strike;
mod subject;
