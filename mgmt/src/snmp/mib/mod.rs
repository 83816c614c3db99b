//! The management information: what is read of the VNF, what is changed of it, and what is told of it.
//!
//! `mibs/SLUICE-MIB` describes our own part; the rest is of SNMPv2-MIB (RFC 3418) and IF-MIB (RFC 2863).
