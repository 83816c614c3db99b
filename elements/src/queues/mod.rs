//! Where push meets pull: queues, and the tasks that empty them.
pub mod queue;
pub mod unqueue;
