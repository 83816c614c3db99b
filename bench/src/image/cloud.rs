//! Debian's kernel for clouds with the program of an image: a shell loads its modules and then starts that.
use crate::guest::debian::Debian;
use crate::guest::target;
use crate::guest::vnf::Image;
use anyhow::Result;
use std::fs;
use std::path::PathBuf;

/// The kernel, and an initramfs that loads its modules and then starts the image's program.
pub(super) struct Cloud {
    pub(super) kernel: PathBuf,
    pub(super) initramfs: PathBuf,
    /// Bytes of the kernel alone.
    pub(super) size: u64,
}

impl Cloud {
    /// Fetches what is not there, and puts the initramfs together.
    pub(super) fn get(image: &Image) -> Result<Cloud> {
        let debian = Debian::get()?;
        // Linux unpacks one archive after the other.
        let mut all = debian.tree("start", &[], "exec /init\n")?.archive()?;
        all.resize(all.len().next_multiple_of(512), 0);
        all.extend(fs::read(image.folder.join("initramfs"))?);
        let initramfs = target().join("cloud-kernel/initramfs");
        fs::write(&initramfs, all)?;
        Ok(Cloud { size: fs::metadata(&debian.kernel)?.len(), kernel: debian.kernel, initramfs })
    }
}
