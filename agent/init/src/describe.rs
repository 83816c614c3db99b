//! Writes the description of the VNF from what was told and what there is.
use crate::boot::{Interface, Problem, Setting, Severity};
use crate::machine::devices::Mac;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// How to supply a token, for whoever asks without one.
const WITHOUT_TOKEN: &str = "this VNF has no tokens yet: supply tokens.toml (made by `sluice token`) in the folder `sluice/` of a seed \
                             drive with the label cidata, or by QEMU's fw_cfg as opt/org.sluice/tokens.toml";

/// What the description is made of.
pub struct Given<'a> {
    /// What the user wrote; empty if nothing.
    pub described: Table,
    /// The function's file, if there is one.
    pub function: Option<String>,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Who the VNF is, if it does not say itself.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The interfaces, management among them.
    pub interfaces: &'a [Interface],
    /// PCI addresses of those that DPDK has, by name.
    pub dpdk: BTreeMap<String, String>,
    /// Packet buffers.
    pub buffers: u64,
    /// The core of the worker.
    pub core: usize,
    /// Where revisions and what the EMS writes are kept.
    pub data: &'a str,
    /// Whether revisions outlive the machine.
    pub durable: bool,
    /// Files of the EMS that were supplied: its keys in `[ems]`, or in `[ems.tls]`, and paths.
    pub ems_files: Vec<(&'static [&'static str], String)>,
    /// Whether the program has TLS.
    pub tls: bool,
    /// The file that [`crate::boot::Boot`] is in.
    pub boot: &'a str,
}

/// The description. What the user wrote wins; what is wrong in it is left for `sluice run` to tell, but for devices that are
/// not there.
pub fn compose(given: Given<'_>, problems: &mut Vec<Problem>) -> Table {
    let mut all = given.described.clone();
    all.insert("boot".into(), given.boot.into());
    let vnf = table(&mut all, &["vnf"]);
    default(vnf, "id", given.id.as_str());
    default(vnf, "name", given.name.as_str());
    if described_as_several(&all) {
        one_function_too_many(&given, problems);
    } else {
        let function = table(&mut all, &["function"]);
        if let Some(file) = &given.function {
            function.insert("file".into(), file.as_str().into());
        }
        default(function, "file", "function.click");
        let parameters = table(&mut all, &["function", "parameters"]);
        for (name, value) in &given.parameters {
            parameters.insert(name.clone(), value.as_str().into());
        }
    }
    ports(&mut all, &given, problems);
    let run = table(&mut all, &["run"]);
    if !given.dpdk.is_empty() {
        let devices: String = given.dpdk.values().map(|a| format!(" -a {a}")).collect();
        let arguments = format!("-l {} --in-memory --no-telemetry --iova-mode=pa{devices}", given.core);
        default(run, "dpdk", arguments.as_str());
    }
    default(run, "buffers", given.buffers as i64);
    default(&mut all, "revisions", if given.durable { format!("{}/revisions", given.data) } else { "none".into() });
    let ems = table(&mut all, &["ems"]);
    default(ems, "folder", format!("{}/ems", given.data));
    default(ems, "without_token", WITHOUT_TOKEN);
    if given.tls {
        default(ems, "listen", "[::]:8443");
        table(&mut all, &["ems", "tls"]);
    } else {
        default(ems, "listen", "[::]:8080");
        default(ems, "plain", true);
    }
    for (path, file) in &given.ems_files {
        if let [folders @ .., key] = path {
            table(&mut all, folders).insert((*key).into(), file.as_str().into());
        }
    }
    all
}

/// Whether the structural agent is before the functions: then each has a table of its own, and none is *the* function.
fn described_as_several(all: &Table) -> bool {
    all.contains_key("functions") || all.contains_key("agent")
}

/// Tells that a function, or parameters of one, were supplied beside a description that names its functions itself.
fn one_function_too_many(given: &Given<'_>, problems: &mut Vec<Problem>) {
    let parameters = given.parameters.keys().map(|name| format!("the parameter {name}"));
    let all: Vec<String> = given.function.iter().map(|file| format!("the function {file}")).chain(parameters).collect();
    if !all.is_empty() {
        let detail = format!("vnf.toml has [[functions]] or [agent], so nobody takes {}", all.join(", "));
        problems.push(Problem { object: "function".into(), severity: Severity::Major, detail });
    }
}

/// Ports: as the user says, a device by name, Ethernet address or number (`port0`); else all data ports in order.
fn ports(all: &mut Table, given: &Given<'_>, problems: &mut Vec<Problem>) {
    let data: Vec<&Interface> = given.interfaces.iter().filter(|i| i.role == "data").collect();
    let letters = (b'A'..=b'Z').map(char::from);
    let by_order = || {
        let port = |(name, i): (char, &&Interface)| {
            Value::Table(Table::from_iter(
                [("name", name.to_string()), ("device", i.name.clone())].map(|(k, v)| (k.into(), v.into())),
            ))
        };
        Value::Array(letters.zip(&data).map(port).collect())
    };
    let Some(ports) = all.entry("port").or_insert_with(by_order).as_array_mut() else { return };
    for port in ports.iter_mut().filter_map(Value::as_table_mut) {
        let Some(wanted) = port.get("device").and_then(Value::as_str).map(String::from) else { continue };
        let number = wanted.strip_prefix("port").and_then(|n| n.parse::<usize>().ok());
        let mac = wanted.parse::<Mac>().ok().map(|m| m.to_string());
        let found = match (number, mac) {
            (Some(n), _) => data.get(n).copied(),
            (_, Some(mac)) => given.interfaces.iter().find(|i| i.mac == mac),
            _ => given.interfaces.iter().find(|i| i.name == wanted),
        };
        let Some(found) = found else {
            let there: Vec<String> = given.interfaces.iter().map(|i| format!("{} ({})", i.name, i.mac)).collect();
            let detail =
                format!("[[port]] names the device ‘{wanted}’, and there is none: there are {}", there.join(", "));
            problems.push(Problem { object: wanted, severity: Severity::Major, detail });
            continue;
        };
        port.insert("device".into(), found.name.as_str().into());
        default(port, "mac", found.mac.as_str());
        if let Some(address) = given.dpdk.get(&found.name) {
            port.insert("dpdk".into(), address.as_str().into());
        }
    }
}

/// Sets a key that is not there.
fn default(table: &mut Table, key: &str, value: impl Into<Value>) {
    table.entry(key).or_insert_with(|| value.into());
}

/// A table in a table; what else is there by that name is left alone, and a table that nobody sees is answered.
fn table<'a>(all: &'a mut Table, path: &[&str]) -> &'a mut Table {
    let mut table = all;
    for name in path {
        let entry = table.entry(*name).or_insert_with(|| Value::Table(Table::new()));
        if !entry.is_table() {
            *entry = Value::Table(Table::new()); // `sluice run` would refuse it
        }
        table = match entry {
            Value::Table(t) => t,
            _ => unreachable!("it is a table since the line before"),
        };
    }
    table
}

/// What is told of a description that was made up.
pub fn setting(name: &str, value: impl Into<String>, from: &str) -> Setting {
    Setting { name: name.into(), value: value.into(), from: from.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, n: u8, role: &str) -> Interface {
        Interface { name: name.into(), mac: format!("52:54:00:00:00:0{n}"), role: role.into(), ..Interface::default() }
    }

    fn given<'a>(described: &str, interfaces: &'a [Interface]) -> Given<'a> {
        Given {
            described: toml::from_str(described).unwrap(),
            function: Some("/functions/wire.click".into()),
            parameters: BTreeMap::new(),
            id: "the-id".into(),
            name: "vnf".into(),
            interfaces,
            dpdk: BTreeMap::new(),
            buffers: 4096,
            core: 0,
            data: "/data",
            durable: true,
            ems_files: Vec::new(),
            tls: true,
            boot: "/run/sluice/boot.toml",
        }
    }

    #[test]
    fn data_ports_are_a_and_b_in_order_and_dpdk_is_named_beside_them() {
        let all = [interface("eth0", 1, "management"), interface("eth1", 2, "data"), interface("eth2", 3, "data")];
        let mut of = given("", &all);
        of.dpdk = [("eth1".to_string(), "0000:00:04.0".to_string())].into();
        let mut problems = Vec::new();
        let made = compose(of, &mut problems);
        let port = |n: usize, key: &str| made["port"][n].get(key).and_then(Value::as_str).unwrap_or("-").to_string();
        assert_eq!([port(0, "name"), port(0, "device"), port(0, "dpdk")], ["A", "eth1", "0000:00:04.0"]);
        assert_eq!([port(1, "name"), port(1, "device"), port(1, "dpdk")], ["B", "eth2", "-"]);
        assert_eq!(
            made["run"]["dpdk"].as_str(),
            Some("-l 0 --in-memory --no-telemetry --iova-mode=pa -a 0000:00:04.0")
        );
        assert_eq!(
            (made["ems"]["listen"].as_str(), made["revisions"].as_str()),
            (Some("[::]:8443"), Some("/data/revisions"))
        );
        assert!(made["ems"]["tls"].is_table() && problems.is_empty());
    }

    #[test]
    fn what_the_user_wrote_wins_and_devices_that_are_not_there_are_told() {
        let all = [interface("eth0", 1, "management"), interface("eth1", 2, "data")];
        let described = "vnf.id = 'mine'\nrevisions = 'none'\nems.listen = '[::]:9443'\n[[port]]\nname = 'IN'\ndevice = '52:54:00:00:00:02'\n\
                         [[port]]\nname = 'OUT'\ndevice = 'port7'\n";
        let mut problems = Vec::new();
        let made = compose(given(described, &all), &mut problems);
        assert_eq!((made["vnf"]["id"].as_str(), made["revisions"].as_str()), (Some("mine"), Some("none")));
        assert_eq!(made["ems"]["listen"].as_str(), Some("[::]:9443"));
        assert_eq!(made["port"][0]["device"].as_str(), Some("eth1"));
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].detail.contains("port7") && problems[0].detail.contains("eth1 (52:54:00:00:00:02)"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_description_of_several_functions_gets_no_single_one() {
        let all = [interface("eth0", 1, "management"), interface("eth1", 2, "data")];
        let described = "agent.foreign = 'drop'\n[[functions]]\nname = 'filter'\nfile = '/functions/filter.click'\n";
        let mut problems = Vec::new();
        let made = compose(Given { function: None, ..given(described, &all) }, &mut problems);
        assert!(!made.contains_key("function") && problems.is_empty(), "{made}");
        assert_eq!(made["port"][0]["device"].as_str(), Some("eth1"));
        // One that was supplied beside is told.
        let made = compose(given(described, &all), &mut problems);
        assert!(!made.contains_key("function"), "{made}");
        assert!(problems[0].detail.contains("/functions/wire.click"), "{problems:?}");
    }

    #[test]
    fn nonsense_in_the_place_of_a_table_does_not_stop_the_boot() {
        let made = compose(given("ems = 1\nfunction = 'x'\nport = 3\n", &[]), &mut Vec::new());
        assert!(made["ems"].is_table() && made["function"].is_table());
    }
}
