//! Takes network devices from the kernel, so that DPDK's driver can have them.
//!
//! There is no IOMMU in a small virtual machine: vfio without one, or uio. Either way the program is root and could reach all
//! memory of the machine by the device's DMA; but the program is all there is on it.
use std::fs;
use std::path::Path;

/// Kernel drivers that give a device to a program, the better one first: with what interrupts it can wait for.
const DRIVERS: [(&str, &str); 2] =
    [("vfio-pci", "dpdk (vfio-pci, no IOMMU)"), ("uio_pci_generic", "dpdk (uio_pci_generic)")];
const DEVICES: &str = "/sys/bus/pci/devices";

/// Takes the device with this PCI address from its driver. Who has it now, as it is shown.
///
/// # Errors
/// None of the drivers takes it; the kernel has it again.
pub fn take(address: &str) -> Result<&'static str, String> {
    let _ = fs::write("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "1"); // a kernel without it has uio
    let mut why = String::from("the kernel has neither vfio-pci nor uio_pci_generic");
    for (driver, shown) in DRIVERS {
        if !Path::new("/sys/bus/pci/drivers").join(driver).exists() {
            continue;
        }
        match bind(address, driver) {
            Ok(()) => return Ok(shown),
            Err(e) => why = format!("{driver} does not take {address}: {e}"),
        }
    }
    give_back(address);
    Err(why)
}

fn bind(address: &str, driver: &str) -> Result<(), String> {
    let device = Path::new(DEVICES).join(address);
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(|e| e.to_string());
    write(&device.join("driver_override"), driver)?;
    if device.join("driver").exists() {
        write(&device.join("driver/unbind"), address)?;
    }
    write(Path::new("/sys/bus/pci/drivers_probe"), address)?;
    let has = fs::read_link(device.join("driver")).ok();
    match has.as_deref().and_then(Path::file_name).and_then(|n| n.to_str()) {
        Some(name) if name == driver => Ok(()),
        other => Err(format!("{} has it", other.unwrap_or("nobody"))),
    }
}

/// The driver that it had before has it again.
pub fn give_back(address: &str) {
    let device = Path::new(DEVICES).join(address);
    // Each may fail because it is so already.
    let _ = fs::write(device.join("driver_override"), "\n");
    let _ = fs::write(device.join("driver/unbind"), address);
    let _ = fs::write("/sys/bus/pci/drivers_probe", address);
}
