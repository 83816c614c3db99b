//! Choosing an output by what a packet says: patterns and filter expressions.
