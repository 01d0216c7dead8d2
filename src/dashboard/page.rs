//! The pages as HTML that needs no script. Pure.

pub(crate) mod frame;
pub(crate) mod legacy;
pub(crate) mod lists;
pub(crate) mod overview;
pub(crate) mod parts;
pub(crate) mod problem;
pub(crate) mod reference;
pub(crate) mod rejections;
pub(crate) mod request;
pub(crate) mod requests;
pub(crate) mod results;
pub(crate) mod values;
