//! The paint annotation.
