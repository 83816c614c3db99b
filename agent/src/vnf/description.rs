//! `vnf.toml`: who a VNF is, what it runs, on which ports, and how it is managed.
use crate::programs::{Spec, fails_open};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use sluice_mgmt::agent::{AGENT, Agent};
use sluice_mgmt::settings::Settings;
use sluice_mgmt::thresholds::Limits;
use sluice_mgmt::vnf::{Configuration, Identity, MAIN};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// A VNF's description. Paths are relative to the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Description {
    /// Who it is.
    pub(crate) vnf: Identity,
    /// What it runs.
    pub(crate) function: Function,
    /// What it runs, if the structural agent is before it: several functions, or none.
    pub(crate) functions: Vec<Member>,
    /// Which packets go to which of them, or on to other VNFs.
    pub(crate) agent: Option<Agent>,
    /// Where packets enter and leave it.
    #[serde(rename = "port")]
    pub(crate) ports: Vec<Port>,
    /// On what it runs.
    pub(crate) run: Run,
    /// How it is managed.
    pub(crate) ems: Settings,
    /// What raises an alarm.
    pub(crate) thresholds: Limits,
    /// Where revisions of the function are kept; `none` keeps them in memory only.
    pub(crate) revisions: Option<PathBuf>,
    /// The file in which the first process of a virtual machine tells how things are, if it wrote this.
    pub(crate) boot: Option<PathBuf>,
}

/// The table `[function]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Function {
    /// The configuration's file.
    pub(crate) file: PathBuf,
    /// Values of its parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The files that it opens lie beneath this folder; `files` if not said.
    pub(crate) folder: PathBuf,
    /// It may open files elsewhere, and listen. What comes through the EMS never may.
    pub(crate) trusted: bool,
}

/// A table `[[functions]]`: one of several functions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// Its name: letters, digits and `_`.
    pub(crate) name: String,
    /// What runs it.
    #[serde(default)]
    pub(crate) framework: Framework,
    /// Its text's file: a Click configuration, or what a WebAssembly module is configured with.
    #[serde(default)]
    pub(crate) file: PathBuf,
    /// Values of its parameters.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    /// What becomes of its packets while it does not run: they are dropped, or as its program says, if this does not.
    #[serde(default)]
    fail: Option<Fail>,
    /// It knows NSH: it sees whole frames, and takes the service index down itself.
    #[serde(default)]
    pub(crate) aware: bool,
    /// The program, for the framework `external`.
    #[serde(default)]
    pub(crate) program: Option<Spec>,
    /// Ports that its outputs 1, 2 and so on lead to, for packets that it sends itself.
    #[serde(default)]
    pub(crate) outputs: Vec<String>,
}

impl Member {
    /// Packets pass by it while it does not run; otherwise they are dropped.
    pub(crate) fn fails_open(&self) -> bool {
        match self.fail {
            Some(fail) => fail == Fail::Open,
            None => self.program.as_ref().is_some_and(fails_open),
        }
    }
}

/// What runs a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Framework {
    /// A Click graph.
    #[default]
    Click,
    /// A WebAssembly module.
    Wasm,
    /// A program of its own.
    External,
}

impl Framework {
    /// As the EMS names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Framework::Click => "click",
            Framework::Wasm => "wasm",
            Framework::External => "external",
        }
    }
}

/// What becomes of the packets of a function that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fail {
    /// They are dropped.
    Closed,
    /// They pass by it.
    Open,
}

/// Who moves a port's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// DPDK.
    Accelerated,
    /// The kernel's packet sockets.
    Direct,
}

/// A table `[[port]]`: it gives the function's parameters `NAME`, `NAME_ADDR` and `NAME_MAC` their values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Port {
    /// Name of the parameter: `A`.
    pub(crate) name: String,
    /// What it is called outside: `eth0`, or the name of a port of DPDK.
    pub(crate) device: String,
    /// Who moves its frames, where the structural agent is before the functions; all ports have the same.
    #[serde(default)]
    pub(crate) access: Option<Access>,
    /// What DPDK calls the device, if the kernel gave it up: elements that name the device get this port.
    #[serde(default)]
    pub(crate) dpdk: Option<String>,
    /// The function's address there, with the length of its network's prefix: `10.0.1.1/24`.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// The function's Ethernet address there.
    #[serde(default)]
    pub(crate) mac: Option<String>,
}

/// The table `[run]`: what the options of `sluice run` of the same names say, which win.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) dpdk: Option<String>,
    pub(crate) cores: Option<String>,
    pub(crate) burst: Option<u8>,
    pub(crate) buffers: Option<u32>,
    pub(crate) busy: bool,
}

impl Description {
    /// Whether a file is a description, by its name.
    pub(crate) fn is(file: &Path) -> bool {
        file.extension().is_some_and(|e| e == "toml")
    }

    /// Reads a description; its paths are whole then.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Description> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let mut d: Description = toml::from_str(&text).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))?;
        match (d.function.file.as_os_str().is_empty(), d.has_agent()) {
            (true, false) => {
                bail!("{}: [function] names no file, and there are neither [[functions]] nor [agent]", file.display())
            }
            (false, true) => {
                bail!("{}: [function] is alone: it goes with neither [[functions]] nor [agent]", file.display())
            }
            _ => d.check_members().with_context(|| file.display().to_string())?,
        }
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let whole = |path: &mut PathBuf| *path = folder.join(&*path);
        whole(&mut d.function.file);
        d.functions.iter_mut().filter(|f| !f.file.as_os_str().is_empty()).for_each(|f| whole(&mut f.file));
        if d.function.folder.as_os_str().is_empty() {
            d.function.folder = "files".into();
        }
        whole(&mut d.function.folder);
        let revisions = d.revisions.get_or_insert_with(|| "revisions".into());
        if revisions.as_os_str() == "none" {
            d.revisions = None
        } else {
            whole(revisions)
        }
        if let Some(boot) = &mut d.boot {
            whole(boot);
        }
        d.ems.folder.get_or_insert_with(|| "ems".into());
        for path in d.ems.paths() {
            whole(path);
        }
        if d.vnf.id.is_empty() {
            bail!("{}: [vnf] has no id: give it a UUID, so that a manager knows it again", file.display());
        }
        d.thresholds.check().map_err(|e| anyhow::anyhow!("{}: [thresholds]: {e}", file.display()))?;
        let known = |n: &str| d.ports.iter().filter(|p| p.name == n).count() > 1;
        if let Some(twice) = d.ports.iter().find(|p| known(&p.name)) {
            bail!("{}: two ports are called ‘{}’", file.display(), twice.name);
        }
        Ok(d)
    }

    /// Whether the structural agent is before its functions.
    pub(crate) fn has_agent(&self) -> bool {
        !self.functions.is_empty() || self.agent.is_some()
    }

    /// Whether several functions fit together.
    fn check_members(&self) -> anyhow::Result<()> {
        let word = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        for (n, f) in self.functions.iter().enumerate() {
            let name = &f.name;
            if !word(name) || name.starts_with(|c: char| c.is_ascii_digit()) || [AGENT, MAIN].contains(&name.as_str()) {
                bail!("[[functions]] cannot be called ‘{name}’: letters, digits and _, neither agent nor main");
            }
            if self.functions[..n].iter().any(|other| other.name == *name) {
                bail!("two functions are called ‘{name}’");
            }
            if self.ports.iter().any(|p| p.name == *name) {
                bail!("a port and a function are called ‘{name}’");
            }
            if (f.framework == Framework::External) != f.program.is_some() {
                bail!("function ‘{name}’: [functions.program] belongs to the framework external, and to it alone");
            }
            if f.framework == Framework::Click && f.file.as_os_str().is_empty() {
                bail!("function ‘{name}’ names no file");
            }
        }
        if let (false, Some(p)) = (!self.has_agent(), self.ports.iter().find(|p| !word(&p.name))) {
            bail!("a port cannot be called ‘{}’: letters, digits and _", p.name);
        }
        let wanted = |a| self.ports.iter().any(|p| p.access == Some(a));
        if wanted(Access::Accelerated) && self.ports.iter().any(|p| p.access != Some(Access::Accelerated)) {
            bail!("ports are accelerated or direct, all of them: CE02 and CE03 exclude each other");
        }
        Ok(())
    }

    /// What of it counts at the start only: without what functions are.
    pub(crate) fn fixed(&self) -> Description {
        let mut d = self.clone();
        (d.function.file, d.function.parameters) = Default::default();
        d.agent = d.agent.map(|_| Agent::default());
        for f in &mut d.functions {
            (f.file, f.parameters) = Default::default();
        }
        d
    }

    /// The devices that the kernel gave up, and what DPDK calls them.
    pub(crate) fn given_up(&self) -> HashMap<String, String> {
        self.ports.iter().filter_map(|p| Some((p.device.clone(), p.dpdk.clone()?))).collect()
    }

    /// What its file says that it is to run.
    pub(crate) fn configuration(&self, text: String) -> Configuration {
        self.with_ports(text, &self.function.parameters)
    }

    /// What its file says of one of several functions.
    pub(crate) fn member(&self, of: &Member) -> anyhow::Result<Configuration> {
        let text = match of.file.as_os_str().is_empty() {
            true => String::new(),
            false => std::fs::read_to_string(&of.file).with_context(|| of.file.display().to_string())?,
        };
        Ok(Configuration { confined: true, ..self.with_ports(text, &of.parameters) })
    }

    fn with_ports(&self, text: String, parameters: &BTreeMap<String, String>) -> Configuration {
        let mut parameters = parameters.clone();
        for p in &self.ports {
            parameters.insert(p.name.clone(), p.device.clone());
            let more = [("ADDR", &p.address), ("MAC", &p.mac)];
            parameters.extend(more.into_iter().filter_map(|(n, v)| Some((format!("{}_{n}", p.name), v.clone()?))));
        }
        Configuration { text, parameters, confined: !self.function.trusted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Description> {
        let file = std::env::temp_dir().join(format!("sluice-description-{}.toml", rustix::thread::gettid()));
        std::fs::write(&file, text)?;
        let read = Description::read(&file);
        std::fs::remove_file(&file)?;
        read
    }

    #[test]
    fn ports_give_parameters_their_values_and_paths_are_those_of_the_file() {
        let text = "[vnf]\nid = '1'\nname = 'edge'\n[function]\nfile = 'router.click'\n[function.parameters]\nMTU = '1400'\n\
                    [[port]]\nname = 'A'\ndevice = 'eth0'\naddress = '10.0.1.1/24'\n[[port]]\nname = 'B'\ndevice = 'eth1'\n";
        let d = read(text).unwrap();
        assert_eq!(d.function.file, std::env::temp_dir().join("router.click"));
        assert_eq!(d.revisions, Some(std::env::temp_dir().join("revisions")));
        let got = d.configuration("x".into());
        let wanted = [("A", "eth0"), ("A_ADDR", "10.0.1.1/24"), ("B", "eth1"), ("MTU", "1400")];
        assert_eq!(got.parameters, wanted.into_iter().map(|(n, v)| (n.into(), v.into())).collect());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let why = |text: &str| format!("{:#}", read(text).unwrap_err());
        assert!(why("[vnf]\nid = '1'\nnmae = 'x'\n").contains("line 3"));
        assert!(why("[vnf]\nid = '1'\n").contains("names no file"));
        assert!(why("[function]\nfile = 'a'\n").contains("no id"));
        let twice =
            "[vnf]\nid='1'\n[function]\nfile='a'\n[[port]]\nname='A'\ndevice='x'\n[[port]]\nname='A'\ndevice='y'\n";
        assert!(why(twice).contains("two ports are called ‘A’"));
    }
}
