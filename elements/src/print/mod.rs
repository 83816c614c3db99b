//! Showing packets to people.
