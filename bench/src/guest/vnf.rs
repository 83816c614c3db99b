//! A guest that runs an image of Sluice with a function, and its EMS.
use super::settings::System;
use super::{Guest, Host, LONG, Resources, accelerator};
use crate::dpdk::Folder;
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result, ensure};
use sluice_images::digest;
use sluice_images::manifest::{self, Manifest};
use sluice_images::qemu::nic::Backend;
use sluice_images::qemu::{Boot, FwCfg, Kind, Machine, Nic};
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

/// What the console says once at each boot.
const BOOTED: &str = "EMS: http";
/// Between two questions.
const EVERY: std::time::Duration = std::time::Duration::from_millis(50);

/// An image that was built.
pub(crate) struct Image {
    /// Where its files are.
    pub(crate) folder: PathBuf,
    /// What they are.
    pub(crate) manifest: Manifest,
}

impl Image {
    /// The image of a recipe, or, where there is a `/` in the name, in this folder.
    ///
    /// # Errors
    /// There is none, or its files are not those of its manifest: the command that builds it.
    pub(crate) fn open(name: &str) -> Result<Image> {
        let folder = if name.contains('/') { name.into() } else { super::target().join("images").join(name) };
        let make = || format!("the image ‘{name}’ cannot be used (make image IMAGES={name} builds it)");
        let (manifest, folder) = Manifest::read(&folder).with_context(make)?;
        Ok(Image { folder, manifest })
    }

    /// Bytes of one of its files.
    ///
    /// # Errors
    /// It has no such file.
    pub(crate) fn size(&self, file: &str) -> Result<f64> {
        Ok(self.manifest.files.get(file).with_context(|| format!("it has no {file}"))?.size as f64)
    }

    /// Whether its EMS has TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.manifest.features.iter().flatten().any(|f| f == "tls")
    }

    /// Its kernel for such a machine, and its initramfs.
    pub(crate) fn boot(&self, kind: Kind) -> (PathBuf, PathBuf) {
        let kernel = if kind == Kind::Microvm { "vmlinux" } else { "bzImage" };
        (self.folder.join(kernel), self.folder.join("initramfs"))
    }

    /// What it is, for reports.
    ///
    /// # Errors
    /// Its manifest cannot be read.
    pub(crate) fn system(&self, accelerator_because: &str) -> Result<System> {
        let Manifest { recipe, version, kernel, .. } = &self.manifest;
        Ok(System {
            name: format!("image {recipe}, Sluice {version}"),
            kernel: kernel.clone(),
            digest: Some(digest::of_file(&self.folder.join(manifest::NAME))?),
            accelerator_because: accelerator_because.into(),
        })
    }
}

/// What is started.
pub(crate) struct Plan<'a> {
    /// The image.
    pub(crate) image: &'a Image,
    /// The function; `$A` and `$B` are the data ports in their order.
    pub(crate) function: &'a str,
    /// Its parameters: `NAME=VALUE`.
    pub(crate) parameters: &'a [String],
    /// The data ports. Management comes before them, by QEMU's own network.
    pub(crate) ports: Vec<Nic>,
    /// QEMU ends when the guest starts again.
    pub(crate) once: bool,
    /// What it is given.
    pub(crate) resources: Resources,
}

/// The guest, and how its EMS is asked.
pub(crate) struct Vnf {
    /// The machine.
    pub(crate) guest: Guest,
    url: String,
    net: Option<String>,
    function: String,
    /// How often it was put in place.
    puts: u32,
}

impl Plan<'_> {
    /// Starts it, and waits until the EMS says that the function runs.
    ///
    /// # Errors
    /// QEMU is not there, or the guest does not become ready.
    pub(crate) fn start(self, host: Host<'_>, stop: &Stop) -> Result<Vnf> {
        let folder = Folder::new()?;
        let file = |name: &str, text: &str| -> Result<(String, FwCfg)> {
            let path = folder.path().join(name);
            fs::write(&path, text)?;
            Ok((format!("opt/org.sluice/{name}"), FwCfg::File(path)))
        };
        let token = token()?;
        let tokens =
            format!("[[token]]\nname = 'bench'\nrole = 'admin'\nsha256 = '{}'\n", digest::of(token.as_bytes()));
        let fw_cfg = vec![file("function.click", self.function)?, file("tokens.toml", &tokens)?];
        fs::write(folder.path().join("token"), format!("Authorization: Bearer {token}\n"))?;
        let (kernel, initramfs) = self.image.boot(Kind::Pc);
        let parameters: String = self.parameters.iter().map(|p| format!(" \"sluice.param.{p}\"")).collect();
        let command_line = format!("{}{parameters}", self.image.manifest.command_line);
        let boot = Boot::Kernel { kernel, initramfs, command_line };
        let (accelerator, why) = accelerator(self.resources.accelerator);
        let mut machine = Machine::new(Kind::Pc, accelerator, self.resources.memory, boot);
        let free = || Ok::<_, anyhow::Error>(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        let port = match host.net {
            Some(net) => {
                net.ip("link set lo up")?;
                net.within(free)??
            }
            None => free()?,
        };
        let (scheme, inside) = if self.image.has_tls() { ("https", 8443) } else { ("http", 8080) };
        machine.nics = vec![Nic { backend: Backend::User { forward: vec![(port, inside)] }, mac: None }];
        machine.nics.extend(self.ports);
        (machine.cpus, machine.fw_cfg, machine.once) = (self.resources.cpus, fw_cfg, self.once);
        let guest = Guest::start(machine, self.image.system(why)?, folder, host, stop)?;
        let url = format!("{scheme}://127.0.0.1:{port}");
        let net = host.net.map(|n| n.name().to_string());
        let mut vnf = Vnf { guest, url, net, function: self.function.into(), puts: 0 };
        vnf.ready(stop)?;
        Ok(vnf)
    }
}

impl Vnf {
    /// Waits until the EMS says that the function runs.
    ///
    /// # Errors
    /// The guest has ended, or it takes too long.
    pub(crate) fn ready(&mut self, stop: &Stop) -> Result<()> {
        let mut last = String::new();
        let waited = stop.wait(LONG, "the guest's EMS to say that it is ready", || {
            self.guest.check()?;
            let (status, body) = self.ask("/readyz", &[])?;
            if status != 0 {
                last = format!("{status} {body}");
            }
            if status != 200 {
                std::thread::sleep(EVERY);
            }
            Ok(status == 200)
        });
        waited.with_context(|| format!("the EMS said at last: {last:?}"))
    }

    /// Asks the EMS something; what is asked is its JSON.
    ///
    /// # Errors
    /// It refuses.
    pub(crate) fn get(&self, path: &str) -> Result<serde_json::Value> {
        let (status, body) = self.ask(path, &[])?;
        ensure!(status == 200, "the EMS answers {status} to GET {path}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Puts the same function in the place of what runs (PUT): a graph of the same work, as frames pass.
    ///
    /// # Errors
    /// The EMS refuses it.
    pub(crate) fn swap(&mut self) -> Result<()> {
        self.puts += 1;
        // The text that runs would be no change.
        let text = format!("{}\n// {}\n", self.function, self.puts);
        let file = self.guest.folder.path().join("put.click");
        fs::write(&file, text)?;
        let file = format!("@{}", file.display());
        let (status, body) = self.ask("/v1/functions/main", &["-X", "PUT", "--data-binary", &file])?;
        ensure!(status == 200, "the EMS answers {status} to a new function: {body}");
        Ok(())
    }

    /// Has the VNF's process killed, and waits until the one that is started in its place is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub(crate) fn kill(&mut self, stop: &Stop) -> Result<()> {
        let restarts = |system: &serde_json::Value| system["restarts"].as_u64();
        let before = restarts(&self.get("/v1/system")?);
        self.guest.kill_processes()?;
        stop.wait(LONG, "the VNF's process to be started again", || {
            self.guest.check()?;
            let (status, body) = self.ask("/v1/system", &[])?;
            let system = if status == 200 { serde_json::from_str(&body)? } else { serde_json::Value::Null };
            Ok(restarts(&system) > before)
        })?;
        self.ready(stop)
    }

    /// Starts the machine again, and waits until the function runs.
    ///
    /// # Errors
    /// It does not become ready.
    pub(crate) fn restart(&mut self, stop: &Stop) -> Result<()> {
        let boots = |said: &str| said.matches(BOOTED).count();
        let before = boots(&self.guest.said());
        self.guest.reset()?;
        self.guest.until(stop, "the guest's next boot", |said| boots(said) > before)?;
        self.ready(stop)
    }

    /// The status of an answer, 0 without one, and its body.
    fn ask(&self, path: &str, arguments: &[&str]) -> Result<(u16, String)> {
        let mut command = match &self.net {
            Some(net) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", net, "curl"]);
                command
            }
            None => Command::new("curl"),
        };
        let token = format!("@{}", self.guest.folder.path().join("token").display());
        // Its certificate is of its own making.
        command.args(["-sk", "--max-time", "30", "-w", "\n%{http_code}", "-H", "Expect:", "-H", &token]);
        let out = command.args(arguments).arg(format!("{}{path}", self.url)).output().context("cannot run curl")?;
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        let (body, status) = out.rsplit_once('\n').unwrap_or(("", "0"));
        Ok((status.parse().unwrap_or(0), body.into()))
    }
}

/// A token of this guest's EMS.
fn token() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("sluice_{}", digest::of(&bytes)))
}
