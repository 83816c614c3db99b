//! Rates: shapers, splitters, meters.
