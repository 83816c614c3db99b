//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<classify::classifier::Classifier>(),
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<lookup::direct_ip_lookup::DirectIPLookup>(),
    Class::of::<switching::discard::Discard>(),
    Class::of::<classify::ip_classifier::IPClassifier>(),
    Class::of::<classify::ip_filter::IPFilter>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    Class::of::<lookup::linear_ip_lookup::LinearIPLookup>(),
    Class::of::<switching::null::Null>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<lookup::radix_ip_lookup::RadixIPLookup>(),
    Class::of::<lookup::range_ip_lookup::RangeIPLookup>(),
    Class::of::<lookup::static_ip_lookup::StaticIPLookup>(),
    Class::of::<switching::tee::Tee>(),
    Class::of::<queues::unqueue::Unqueue>(),
];
