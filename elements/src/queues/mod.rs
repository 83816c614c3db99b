//! Where push meets pull: queues, and the tasks that empty them.
pub mod bandwidth_rated_unqueue;
pub mod burster;
pub mod delay_unqueue;
pub mod queue;
pub mod rated_unqueue;
pub mod simple_queue;
pub mod timed_unqueue;
pub mod unqueue;
