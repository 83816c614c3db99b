//! Where push meets pull: queues, and the tasks that empty them.
pub mod bandwidth_rated_unqueue;
pub mod burster;
pub mod delay_unqueue;
pub mod front_drop_queue;
pub mod link_unqueue;
pub mod mixed_queue;
pub mod notifier_queue;
pub mod queue;
pub mod rated_unqueue;
pub mod simple_queue;
pub mod timed_unqueue;
pub mod unqueue;
