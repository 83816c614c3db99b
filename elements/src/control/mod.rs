//! Scripts, the driver, control sockets, and names for addresses.
pub mod address_info;
pub mod alignment_info;
pub mod annotation_info;
#[cfg(feature = "std")]
pub mod control_socket;
pub mod error;
pub mod message;
pub mod poke_handlers;
pub mod port_info;
pub mod schedule_info;
pub mod script;
pub mod static_thread_sched;
