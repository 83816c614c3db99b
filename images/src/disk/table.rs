//! The first sector: GRUB's code, and a partition table with one entry.
//!
//! This table and not GPT, because UEFI reads it just as well (UEFI 2.10, section 5.2), a BIOS finds an active partition
//! in it, and it needs no copy at the end, which lies wrong once a cloud has made the disk larger.
use super::{SECTOR, START};
use anyhow::{Context as _, Result};

/// "EFI system partition", UEFI 2.10, section 5.2.2.
const TYPE_EFI: u8 = 0xef;
/// What a BIOS takes for the partition to boot from.
const ACTIVE: u8 = 0x80;
/// Cylinder, head and sector of what lies beyond these.
const NO_CHS: [u8; 3] = [0xfe, 0xff, 0xff];

/// The sector. `boot` is GRUB's `boot.img`, whose defaults load what begins in sector 1 of the drive it came from.
pub(super) fn boot_record(boot: &[u8], sectors: u64, signature: u32) -> Result<[u8; SECTOR as usize]> {
    let mut record = [0; SECTOR as usize];
    record[..440].copy_from_slice(boot.get(..440).context("GRUB's boot.img is too short")?);
    record[440..444].copy_from_slice(&signature.to_le_bytes());
    let entry = &mut record[446..462];
    entry[0] = ACTIVE;
    entry[1..4].copy_from_slice(&NO_CHS);
    entry[4] = TYPE_EFI;
    entry[5..8].copy_from_slice(&NO_CHS);
    entry[8..12].copy_from_slice(&((START / SECTOR) as u32).to_le_bytes());
    entry[12..16].copy_from_slice(&u32::try_from(sectors).context("the partition is too large")?.to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    Ok(record)
}
