//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<switching::discard::Discard>(),
    #[cfg(feature = "std")]
    Class::of::<io::from_dump::FromDump>(),
    #[cfg(feature = "std")]
    Class::of::<io::from_ip_summary_dump::FromIPSummaryDump>(),
    Class::of::<print::ip_print::IPPrint>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    Class::of::<switching::null::Null>(),
    Class::of::<print::print::Print>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<switching::tee::Tee>(),
    #[cfg(feature = "std")]
    Class::of::<io::to_dump::ToDump>(),
    #[cfg(feature = "std")]
    Class::of::<io::to_ip_summary_dump::ToIPSummaryDump>(),
    Class::of::<queues::unqueue::Unqueue>(),
];
