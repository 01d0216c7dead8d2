//! Named checks of an environment, and what each found.

pub mod check;
pub mod doctor;
pub mod evidence;
pub mod examination;
pub mod expectations;
pub mod facts;
pub mod gate;
pub mod integrity;
pub(crate) mod needs;
pub mod part;
pub mod pg;
