//! DPDK's part of a run: started before the configuration is read, because that may name its ports; ended last.
#[cfg(feature = "dpdk")]
use crate::report::grouped;

/// DPDK, while it runs.
#[cfg(feature = "dpdk")]
pub(crate) struct Dpdk(Option<sluice_dataplane::io::dpdk::Eal>);

#[cfg(feature = "dpdk")]
impl Dpdk {
    /// Starts DPDK with the arguments of `--dpdk`, if there are any, and buffers for frames of up to `frame` bytes.
    /// `cores` are used unless they name others.
    pub(crate) fn start(arguments: Option<&str>, buffers: u32, frame: usize, cores: &[usize]) -> anyhow::Result<Dpdk> {
        let cores = crate::cores::choose(cores, &[]);
        let start = |a| sluice_dataplane::io::dpdk::Eal::start_for(a, buffers, frame, &cores);
        Ok(Dpdk(arguments.map(start).transpose().map_err(anyhow::Error::msg)?))
    }

    /// The cores that its arguments name.
    pub(crate) fn cores(&self) -> &[usize] {
        self.0.as_ref().map_or(&[], |eal| eal.cores())
    }

    /// Closes the ports and says whether every packet buffer came back; false if not. To be called when graphs and
    /// engine are gone: what they still had would count.
    pub(crate) fn end(self, quiet: bool) -> bool {
        let Some(eal) = self.0 else { return true };
        let left = eal.end();
        let (used, all) = (grouped(left.in_use as u64), grouped(left.count as u64));
        let known = left.in_use <= left.kept;
        match left.in_use {
            _ if known && quiet => {}
            0 => eprintln!("buffers: 0 of {all} in use"),
            _ if known => eprintln!(
                "buffers: {used} of {all} in use, as net_af_xdp forgets what is in its rings (up to {}) when it is closed",
                grouped(left.kept as u64)
            ),
            _ => eprintln!("buffers: {used} of {all} in use: SOMETHING KEPT THEM: please report this"),
        }
        known
    }
}

/// There is none in this program.
#[cfg(not(feature = "dpdk"))]
pub(crate) struct Dpdk;

#[cfg(not(feature = "dpdk"))]
impl Dpdk {
    pub(crate) fn start(
        arguments: Option<&str>,
        _buffers: u32,
        _frame: usize,
        _cores: &[usize],
    ) -> anyhow::Result<Dpdk> {
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
    pub(crate) fn end(self, _quiet: bool) -> bool {
        true
    }
}

#[cfg(all(test, not(feature = "dpdk")))]
mod tests {
    use super::Dpdk;

    #[test]
    fn a_program_without_dpdk_says_how_to_build_one_with_it() {
        assert!(Dpdk::start(None, 1, 64, &[]).is_ok_and(|d| d.cores().is_empty() && d.end(false)));
        let why = Dpdk::start(Some("--vdev net_null0"), 1, 64, &[]).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(why.contains("built without DPDK: build it with `make`, or with the feature dpdk"), "{why}");
    }
}
