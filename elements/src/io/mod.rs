//! Devices and files.
pub mod files;
pub mod summary;
