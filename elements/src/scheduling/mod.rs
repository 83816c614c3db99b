//! Choosing which input to pull from.
pub mod prio_sched;
pub mod round_robin_sched;
pub mod stride_sched;
pub mod time_sorted_sched;
