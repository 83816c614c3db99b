//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<switching::discard::Discard>(),
    Class::of::<control::script::DriverManager>(),
    #[cfg(feature = "std")]
    Class::of::<io::from_device::FromDevice>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    #[cfg(feature = "std")]
    Class::of::<io::kernel_tun::KernelTun>(),
    Class::of::<switching::null::Null>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<control::script::Script>(),
    Class::of::<switching::tee::Tee>(),
    #[cfg(feature = "std")]
    Class::of::<io::to_device::ToDevice>(),
    Class::of::<queues::unqueue::Unqueue>(),
];
