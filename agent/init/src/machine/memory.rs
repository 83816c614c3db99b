//! How much memory there is, and what of it becomes huge pages and packet buffers.
use std::fs;

/// Bytes of a huge page.
const HUGE: u64 = 2 << 20;
const MIB: u64 = 1 << 20;
/// What the kernel and the program take beside packets, bytes: measured in a machine of 64 MiB.
const OTHERS: u64 = 20 * MIB;
/// Bytes of a packet buffer with its header.
const BUFFER: u64 = 2432;
const POOL: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";

/// A line of `/proc/meminfo`, bytes.
fn meminfo(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Bytes that a program could take now.
pub fn available() -> u64 {
    meminfo("MemAvailable")
}

/// MiB of huge pages that fit beside everything else: a quarter of what is there, 8 to 256; nothing if that is too much.
pub fn fitting(available: u64) -> Option<u32> {
    let room = available.saturating_sub(OTHERS) / MIB;
    let wanted = (available / 4 / MIB).clamp(8, 256).min(room) & !1;
    (wanted >= 8).then_some(wanted as u32)
}

/// Reserves huge pages, and mounts their file system. How many MiB there are now.
///
/// # Errors
/// There are fewer than wanted; what there was is given back.
pub fn reserve(mib: u32) -> Result<u32, String> {
    let pages = u64::from(mib) * MIB / HUGE;
    let number = format!("{POOL}/nr_hugepages");
    fs::write(&number, pages.to_string()).map_err(|e| format!("the kernel reserves no huge pages: {e}"))?;
    let got = fs::read_to_string(&number).ok().and_then(|t| t.trim().parse::<u64>().ok()).unwrap_or(0);
    if got < pages {
        release();
        let free = available() / MIB;
        return Err(format!(
            "{pages} huge pages of 2 MiB are wanted, {got} could be had with {free} MiB of memory free"
        ));
    }
    super::mounts::one("/dev/hugepages", "hugetlbfs", super::mounts::SAFE, "mode=0700").inspect_err(|_| release())?;
    Ok(mib)
}

/// Gives them back.
pub fn release() {
    let _ = fs::write(format!("{POOL}/nr_hugepages"), "0"); // then they stay
}

/// Packet buffers for that many MiB of huge pages: three quarters of them, for drivers have rings, too.
pub fn buffers_in_huge_pages(mib: u32) -> u64 {
    (u64::from(mib) * MIB * 3 / 4 / BUFFER).clamp(1024, 65_536)
}

/// Packet buffers for so many available bytes without huge pages: an eighth of them.
pub fn buffers(available: u64) -> u64 {
    (available / 8 / BUFFER).clamp(1024, 65_536)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_leave_room_for_the_program_and_small_machines_have_none() {
        assert_eq!(fitting(24 * MIB), None);
        assert_eq!(fitting(30 * MIB), Some(8));
        assert_eq!(fitting(100 * MIB), Some(24));
        assert_eq!(fitting(8 << 30), Some(256));
    }

    #[test]
    fn buffers_fit_into_the_memory_that_there_is() {
        assert_eq!(buffers(20 * MIB), 1077);
        assert_eq!(buffers(64 << 30), 65_536);
        assert!(buffers_in_huge_pages(16) * BUFFER < 16 * MIB * 3 / 4 + BUFFER);
    }
}
