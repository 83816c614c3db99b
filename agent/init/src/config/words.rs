//! The kernel's command line.
use super::{Config, Data, Dhcp6, Driver, Function, Given, Management, Network, set};
use crate::boot::Severity;
use crate::machine::devices::Mac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use std::net::IpAddr;

const FROM: &str = "kernel command line";

/// Whether a seed drive is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seed {
    /// If there is one now.
    Auto,
    /// For a while.
    Wait,
    /// Not at all.
    None,
}

/// What `sluice.seed=` says.
pub(super) fn seed(line: &str) -> Seed {
    let all = split(line).into_iter().filter_map(|w| w.strip_prefix("sluice.seed=").map(String::from)).next_back();
    match all.as_deref() {
        Some("none") => Seed::None,
        Some("wait") => Seed::Wait,
        _ => Seed::Auto,
    }
}

/// Takes all `sluice.` words. Of one that comes twice the last one counts, as with the kernel's own.
pub(super) fn read(line: &str, config: &mut Config) {
    let mut network: Option<Network> = None;
    let words = split(line);
    let mut taken = Config::default();
    for word in words.iter().rev() {
        let Some((key, value)) = word.strip_prefix("sluice.").map(|w| w.split_once('=').unwrap_or((w, ""))) else {
            continue;
        };
        if let Err(why) = one(key, value, &mut taken, &mut network) {
            config.problem(&format!("sluice.{key}"), Severity::Major, format!("sluice.{key}: {why}"));
        }
    }
    let Config { parameters, function, management, ports, driver, hugepages, data, name, id, slot, trial, .. } = taken;
    for (name, value) in parameters {
        config.parameters.entry(name).or_insert(value);
    }
    or(&mut config.function, function);
    or(&mut config.management, management);
    or(&mut config.ports, ports);
    or(&mut config.driver, driver);
    or(&mut config.hugepages, hugepages);
    or(&mut config.data, data);
    or(&mut config.name, name);
    or(&mut config.id, id);
    or(&mut config.network, network.map(|value| Given { value, from: FROM.into() }));
    (config.slot, config.trial) = (slot, trial);
}

fn or<T>(place: &mut Option<T>, other: Option<T>) {
    if place.is_none() {
        *place = other;
    }
}

/// Words, with spaces where they are between quotes (`next_arg` of linux/lib/cmdline.c).
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|w| !w.is_empty());
    words
}

fn one(key: &str, value: &str, c: &mut Config, network: &mut Option<Network>) -> Result<(), String> {
    let none = value == "none";
    match key {
        "function" => set(&mut c.function, function(value)?, FROM),
        "management" if none => set(&mut c.management, Management::None, FROM),
        "management" => set(&mut c.management, Management::Mac(value.parse()?), FROM),
        "ports" => set(&mut c.ports, value.split(',').map(str::parse).collect::<Result<Vec<Mac>, _>>()?, FROM),
        "driver" => {
            let driver = match value {
                "auto" => Driver::Auto,
                "dpdk" => Driver::Dpdk,
                "socket" => Driver::Socket,
                _ => return Err(format!("‘{value}’ is not auto, dpdk or socket")),
            };
            set(&mut c.driver, driver, FROM);
        }
        "hugepages" => {
            let mib = value.parse().ok().filter(|m| (2..=1 << 20).contains(m));
            set(&mut c.hugepages, mib.ok_or_else(|| format!("‘{value}’ is no number of MiB, at least 2"))?, FROM);
        }
        "data" if none => set(&mut c.data, Data::None, FROM),
        "data" if value.starts_with("/dev/") => set(&mut c.data, Data::Device(value.into()), FROM),
        "data" => return Err(format!("‘{value}’ is no device such as /dev/vdb")),
        "name" => set(&mut c.name, value.into(), FROM),
        "id" => set(&mut c.id, value.into(), FROM),
        "ip" => ip(value, network.get_or_insert_with(off))?,
        "seed" if matches!(value, "auto" | "wait" | "none") => {}
        "seed" => return Err(format!("‘{value}’ is not auto, wait or none")),
        "slot" if matches!(value, "a" | "b") => c.slot = value.chars().next(),
        "slot" => return Err(format!("‘{value}’ is not a or b")),
        "trial" => c.trial = value == "1",
        _ if ["token", "password", "key", "secret"].iter().any(|s| key.contains(s)) => {
            let text = "secrets have no place on the command line, which others can read: put tokens.toml or key.pem on the \
                        seed drive or into fw_cfg";
            return Err(text.into());
        }
        _ => match key.strip_prefix("param.").filter(|n| !n.is_empty()) {
            Some(name) => {
                c.parameters.entry(name.into()).or_insert_with(|| Given { value: value.into(), from: FROM.into() });
            }
            None => return Err("there is no such word".into()),
        },
    }
    Ok(())
}

fn function(value: &str) -> Result<Function, String> {
    let Some(text) = value.strip_prefix("base64:") else { return Ok(Function::Named(value.into())) };
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).or_else(|_| URL_SAFE_NO_PAD.decode(text));
    decoded.map(Function::Text).map_err(|e| format!("what follows base64: is not: {e}"))
}

fn off() -> Network {
    Network { dhcp4: false, slaac: false, dhcp6: Dhcp6::No, ..Network::default() }
}

fn ip(value: &str, network: &mut Network) -> Result<(), String> {
    match value {
        "none" => {}
        "dhcp" => network.dhcp4 = true,
        "dhcp6" => network.dhcp6 = Dhcp6::Yes,
        "auto" => (network.slaac, network.dhcp6) = (true, Dhcp6::Auto),
        _ => {
            let mut parts = value.split(',');
            let wrong = |part: &str| format!("‘{part}’ is no address; want ADDRESS/PREFIX[,GATEWAY[,DNS...]]");
            let first = parts.next().unwrap_or_default();
            network.addresses.push(super::network::prefixed(first).ok_or_else(|| wrong(first))?);
            let rest: Vec<Option<IpAddr>> = parts
                .map(|p| if p.is_empty() { Ok(None) } else { p.parse().map(Some).map_err(|_| wrong(p)) })
                .collect::<Result<_, _>>()?;
            network.gateways.extend(rest.first().copied().flatten());
            network.dns.extend(rest.into_iter().skip(1).flatten());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Config {
        let mut config = Config::default();
        read(line, &mut config);
        config
    }

    #[test]
    fn words_are_taken_as_the_kernel_takes_them() {
        let c = told(
            "console=ttyS0 sluice.function=firewall \"sluice.param.IN=allow tcp, deny all\" sluice.param.N=1 sluice.driver=socket quiet",
        );
        assert_eq!(c.problems, []);
        assert_eq!(c.function.map(|f| f.value), Some(Function::Named("firewall".into())));
        assert_eq!(c.parameters["IN"].value, "allow tcp, deny all");
        assert_eq!((c.driver.map(|d| d.value), c.parameters["N"].from.as_str()), (Some(Driver::Socket), FROM));
        assert_eq!(told("sluice.name=a sluice.name=b").name.map(|n| n.value).as_deref(), Some("b"));
    }

    #[test]
    fn addresses_are_static_by_dhcp_or_by_routers() {
        let network = |line: &str| told(line).network.expect("a network").value;
        let both = network("sluice.ip=10.0.0.2/24,10.0.0.1,9.9.9.9,8.8.8.8 sluice.ip=fd00::2/64");
        assert_eq!(both.addresses.len(), 2);
        assert_eq!((both.gateways.len(), both.dns.len(), both.dhcp4, both.slaac), (1, 2, false, false));
        let six = network("sluice.ip=auto");
        assert_eq!((six.dhcp4, six.slaac, six.dhcp6), (false, true, Dhcp6::Auto));
        assert_eq!(network("sluice.ip=none").addresses, []);
        assert!(told("quiet").network.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_and_secrets_are_refused() {
        let wrong = "sluice.colour=red sluice.ip=10.0.0.2 sluice.ports=x sluice.hugepages=-1 sluice.token=abc sluice.data=vdb sluice.seed=x";
        let c = told(wrong);
        let of =
            |object: &str| c.problems.iter().find(|p| p.object == object).map(|p| p.detail.as_str()).unwrap_or("-");
        assert_eq!(c.problems.len(), 7, "{:?}", c.problems);
        assert!(of("sluice.colour").contains("no such word"));
        assert!(of("sluice.ip").contains("ADDRESS/PREFIX"));
        assert!(of("sluice.token").contains("tokens.toml") && !of("sluice.token").contains("abc"));
    }

    #[test]
    fn a_function_may_come_as_base64() {
        let c = told("sluice.function=base64:SWRsZSAtPiBEaXNjYXJkOw==");
        assert_eq!(c.function.map(|f| f.value), Some(Function::Text(b"Idle -> Discard;".to_vec())));
        assert_eq!(told("sluice.function=base64:!").problems.len(), 1);
    }
}
