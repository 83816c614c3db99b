//! The management network, as cloud-init's files describe it: `network-config` of versions 1 and 2, and OpenStack's
//! `network_data.json`.
use super::yaml;
use super::{Config, Dhcp6, Management, Network, set};
use crate::boot::Severity;
use crate::machine::devices::Mac;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};

/// Takes the interface that is for management: the one with its address if that was said, else the first.
pub(super) fn read(text: &str, from: &str, config: &mut Config) {
    let all = yaml::read(text).and_then(|v| parse(&v));
    let all = match all {
        Ok(all) => all,
        Err(why) => {
            let detail = format!("network-config ({from}) is left out: {why}");
            return config.problem("network-config", Severity::Major, detail);
        }
    };
    let wanted = config.management.as_ref().map(|m| m.value);
    let found = match wanted {
        Some(Management::None) => return,
        Some(Management::Mac(mac)) => {
            all.iter().find(|i| i.0 == Some(mac)).or_else(|| all.iter().find(|i| i.0.is_none()))
        }
        None => all.first(),
    };
    let Some((mac, network)) = found.cloned() else {
        let detail = format!("network-config ({from}) does not describe the management interface");
        return config.problem("network-config", Severity::Major, detail);
    };
    if let Some(mac) = mac {
        set(&mut config.management, Management::Mac(mac), from);
    }
    set(&mut config.network, network, from);
}

/// In words, for people: `DHCPv4, 10.0.0.2/24`.
pub(super) fn shown(network: &Network) -> String {
    let auto = [
        (network.dhcp4, "DHCPv4"),
        (network.slaac, "SLAAC"),
        (network.dhcp6 == Dhcp6::Yes, "DHCPv6"),
        (network.dhcp6 == Dhcp6::Auto, "DHCPv6 as routers say"),
    ];
    let auto = auto.into_iter().filter(|a| a.0).map(|a| a.1.to_string());
    let all: Vec<String> = auto.chain(network.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}"))).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

/// An address with the length of its prefix.
pub(super) fn prefixed(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    prefix.parse().ok().filter(|p| *p <= most).map(|p| (ip, p))
}

type Interfaces = Vec<(Option<Mac>, Network)>;

fn parse(all: &Value) -> Result<Interfaces, String> {
    let all = all.get("network").unwrap_or(all);
    match all.get("version").and_then(Value::as_i64) {
        Some(1) => version1(all),
        Some(2) => version2(all),
        None if all.get("links").is_some() => openstack(all),
        _ => Err("it has no version 1 or 2".into()),
    }
}

fn off() -> Network {
    Network { dhcp4: false, slaac: false, dhcp6: Dhcp6::No, ..Network::default() }
}

fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let value = of.get(key);
    let one = value.filter(|v| v.is_string());
    value.and_then(Value::as_array).into_iter().flatten().chain(one)
}

fn text<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    of.get(key).and_then(Value::as_str)
}

fn yes(of: &Value, key: &str) -> bool {
    of.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn addresses(of: &Value, key: &str, to: &mut Vec<IpAddr>) -> Result<(), String> {
    for value in list(of, key) {
        to.push(address(value)?);
    }
    Ok(())
}

fn address(value: &Value) -> Result<IpAddr, String> {
    let text = yaml::plain(value);
    text.parse().map_err(|_| format!("‘{text}’ is no address"))
}

/// `10.0.0.2/24`, or an address beside its `netmask`.
fn with_mask(of: &Value, key: &str) -> Result<(IpAddr, u8), String> {
    let given = text(of, key).unwrap_or_default();
    if let Some(whole) = prefixed(given) {
        return Ok(whole);
    }
    let mask = of.get("netmask").map(yaml::plain).unwrap_or_default();
    let bits = mask.parse::<IpAddr>().ok().map(|m| match m {
        IpAddr::V4(m) => u32::from(m).leading_ones() as u8,
        IpAddr::V6(m) => u128::from(m).leading_ones() as u8,
    });
    let whole = bits.or_else(|| mask.parse().ok()).and_then(|bits| prefixed(&format!("{given}/{bits}")));
    whole.ok_or_else(|| format!("‘{given}’ is no address with the length of its prefix"))
}

/// Whether a route goes everywhere.
fn is_default(to: &str) -> bool {
    matches!(to, "default" | "0.0.0.0/0" | "::/0" | "0.0.0.0" | "::")
}

fn mac(text: Option<&str>) -> Result<Option<Mac>, String> {
    text.map(str::parse).transpose()
}

/// cloud-init, "Networking config Version 1".
fn version1(all: &Value) -> Result<Interfaces, String> {
    let (mut found, mut dns, mut search) = (Vec::new(), Vec::new(), Vec::new());
    for item in list(all, "config") {
        match text(item, "type") {
            Some("nameserver") => {
                addresses(item, "address", &mut dns)?;
                search.extend(list(item, "search").map(yaml::plain));
            }
            Some("physical") => {
                let mut network = off();
                for subnet in list(item, "subnets") {
                    subnet1(subnet, &mut network)?;
                }
                network.mtu = item.get("mtu").and_then(Value::as_u64).and_then(|m| u32::try_from(m).ok());
                found.push((mac(text(item, "mac_address"))?, network));
            }
            _ => {} // bonds and bridges have no place on a management interface
        }
    }
    for (_, network) in &mut found {
        network.dns.extend(&dns);
        network.search.extend(search.iter().cloned());
    }
    Ok(found)
}

fn subnet1(subnet: &Value, network: &mut Network) -> Result<(), String> {
    match text(subnet, "type").unwrap_or_default() {
        "dhcp" | "dhcp4" => network.dhcp4 = true,
        "dhcp6" | "ipv6_dhcpv6-stateful" => (network.slaac, network.dhcp6) = (true, Dhcp6::Yes),
        "ipv6_slaac" | "ipv6_dhcpv6-stateless" => (network.slaac, network.dhcp6) = (true, Dhcp6::Auto),
        "static" | "static6" => network.addresses.push(with_mask(subnet, "address")?),
        "manual" => {}
        other => return Err(format!("there is no type of subnet ‘{other}’")),
    }
    addresses(subnet, "gateway", &mut network.gateways)?;
    addresses(subnet, "dns_nameservers", &mut network.dns)?;
    network.search.extend(list(subnet, "dns_search").map(yaml::plain));
    Ok(())
}

/// cloud-init, "Networking config Version 2", which is netplan's.
fn version2(all: &Value) -> Result<Interfaces, String> {
    let mut found = Vec::new();
    for item in all.get("ethernets").and_then(Value::as_object).into_iter().flat_map(|o| o.values()) {
        let mut network = off();
        network.dhcp4 = yes(item, "dhcp4");
        let dhcp6 = yes(item, "dhcp6");
        network.slaac = item.get("accept-ra").and_then(Value::as_bool).unwrap_or(dhcp6);
        network.dhcp6 = match dhcp6 {
            true => Dhcp6::Yes,
            false if network.slaac => Dhcp6::Auto,
            false => Dhcp6::No,
        };
        for one in list(item, "addresses") {
            let one = yaml::plain(one);
            network.addresses.push(prefixed(&one).ok_or_else(|| format!("‘{one}’ is no address with its prefix"))?);
        }
        addresses(item, "gateway4", &mut network.gateways)?;
        addresses(item, "gateway6", &mut network.gateways)?;
        for route in list(item, "routes").filter(|r| text(r, "to").is_some_and(is_default)) {
            network.gateways.push(address(route.get("via").unwrap_or(&Value::Null))?);
        }
        if let Some(servers) = item.get("nameservers") {
            addresses(servers, "addresses", &mut network.dns)?;
            network.search.extend(list(servers, "search").map(yaml::plain));
        }
        network.mtu = item.get("mtu").and_then(Value::as_u64).and_then(|m| u32::try_from(m).ok());
        let matched = item.get("match").and_then(|m| text(m, "macaddress"));
        found.push((mac(matched)?, network));
    }
    Ok(found)
}

/// OpenStack's `network_data.json`.
fn openstack(all: &Value) -> Result<Interfaces, String> {
    let mut found = Vec::new();
    for link in list(all, "links") {
        let mut network = off();
        network.mtu = link.get("mtu").and_then(Value::as_u64).and_then(|m| u32::try_from(m).ok());
        let here = |n: &&Value| n.get("link").is_some() && n.get("link") == link.get("id");
        for one in list(all, "networks").filter(here) {
            match text(one, "type").unwrap_or_default() {
                "ipv4_dhcp" => network.dhcp4 = true,
                "ipv6_dhcp" | "ipv6_dhcpv6-stateful" => (network.slaac, network.dhcp6) = (true, Dhcp6::Yes),
                "ipv6_slaac" | "ipv6_dhcpv6-stateless" => (network.slaac, network.dhcp6) = (true, Dhcp6::Auto),
                "ipv4" | "ipv6" => network.addresses.push(with_mask(one, "ip_address")?),
                other => return Err(format!("there is no type of network ‘{other}’")),
            }
            addresses(one, "gateway", &mut network.gateways)?;
            for route in list(one, "routes").filter(|r| is_default_route(r)) {
                addresses(route, "gateway", &mut network.gateways)?;
            }
            dns(one, &mut network.dns)?;
        }
        dns(all, &mut network.dns)?;
        found.push((mac(text(link, "ethernet_mac_address"))?, network));
    }
    Ok(found)
}

fn is_default_route(route: &Value) -> bool {
    let everywhere = |mask: &str| matches!(mask, "0.0.0.0" | "::" | "0") || mask == Ipv4Addr::UNSPECIFIED.to_string();
    text(route, "network").is_some_and(is_default) && text(route, "netmask").is_none_or(everywhere)
}

fn dns(of: &Value, to: &mut Vec<IpAddr>) -> Result<(), String> {
    for service in list(of, "services").filter(|s| text(s, "type") == Some("dns")) {
        addresses(service, "address", to)?;
    }
    Ok(())
}
