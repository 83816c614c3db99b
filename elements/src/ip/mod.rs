//! IPv4 headers (RFC 791, RFC 1812).
