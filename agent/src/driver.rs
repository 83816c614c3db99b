//! From a configuration file to a graph on a worker. Nothing is opened before the whole
//! configuration was found good, and nothing runs before everything was opened.
use crate::services;
use anyhow::{Context as _, bail};
use sluice_dataplane::args::{EtherAddr, NameDb, Named, split_args, unquote_text};
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::context::Stream;
use sluice_dataplane::element::{Class, Table};
use sluice_dataplane::files;
use sluice_dataplane::graph::Plan;
use sluice_dataplane::graph::plan::{Builder, Checked};
use sluice_dataplane::io::open::{Opener, Stand};
use sluice_dataplane::lang::{Diagnostic, Flat, Library, Loader, Parsed, Reader, render_native};
use sluice_dataplane::port::{Direction, Seat};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Buffers of the pool. Memory is taken as packets are, so a large number costs nothing.
pub(crate) const BUFFERS: usize = 65_536;

/// A configuration's text and where it came from.
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) file: String,
}

impl Source {
    /// Reads a file; `-` is standard input.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Source> {
        let file = path.display().to_string();
        let mut bytes = Vec::new();
        if file == "-" {
            std::io::stdin().read_to_end(&mut bytes).context("standard input")?;
        } else {
            bytes = std::fs::read(path).with_context(|| file.clone())?;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Source { text, file: if file == "-" { "<stdin>".into() } else { file } })
    }
}

/// Finds the files of `require(library NAME)`: beside the file that asks, then in these folders.
struct Libraries<'a>(&'a str);

impl Loader for Libraries<'_> {
    fn load(&mut self, name: &str, from: &str) -> Result<Option<Library>, String> {
        let beside = Path::new(from).parent().map(PathBuf::from).unwrap_or_default();
        let folders = std::iter::once(beside).chain(self.0.split(':').filter(|f| !f.is_empty()).map(PathBuf::from));
        for path in folders.flat_map(|f| [f.join(name), f.join(format!("{name}.click"))]) {
            if path.is_file() {
                let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                return Ok(Some(Library { path: path.display().to_string(), text }));
            }
        }
        Ok(None)
    }
}

/// All element classes of this program.
pub(crate) fn classes() -> Table {
    static ALL: OnceLock<Table> = OnceLock::new();
    *ALL.get_or_init(|| {
        let more: &[&[Class]] = &[
            #[cfg(feature = "external")]
            sluice_external::CLASSES,
            #[cfg(feature = "wasm")]
            sluice_wasm::CLASSES,
        ];
        let mut all = [sluice_elements::TABLE.0, &more.concat()].concat();
        all.sort_by_key(|c| c.name);
        Table(Vec::leak(all)) // once
    })
}

/// Builds graphs for one engine, or for several that share the work, and opens what they ask for.
pub(crate) struct Driver {
    pub(crate) builder: Builder,
    pub(crate) opener: Opener,
    pub(crate) defines: Vec<(String, String)>,
    /// Variables of single functions: function, name, value.
    pub(crate) inside: Vec<(String, String, String)>,
    /// Folders with libraries, a colon between them.
    pub(crate) clickpath: String,
    /// Arguments of ControlSockets that every configuration gets.
    pub(crate) listeners: Vec<String>,
}

impl Driver {
    pub(crate) fn new(defines: Vec<(String, String)>) -> Driver {
        let builder = Builder::new(classes());
        let clickpath = std::env::var("CLICKPATH").unwrap_or_default();
        Driver { builder, opener: Opener::default(), defines, inside: Vec::new(), clickpath, listeners: Vec::new() }
    }

    /// Configurations read from now on open files beneath `folder` only, do not listen, and have no signals; with no
    /// folder they may again. One that was checked keeps what it was checked with.
    ///
    /// # Errors
    /// The folder cannot be opened, or the kernel cannot confine.
    pub(crate) fn confine(&mut self, folder: Option<&Path>) -> Result<(), String> {
        self.builder.confinement = folder.map_or(Ok(Confinement::default()), Confinement::beneath)?;
        Ok(())
    }

    /// Reads a configuration and expands its compounds; arguments and ports are not looked at yet.
    pub(crate) fn read(&mut self, source: &Source) -> Parsed {
        let confinement = self.builder.confinement.clone();
        let mut anywhere = Libraries(&self.clickpath);
        let mut beneath = files::Libraries(confinement.files());
        let libraries: &mut dyn Loader = if confinement.files().is_confined() { &mut beneath } else { &mut anywhere };
        let table = classes();
        let reader = Reader::new(&table).libraries(libraries);
        let reader = self.defines.iter().fold(reader, |r, (name, value)| r.define(name, value));
        let reader = self.inside.iter().fold(reader, |r, (f, name, value)| r.define_in(f, name, value));
        let mut parsed = reader.read(&source.text, &source.file);
        services::add_sockets(&mut parsed.flat, &self.listeners);
        self.builder.names = interface_names(&parsed.flat, &self.opener.given_up);
        parsed
    }

    /// Checks a configuration; nothing is opened.
    ///
    /// # Errors
    /// All of them: those of the text, of arguments, and of connections.
    pub(crate) fn check(&mut self, source: &Source) -> Result<Checked, Vec<Diagnostic>> {
        let mut parsed = self.read(source);
        if !parsed.is_ok() {
            parsed.diagnostics.extend(self.builder.errors_beside(&parsed.flat));
            return Err(parsed.diagnostics);
        }
        let (flat, warnings) = (parsed.flat, parsed.diagnostics);
        let mut checked = self.builder.check(flat, &source.text)?;
        checked.warnings.splice(0..0, warnings);
        Ok(checked)
    }

    /// Checks a configuration and opens its ports and files.
    pub(crate) fn prepare(&mut self, source: &Source) -> Result<(Vec<Plan>, Vec<Diagnostic>), Vec<Diagnostic>> {
        let checked = self.check(source)?;
        self.open(checked)
    }

    /// Names of the devices of a checked configuration; some may come twice.
    pub(crate) fn devices<'a>(&'a self, checked: &'a Checked, direction: Option<Direction>) -> Vec<&'a str> {
        let ports = checked.ports().map(|id| self.builder.port(id));
        ports.filter(|p| direction.is_none_or(|d| p.direction == d)).map(|p| p.device.name()).collect()
    }

    /// Opens the ports and files of a checked configuration. A plan for each worker; what is wanted of the
    /// process is in the first.
    pub(crate) fn open(&mut self, checked: Checked) -> Result<(Vec<Plan>, Vec<Diagnostic>), Vec<Diagnostic>> {
        self.opener.expect(checked.ports().map(|id| self.builder.port(id)), self.builder.workers);
        self.builder.prepare_all(checked, &mut |spec, seat| self.opener.open(spec, seat))
    }

    /// The same for the only worker.
    pub(crate) fn open_one(&mut self, checked: Checked) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
        self.opener.expect(checked.ports().map(|id| self.builder.port(id)), 1);
        self.builder.prepare(checked, &mut |spec| self.opener.open(spec, Seat::ONLY))
    }
}

/// The names of this machine's interfaces. Devices of the configuration that are not there get an
/// Ethernet address of their own (locally administered, IEEE 802 clause 8), so that it can be checked
/// elsewhere and run on capture files; opening such a device is what fails.
fn interface_names(flat: &Flat, given_up: &HashMap<String, String>) -> NameDb {
    let mut names = sluice_dataplane::io::names::of_interfaces();
    let of_device = |class: &str| {
        matches!(class, "FromDevice" | "ToDevice" | "FromDPDKDevice" | "ToDPDKDevice" | "FromXDP" | "ToXDP")
    };
    let devices = flat.elements.iter().filter(|e| of_device(&e.class));
    let mut last = 0u8;
    for e in devices {
        #[cfg(not(feature = "dpdk"))]
        let _ = given_up;
        let Some(name) = split_args(&e.config).first().map(|a| unquote_text(a)) else { continue };
        #[cfg(feature = "dpdk")]
        if let Some(ether) = sluice_dataplane::io::dpdk::ether(given_up.get(&name).unwrap_or(&name)) {
            names.insert("", &name, Named::Ether(ether));
        }
        if names.ether(&name).is_none() {
            last = last.wrapping_add(1);
            names.insert("", &name, Named::Ether(EtherAddr([2, 0, 0, 0, 0, last])));
        }
    }
    names
}

/// Says what was wrong, all of it, on standard error.
pub(crate) fn complain(diagnostics: &[Diagnostic]) {
    eprint!("{}", render_native(diagnostics));
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    if errors > 0 {
        eprintln!("{errors} error{}, nothing was started", if errors == 1 { "" } else { "s" });
    }
}

/// `NAME=VALUE` arguments.
pub(crate) fn defines(args: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |a: &String| match a.split_once('=') {
        Some((n, v)) if !n.is_empty() => Ok((n.to_string(), v.to_string())),
        _ => bail!("‘{a}’: give parameters as NAME=VALUE"),
    };
    args.iter().map(pair).collect()
}

/// `NAME=IN.pcap[,OUT.pcap]`: capture files in place of an interface.
pub(crate) fn stand(text: &str) -> Result<(String, Stand), String> {
    let (name, files) = text.split_once('=').ok_or("give it as NAME=IN.pcap,OUT.pcap")?;
    let (input, output) = files.split_once(',').unwrap_or((files, ""));
    let path = |p: &str| (!p.is_empty()).then(|| PathBuf::from(p));
    Ok((name.into(), Stand { input: path(input), output: path(output) }))
}

/// Where text of elements goes, at once, so that both streams keep their order. A closed pipe is no
/// reason to stop moving packets.
pub(crate) fn console(stream: Stream, text: &str) {
    let _ = match stream {
        Stream::Out => {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
        Stream::Err => std::io::stderr().lock().write_all(text.as_bytes()),
    };
}
