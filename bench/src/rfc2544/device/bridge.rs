//! A bridge of the kernel as a device.
use super::Device;
use super::links;
use crate::wire::net::Net;
use crate::wire::stop::Stop;

const NAME: &str = "bridge";

/// The bridge; it goes away with its namespace.
pub(super) struct Bridge {
    core: usize,
}

/// Makes it, over the far ends of the links; the kernel receives for it on `core`.
pub(super) fn start(net: &Net, core: usize) -> anyhow::Result<Bridge> {
    // With snooping it would send queries of its own.
    net.ip(&format!("link add {NAME} type bridge mcast_snooping 0"))?;
    for port in links::FAR {
        net.ip(&format!("link set {port} master {NAME}"))?;
        net.receive_on(port, Some(core))?;
    }
    net.ip(&format!("link set {NAME} up"))?;
    Ok(Bridge { core })
}

impl Device for Bridge {
    fn check(&mut self) -> Result<(), String> {
        Ok(())
    }
    fn facts(&self) -> Vec<(String, String)> {
        vec![("bridge".into(), format!("of the kernel, which receives for it on core {} (RPS)", self.core))]
    }
    fn end(self: Box<Self>, _: &Stop) -> anyhow::Result<()> {
        Ok(())
    }
}
