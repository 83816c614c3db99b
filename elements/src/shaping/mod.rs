//! Limiting and measuring rates.
pub mod bandwidth_meter;
pub mod bandwidth_rated_splitter;
pub mod bandwidth_shaper;
mod bucket;
pub mod delay_shaper;
pub(crate) mod ewma;
mod gap;
pub(crate) mod limit;
pub mod meter;
pub mod rated_splitter;
pub mod shaper;

pub(crate) use bucket::TokenBucket;
