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

/// Takes the devices with these PCI addresses from their drivers: all or none. Who has them now, as it is shown.
///
/// The addresses are in the order of the names that the kernel gave the interfaces. If one is not taken, the kernel gets
/// all of them again in that order, and each gets the name that it had: the kernel gives the first name that is free.
///
/// # Errors
/// None of the drivers takes one of them; the kernel has them all again.
pub fn take(addresses: &[String]) -> Result<&'static str, String> {
    let _ = fs::write("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "1"); // a kernel without it has uio
    let mut why = String::from("the kernel has neither vfio-pci nor uio_pci_generic");
    for (driver, shown) in DRIVERS {
        if !Path::new("/sys/bus/pci/drivers").join(driver).exists() {
            continue;
        }
        let one = |a: &String| bind(a, driver).map_err(|e| format!("{driver} does not take {a}: {e}"));
        match addresses.iter().try_for_each(one) {
            Ok(()) => return Ok(shown),
            Err(e) => why = e,
        }
    }
    give_back(addresses);
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

/// The drivers that they had before have them again: none is asked before all are free, so that names are given in order.
pub fn give_back(addresses: &[String]) {
    // Each of these may fail because it is so already.
    for address in addresses {
        let device = Path::new(DEVICES).join(address);
        let _ = fs::write(device.join("driver_override"), "\n");
        let _ = fs::write(device.join("driver/unbind"), address);
    }
    for address in addresses {
        let _ = fs::write("/sys/bus/pci/drivers_probe", address);
    }
}
