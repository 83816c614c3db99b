//! Network interfaces: all are virtio's; what is behind them differs.
//!
//! As `--nic` takes them:
//!
//! ```text
//! user[,ems=PORT][,forward=HOST:GUEST]...   QEMU's own network; PORT of the host's loopback leads to the EMS
//! stream,path=FILE[,server]                 frames over a UNIX stream socket
//! dgram,local=FILE,remote=FILE              frames as datagrams between UNIX sockets
//! socket,connect=HOST:PORT                  frames over TCP; or listen=HOST:PORT
//! tap,ifname=NAME                           an interface of the host that is there
//! vhost-user,path=FILE[,server]             a switch of the host, by shared memory
//! ```
//!
//! All take `mac=ADDRESS`.
use super::arguments::{escape, path};
use anyhow::{Context as _, Result, bail, ensure};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The port of the EMS in the guest.
pub const EMS_PORT: u16 = 8443;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// What is behind it.
    pub backend: Backend,
    /// Its Ethernet address; by default `52:54:00:53:4c:NN`, NN its place in the machine.
    pub mac: Option<Mac>,
}

/// What is behind an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// QEMU's own network, with DHCP, and ports of the host's loopback that lead into the guest: (host, guest), TCP.
    User {
        /// Ports of the host and of the guest.
        forward: Vec<(u16, u16)>,
    },
    /// Frames over a UNIX stream socket, each after its length.
    Stream {
        /// The socket.
        path: PathBuf,
        /// QEMU makes it and listens.
        server: bool,
    },
    /// Frames as datagrams between two UNIX sockets.
    Dgram {
        /// QEMU's own.
        local: PathBuf,
        /// The other end's.
        remote: PathBuf,
    },
    /// Frames over TCP.
    Socket {
        /// `HOST:PORT`.
        address: String,
        /// QEMU listens there.
        listen: bool,
    },
    /// An interface of the host.
    Tap {
        /// Its name.
        name: String,
    },
    /// A switch of the host that shares the guest's memory.
    VhostUser {
        /// Its socket.
        path: PathBuf,
        /// QEMU makes it and listens; it waits for the switch then.
        server: bool,
    },
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of the interface at `index` if it was given none: of a kind that QEMU uses, the same at each start.
    pub fn of(index: usize) -> Self {
        Self([0x52, 0x54, 0x00, 0x53, 0x4c, index as u8])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let byte = |part: &str| match part.len() {
            2 => u8::from_str_radix(part, 16).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let mac = bytes.and_then(|b| <[u8; 6]>::try_from(b).ok());
        let mac = mac.with_context(|| format!("{text:?} is no Ethernet address, like 52:54:00:12:34:56"))?;
        ensure!(mac[0] & 1 == 0, "{text} is the address of a group, not of an interface");
        Ok(Self(mac))
    }
}

impl FromStr for Nic {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl Nic {
    /// An interface as `--nic` takes it.
    ///
    /// # Errors
    /// It is none; the message says what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = text.split(',');
        let kind = words.next().unwrap_or_default();
        let mut options = Options(words.map(|w| w.split_once('=').unwrap_or((w, ""))).collect());
        let mac = options.take("mac").map(str::parse).transpose()?;
        let backend = match kind {
            "user" => {
                let mut forward = Vec::new();
                if let Some(port) = options.take("ems") {
                    forward.push((port_of(port)?, EMS_PORT));
                }
                while let Some(ports) = options.take("forward") {
                    let (host, guest) = ports.split_once(':').context("want forward=HOST:GUEST, two ports")?;
                    forward.push((port_of(host)?, port_of(guest)?));
                }
                Backend::User { forward }
            }
            "stream" => {
                Backend::Stream { path: options.need("path")?.into(), server: options.take("server").is_some() }
            }
            "dgram" => Backend::Dgram { local: options.need("local")?.into(), remote: options.need("remote")?.into() },
            "socket" => match (options.take("connect"), options.take("listen")) {
                (Some(address), None) => Backend::Socket { address: address.into(), listen: false },
                (None, Some(address)) => Backend::Socket { address: address.into(), listen: true },
                _ => bail!("want connect=HOST:PORT or listen=HOST:PORT, one of them"),
            },
            "tap" => Backend::Tap { name: options.need("ifname")?.into() },
            "vhost-user" => {
                Backend::VhostUser { path: options.need("path")?.into(), server: options.take("server").is_some() }
            }
            _ => bail!("{kind:?} is no network: there are user, stream, dgram, socket, tap and vhost-user"),
        };
        match options.0.first() {
            Some((name, _)) => bail!("{kind} does not take {name:?}"),
            None => Ok(Self { backend, mac }),
        }
    }

    /// Its options of QEMU, as the interface at `index`.
    pub(super) fn arguments(&self, index: usize, device: &str) -> Vec<(&'static str, String)> {
        let id = format!("id=net{index}");
        let listening = |server: bool| if server { "on" } else { "off" };
        let mut out = Vec::new();
        let netdev = match &self.backend {
            Backend::User { forward } => {
                let forward: String = forward.iter().map(|(h, g)| format!(",hostfwd=tcp:127.0.0.1:{h}-:{g}")).collect();
                format!("user,{id}{forward}")
            }
            Backend::Stream { path: file, server } => {
                format!("stream,{id},server={},addr.type=unix,addr.path={}", listening(*server), path(file))
            }
            Backend::Dgram { local, remote } => format!(
                "dgram,{id},local.type=unix,local.path={},remote.type=unix,remote.path={}",
                path(local),
                path(remote)
            ),
            Backend::Socket { address, listen } => {
                format!("socket,{id},{}={}", if *listen { "listen" } else { "connect" }, escape(address))
            }
            Backend::Tap { name } => format!("tap,{id},ifname={},script=no,downscript=no", escape(name)),
            Backend::VhostUser { path: file, server } => {
                let server = if *server { ",server=on" } else { "" };
                out.push(("-chardev", format!("socket,id=vhost{index},path={}{server}", path(file))));
                format!("vhost-user,{id},chardev=vhost{index}")
            }
        };
        out.push(("-netdev", netdev));
        let mac = self.mac.unwrap_or(Mac::of(index));
        out.push(("-device", format!("{device},netdev=net{index},mac={mac}")));
        out
    }
}

/// `name=value` or `name`, those that nobody has taken yet.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(n, _)| *n == name)?;
        Some(self.0.remove(at).1)
    }

    fn need(&mut self, name: &str) -> Result<&'a str> {
        self.take(name).filter(|v| !v.is_empty()).with_context(|| format!("want {name}=..."))
    }
}

fn port_of(text: &str) -> Result<u16> {
    text.parse().ok().filter(|p| *p != 0).with_context(|| format!("{text:?} is no port: want 1 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn netdev(text: &str) -> String {
        let all = Nic::parse(text).unwrap().arguments(1, "device");
        all.into_iter().find(|(n, _)| *n == "-netdev").unwrap().1
    }

    #[test]
    fn every_kind_of_network_is_told_to_qemu_in_its_words() {
        for (text, wanted) in [
            ("user", "user,id=net1"),
            (
                "user,ems=9000,forward=22:2222",
                "user,id=net1,hostfwd=tcp:127.0.0.1:9000-:8443,hostfwd=tcp:127.0.0.1:22-:2222",
            ),
            ("stream,path=/s", "stream,id=net1,server=off,addr.type=unix,addr.path=/s"),
            ("stream,path=/s,server", "stream,id=net1,server=on,addr.type=unix,addr.path=/s"),
            ("dgram,local=/a,remote=/b", "dgram,id=net1,local.type=unix,local.path=/a,remote.type=unix,remote.path=/b"),
            ("socket,listen=127.0.0.1:1", "socket,id=net1,listen=127.0.0.1:1"),
            ("socket,connect=:1", "socket,id=net1,connect=:1"),
            ("tap,ifname=t0", "tap,id=net1,ifname=t0,script=no,downscript=no"),
            ("vhost-user,path=/v", "vhost-user,id=net1,chardev=vhost1"),
        ] {
            assert_eq!(netdev(text), wanted);
        }
    }

    #[test]
    fn the_chardev_of_vhost_user_comes_before_what_uses_it() {
        let all = Nic::parse("vhost-user,path=/v,server").unwrap().arguments(0, "device");
        assert_eq!(all[0], ("-chardev", "socket,id=vhost0,path=/v,server=on".into()));
    }

    #[test]
    fn an_interface_has_an_address_that_stays() {
        let device = |text: &str| Nic::parse(text).unwrap().arguments(3, "device").pop().unwrap().1;
        assert_eq!(device("user"), "device,netdev=net3,mac=52:54:00:53:4c:03");
        assert_eq!(device("user,mac=02:00:00:00:00:AB"), "device,netdev=net3,mac=02:00:00:00:00:ab");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("bridge", "there are user,"),
            ("tap", "want ifname="),
            ("tap,ifname=", "want ifname="),
            ("user,fast", "user does not take \"fast\""),
            ("user,ems=0", "is no port"),
            ("user,forward=80", "two ports"),
            ("user,mac=1:2", "no Ethernet address"),
            ("user,mac=01:00:00:00:00:00", "of a group"),
            ("socket,connect=a,listen=b", "one of them"),
        ] {
            let refusal = Nic::parse(text).unwrap_err().to_string();
            assert!(refusal.contains(says), "{text}: {refusal}");
        }
    }
}
