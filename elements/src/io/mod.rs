//! Devices and files.
pub mod files;
