//! Adding, removing and checking bytes, and annotations about them.
pub mod align;
pub mod check_average_length;
pub mod check_crc32;
pub mod check_length;
pub mod crc;
pub mod pad;
pub mod set_anno_byte;
pub mod set_crc32;
pub mod set_packet_type;
pub mod set_timestamp;
pub mod set_timestamp_delta;
pub mod strip;
pub mod strip_to_network_header;
pub mod time_filter;
pub mod time_range;
pub mod truncate;
pub mod unstrip;
