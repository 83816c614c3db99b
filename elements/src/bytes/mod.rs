//! Adding, removing and checking bytes, and annotations about them.
