//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<classify::classifier::Classifier>(),
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<switching::discard::Discard>(),
    Class::of::<classify::ip_classifier::IPClassifier>(),
    Class::of::<classify::ip_filter::IPFilter>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    Class::of::<switching::null::Null>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<switching::tee::Tee>(),
    Class::of::<queues::unqueue::Unqueue>(),
];
