//! From a table of TOML to a description: everything that is wrong in it at once.
use super::units::{Size, Time};
use super::{Attach, Fail, Limits, Problem, Problems, Ready, Restart, Spec};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of a command, and variables of an environment.
const MOST: usize = 256;
/// Bytes of each.
const LONGEST: usize = 4096;
/// The longest payload of a frame whose buffer has room for Ethernet header and VLAN tags.
const LARGEST_MTU: u32 = 2094;

/// A table, and what is wrong in it so far.
struct Reader<'a> {
    table: toml::Table,
    /// What its keys begin with.
    prefix: &'static str,
    known: Vec<&'static str>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn wrong(&mut self, key: &str, text: impl Into<String>) {
        self.problems.push(Problem { key: format!("{}{key}", self.prefix), text: text.into() });
    }

    /// The value of a key; None if it is not there, or is wrong.
    fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, error.message().trim());
                None
            }
        }
    }

    fn time(&mut self, key: &'static str, range: std::ops::RangeInclusive<Duration>, default: Duration) -> Duration {
        let Some(Time(time)) = self.take(key) else { return default };
        if !range.contains(&time) {
            self.wrong(key, format!("{:?} to {:?}, not {time:?}", range.start(), range.end()));
        }
        time
    }

    /// Those keys that nobody asked for.
    fn finish(mut self) {
        let known = self.known.join(", ");
        for key in std::mem::take(&mut self.table).keys() {
            self.wrong(key, format!("unknown; there are: {known}"));
        }
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn spec(table: toml::Table) -> Result<Spec, Problems> {
    let mut problems = Vec::new();
    let mut r = Reader { table, prefix: "", known: Vec::new(), problems: &mut problems };
    let command = command(&mut r);
    let attach = r.take("attach").unwrap_or(Attach::Veth);
    let interfaces = interfaces(&mut r);
    let addresses = addresses(&mut r, &interfaces);
    let mtu = mtu(&mut r);
    let returns = r.take("returns").unwrap_or(true);
    let fail = r.take("fail").unwrap_or(if returns { Fail::Closed } else { Fail::Open });
    let stall_is_there = r.table.contains_key("stall_after");
    let stall_after = r.time("stall_after", Duration::ZERO..=ms(60_000), ms(100));
    let ready = ready(&mut r);
    let root = folder(&mut r, "root");
    let folder = folder(&mut r, "folder").unwrap_or_else(|| PathBuf::from("/"));
    let user = user(&mut r);
    let env = env(&mut r);
    let stop_within = r.time("stop_within", Duration::ZERO..=ms(60_000), ms(2000));
    let [limits, restart] = ["limits", "restart"].map(|key| r.take::<toml::Table>(key).unwrap_or_default());
    if !returns {
        if interfaces.len() > 1 {
            r.wrong("interfaces", "a program that returns nothing has one");
        }
        if stall_is_there {
            r.wrong("stall_after", "a program that returns nothing cannot stall");
        }
    }
    if attach == Attach::Memif {
        if !addresses.is_empty() {
            r.wrong("addresses", "there is no interface with memif");
        }
        if root.is_some() {
            r.wrong("root", "from there the program does not reach the sockets of memif");
        }
        if user.is_some() {
            r.wrong("user", "only root may use the sockets of memif");
        }
    }
    r.finish();
    let limits = self::limits(Reader { table: limits, prefix: "limits.", known: Vec::new(), problems: &mut problems });
    let restart =
        self::restart(Reader { table: restart, prefix: "restart.", known: Vec::new(), problems: &mut problems });
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let stall_after = Some(stall_after).filter(|time| returns && !time.is_zero());
    Ok(Spec {
        command,
        interfaces,
        addresses,
        mtu,
        attach,
        returns,
        fail,
        stall_after,
        ready,
        limits,
        root,
        folder,
        user,
        env,
        restart,
        stop_within,
    })
}

fn command(r: &mut Reader<'_>) -> Vec<String> {
    let there = r.table.contains_key("command");
    let command: Vec<String> = r.take("command").unwrap_or_default();
    if !there {
        r.wrong(
            "command",
            "a list of the program and its arguments is wanted, such as [\"tcpdump\", \"-i\", \"eth0\"]",
        );
    } else if command.first().is_some_and(String::is_empty) {
        r.wrong("command", "the program has no name");
    } else if command.iter().any(|word| word.contains('\0')) {
        r.wrong("command", "an argument cannot have a zero byte");
    } else if command.len() > MOST || command.iter().any(|word| word.len() > LONGEST) {
        r.wrong("command", format!("at most {MOST} words of at most {LONGEST} bytes"));
    } else if command.is_empty() && !r.problems.iter().any(|p| p.key == "command") {
        r.wrong("command", "it is empty");
    }
    command
}

fn interfaces(r: &mut Reader<'_>) -> Vec<String> {
    let names: Option<Vec<String>> = r.take("names");
    let default = names.as_ref().map_or(1, |names| names.len().clamp(1, 2) as u64);
    let count: u64 = r.take("interfaces").unwrap_or(default);
    if !(1..=2).contains(&count) {
        r.wrong("interfaces", format!("1 or 2, not {count}"));
        return names.unwrap_or_default();
    }
    let names = names.unwrap_or_else(|| (0..count).map(|i| format!("eth{i}")).collect());
    if names.len() as u64 != count {
        r.wrong("names", format!("there are {} for {count} of interfaces", names.len()));
    }
    // As the kernel checks (dev_valid_name), and nothing that is there already or looks like a control character.
    let valid = |name: &String| {
        (1..=15).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'/' | b':' | b'%'))
            && !matches!(name.as_str(), "." | ".." | "lo" | "all" | "default")
    };
    for name in names.iter().filter(|name| !valid(name)) {
        r.wrong(
            "names",
            format!("{name:?} cannot be the name of an interface: 1 to 15 letters, digits, `-`, `_`, `.`"),
        );
    }
    if let [a, b] = names.as_slice()
        && a == b
    {
        r.wrong("names", format!("both are {a:?}"));
    }
    names
}

fn addresses(r: &mut Reader<'_>, interfaces: &[String]) -> BTreeMap<String, Vec<(IpAddr, u8)>> {
    let all: BTreeMap<String, Vec<String>> = r.take("addresses").unwrap_or_default();
    let mut read = BTreeMap::new();
    for (name, texts) in all {
        if !interfaces.contains(&name) {
            r.wrong("addresses", format!("there is no interface {name:?}"));
        }
        if texts.len() > 16 {
            r.wrong("addresses", "at most 16 for an interface");
        }
        let mut list = Vec::new();
        for text in texts {
            match address(&text) {
                Some(address) => list.push(address),
                None => r.wrong("addresses", format!("an address with its prefix is wanted, not {text:?}")),
            }
        }
        read.insert(name, list);
    }
    read
}

fn address(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = text.split_once('/')?;
    let (ip, prefix): (IpAddr, u8) = (ip.parse().ok()?, prefix.parse().ok()?);
    (prefix <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, prefix))
}

fn mtu(r: &mut Reader<'_>) -> u32 {
    let mtu = r.take("mtu").unwrap_or(1500);
    if !(68..=LARGEST_MTU).contains(&mtu) {
        r.wrong("mtu", format!("68 to {LARGEST_MTU} bytes, not {mtu}"));
    }
    mtu
}

fn ready(r: &mut Reader<'_>) -> Ready {
    if r.table.get("ready").and_then(toml::Value::as_str).is_none_or(|text| text == "socket") {
        r.known.push("ready");
        return match r.table.remove("ready") {
            None | Some(toml::Value::String(_)) => Ready::Socket,
            Some(_) => {
                r.wrong("ready", "\"socket\", or a time");
                Ready::Socket
            }
        };
    }
    Ready::After(r.time("ready", Duration::ZERO..=DAY, Duration::ZERO))
}

fn folder(r: &mut Reader<'_>, key: &'static str) -> Option<PathBuf> {
    let path: PathBuf = r.take(key)?;
    let fine = path.is_absolute() && !path.as_os_str().as_encoded_bytes().contains(&0);
    if !fine {
        r.wrong(key, "a path from / on is wanted");
    }
    Some(path).filter(|path| path != Path::new("/") || key != "root")
}

fn user(r: &mut Reader<'_>) -> Option<String> {
    let user: String = r.take("user")?;
    if user.is_empty() || user.len() > 64 || user.contains(|c: char| c.is_control() || c == '/' || c == ' ') {
        r.wrong("user", "a name, or numbers as \"1000\" or \"1000:1000\"");
    }
    Some(user)
}

fn env(r: &mut Reader<'_>) -> BTreeMap<String, String> {
    let env: BTreeMap<String, String> = r.take("env").unwrap_or_default();
    if env.len() > MOST || env.iter().any(|(name, value)| name.len() + value.len() > LONGEST) {
        r.wrong("env", format!("at most {MOST} variables of at most {LONGEST} bytes"));
    }
    if env.iter().any(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')) {
        r.wrong("env", "a name cannot be empty or have a `=`, and nothing has a zero byte");
    }
    env
}

fn limits(mut r: Reader<'_>) -> Limits {
    let memory = r.take("memory").map(|Size(bytes)| bytes);
    let cpu = r.take::<toml::Value>("cpu").map(|value| match value {
        toml::Value::Integer(n) => n as f64,
        other => other.as_float().unwrap_or(f64::NAN),
    });
    let cpu_time = r.take("cpu_time").map(|Time(time)| time);
    let processes = r.take("processes");
    let files = r.take("files").unwrap_or(1024);
    if memory.is_some_and(|bytes| !(1 << 20..=1 << 44).contains(&bytes)) {
        r.wrong("memory", "1 MiB to 16 TiB");
    }
    if cpu.is_some_and(|share| !(0.01..=1024.0).contains(&share)) {
        r.wrong("cpu", "0.01 to 1024 cores");
    }
    if cpu_time.is_some_and(|time| time < ms(1000)) {
        r.wrong("cpu_time", "1 s at least");
    }
    if processes.is_some_and(|n| !(1..=1 << 22).contains(&n)) {
        r.wrong("processes", "1 to 4194304");
    }
    if !(8..=1 << 20).contains(&files) {
        r.wrong("files", "8 to 1048576");
    }
    r.finish();
    Limits { memory, cpu, cpu_time, processes, files }
}

fn restart(mut r: Reader<'_>) -> Restart {
    let first = r.time("first", ms(10)..=DAY, ms(100));
    let longest = r.time("longest", ms(10)..=DAY, ms(30_000));
    let stalled = r.time("stalled", Duration::ZERO..=DAY, ms(1000));
    let tries = r.take("tries").unwrap_or(0);
    if longest < first {
        r.wrong("longest", "shorter than `first`");
    }
    r.finish();
    Restart { first, longest, tries, stalled }
}
