//! Segmentation, receive merging and transmit checksum offloads of an interface: switched off, and put back.
//!
//! With them on, frames reach a packet socket as super-frames with checksums not filled in. Features are addressed by the
//! names that `ethtool -k` shows, because their bit numbers differ between kernels. Source: `linux/ethtool.h`.
use super::{interface, raw};
use std::io;
use std::os::fd::AsFd;

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
const ETHTOOL_SFEATURES: u32 = 0x3b;
const ETH_SS_FEATURES: u32 = 4;
const NAME_LEN: usize = 32;

/// Beginnings of the kernel's feature names that change frames between the wire and a packet socket.
const CONCERNED: [&str; 10] = [
    "rx-gro",
    "rx-lro",
    "tx-checksum-",
    "tx-generic-segmentation",
    "tx-gre",
    "tx-gso",
    "tx-ipxip",
    "tx-sctp",
    "tx-tcp",
    "tx-udp",
];

/// One feature of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The kernel's name for it, such as `tx-tcp-segmentation`.
    pub name: String,
    /// It can be switched.
    pub available: bool,
    /// It was asked for: what to put back.
    pub requested: bool,
    /// It is on.
    pub active: bool,
}

/// All features of the interface called `name`, in the kernel's order.
///
/// # Errors
/// [`interface::InterfaceError`] inside, or `EOPNOTSUPP` for an interface without this control.
pub fn features(name: &str) -> io::Result<Vec<Feature>> {
    // The mask in the middle has 64 bits.
    let mask = 1 << ETH_SS_FEATURES;
    let [first, second] = if cfg!(target_endian = "little") { [mask, 0] } else { [0, mask] };
    let mut info = [ETHTOOL_GSSET_INFO, 0, first, second, 0];
    ethtool(name, &mut info)?;
    let [.., count] = info;
    let count = count.min(1024) as usize;

    let mut strings = vec![0_u32; 3 + count * NAME_LEN / 4];
    strings[..3].copy_from_slice(&[ETHTOOL_GSTRINGS, ETH_SS_FEATURES, count as u32]);
    ethtool(name, &mut strings)?;
    let text: Vec<u8> = strings[3..].iter().flat_map(|word| word.to_ne_bytes()).collect();

    let blocks = count.div_ceil(32);
    let mut state = vec![0_u32; 2 + blocks * 4];
    state[..2].copy_from_slice(&[ETHTOOL_GFEATURES, blocks as u32]);
    ethtool(name, &mut state)?;

    let bit = |number: usize, field: usize| {
        state.get(2 + number / 32 * 4 + field).is_some_and(|word| word >> (number % 32) & 1 != 0)
    };
    Ok(text
        .chunks_exact(NAME_LEN)
        .enumerate()
        .map(|(number, name)| Feature {
            name: name.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect(),
            available: bit(number, 0),
            requested: bit(number, 1),
            active: bit(number, 2),
        })
        .collect())
}

/// Whether the interface called `name` is a device on a bus, rather than made by software.
///
/// # Errors
/// As [`features`].
pub fn is_physical(name: &str) -> io::Result<bool> {
    // `struct ethtool_drvinfo`: the command; driver, version, firmware and bus, 32 bytes each; 64 bytes more.
    const BUS: usize = 1 + 3 * 8;
    let mut info = [0; 49];
    info[0] = ETHTOOL_GDRVINFO;
    ethtool(name, &mut info)?;
    Ok(info[BUS].to_ne_bytes()[0] != 0)
}

/// Asks for features on or off: `wanted` says for each feature of [`features`], by its place, `None` to leave it.
fn request(name: &str, wanted: &[Option<bool>]) -> io::Result<()> {
    let blocks = wanted.len().div_ceil(32);
    let mut command = vec![0_u32; 2 + blocks * 2];
    command[..2].copy_from_slice(&[ETHTOOL_SFEATURES, blocks as u32]);
    for (block, features) in command[2..].chunks_exact_mut(2).zip(wanted.chunks(32)) {
        for (number, feature) in features.iter().enumerate() {
            if let Some(on) = feature {
                block[0] |= 1 << number;
                block[1] |= u32::from(*on) << number;
            }
        }
    }
    ethtool(name, &mut command)
}

/// One ethtool command; `command` starts with its number and is as large as its fields say.
fn ethtool(name: &str, command: &mut [u32]) -> io::Result<()> {
    let mut request = raw::interface_request(&interface::c_name(name)?)?;
    request.ifr_ifru.ifru_data = command.as_mut_ptr().cast();
    let socket = interface::control_socket()?;
    // SAFETY: SIOCETHTOOL follows `ifru_data` to the command. The commands of this file read and write what their counts
    // say, and every count written above is that of the buffer: `command` is borrowed exclusively until the call returns.
    // A feature set that grew between two calls cannot overrun it: the kernel goes by our counts for features, and the
    // number of feature names is fixed for a running kernel.
    unsafe { raw::interface_ioctl(socket.as_fd(), libc::SIOCETHTOOL as libc::Ioctl, &mut request) }
        .map_err(|error| interface::explain(name, error))
}

/// Holds an interface's offloads off; dropping it puts them back as they were asked for before.
#[derive(Debug)]
pub struct OffloadGuard {
    name: String,
    /// What was asked for, by the feature's place; `None` for those left alone.
    before: Vec<Option<bool>>,
}

impl OffloadGuard {
    /// Switches off segmentation (TSO, GSO, USO), receive merging (GRO, LRO) and transmit checksums on the interface called
    /// `name`. Features that the driver has fixed stay.
    ///
    /// # Errors
    /// As [`features`], and [`interface::InterfaceError::Forbidden`].
    pub fn switch_off(name: &str) -> io::Result<Self> {
        let before: Vec<Option<bool>> = features(name)?
            .into_iter()
            .map(|feature| {
                let concerned = CONCERNED.iter().any(|start| feature.name.starts_with(start));
                (concerned && feature.available && feature.requested).then_some(true)
            })
            .collect();
        let off: Vec<Option<bool>> = before.iter().map(|on| on.map(|_| false)).collect();
        request(name, &off)?;
        Ok(Self { name: name.to_owned(), before })
    }

    /// Puts the offloads back now, and says if that failed.
    pub fn restore(mut self) -> io::Result<()> {
        self.put_back()
    }

    fn put_back(&mut self) -> io::Result<()> {
        let before = std::mem::take(&mut self.before);
        if before.iter().all(Option::is_none) { Ok(()) } else { request(&self.name, &before) }
    }
}

impl Drop for OffloadGuard {
    fn drop(&mut self) {
        // An interface that is gone has nothing to put back, and there is nobody to tell.
        let _ = self.put_back();
    }
}
