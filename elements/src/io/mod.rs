//! Devices and files.
