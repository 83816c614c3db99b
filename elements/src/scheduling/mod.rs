//! Schedulers: one pull output, several pull inputs.
