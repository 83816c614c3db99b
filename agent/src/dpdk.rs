//! DPDK's part of a run: started before the configuration is read, because that may name its ports; ended last.
/// DPDK, while it runs.
#[cfg(feature = "dpdk")]
pub(crate) struct Dpdk(Option<sluice_dataplane::io::dpdk::Eal>);

#[cfg(feature = "dpdk")]
impl Dpdk {
    /// Starts DPDK with the arguments of `--dpdk`, if there are any. `cores` are used unless they name others.
    pub(crate) fn start(arguments: Option<&str>, buffers: u32, cores: &[usize]) -> anyhow::Result<Dpdk> {
        let cores = crate::cores::choose(cores, &[]);
        let start = |a| sluice_dataplane::io::dpdk::Eal::start(a, buffers, &cores);
        Ok(Dpdk(arguments.map(start).transpose().map_err(anyhow::Error::msg)?))
    }

    /// The cores that its arguments name.
    pub(crate) fn cores(&self) -> &[usize] {
        self.0.as_ref().map_or(&[], |eal| eal.cores())
    }
}

/// There is none in this program.
#[cfg(not(feature = "dpdk"))]
pub(crate) struct Dpdk;

#[cfg(not(feature = "dpdk"))]
impl Dpdk {
    pub(crate) fn start(arguments: Option<&str>, _buffers: u32, _cores: &[usize]) -> anyhow::Result<Dpdk> {
        match arguments {
            None => Ok(Dpdk),
            Some(_) => anyhow::bail!(
                "--dpdk: this program was built without DPDK: build it with `make`, or with the feature dpdk"
            ),
        }
    }
    pub(crate) fn cores(&self) -> &[usize] {
        &[]
    }
}
