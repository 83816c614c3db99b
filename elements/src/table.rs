//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<control::address_info::AddressInfo>(),
    Class::of::<control::alignment_info::AlignmentInfo>(),
    Class::of::<control::annotation_info::AnnotationInfo>(),
    #[cfg(feature = "std")]
    Class::of::<control::control_socket::ControlSocket>(),
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<switching::discard::Discard>(),
    Class::of::<control::script::DriverManager>(),
    Class::of::<control::error::Error>(),
    #[cfg(feature = "std")]
    Class::of::<io::from_device::FromDevice>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    #[cfg(feature = "std")]
    Class::of::<io::kernel_tun::KernelTun>(),
    Class::of::<control::message::Message>(),
    Class::of::<switching::null::Null>(),
    Class::of::<control::poke_handlers::PokeHandlers>(),
    Class::of::<control::port_info::PortInfo>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<control::schedule_info::ScheduleInfo>(),
    Class::of::<control::script::Script>(),
    Class::of::<control::static_thread_sched::StaticThreadSched>(),
    Class::of::<switching::tee::Tee>(),
    #[cfg(feature = "std")]
    Class::of::<io::to_device::ToDevice>(),
    Class::of::<queues::unqueue::Unqueue>(),
];
