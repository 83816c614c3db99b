//! External connection points: the data ports and their addresses, as a view of the functions' parameters.
//!
//! A parameter `IN` whose value is a port's name makes that port's addresses changeable through the parameters `IN_ADDR`
//! (`10.0.1.1/24`, or without a length) and `IN_MAC`, where the function has them.
use crate::functions::Function;
use crate::problem::Problem;
use crate::vnf::Port;
use serde_json::{Value, json};
use std::net::IpAddr;

/// What the name of an address's parameter ends with.
const ADDR: &str = "_ADDR";
/// The same for an Ethernet address.
const MAC: &str = "_MAC";

/// A connection point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cp {
    /// Its name: the port's.
    pub id: String,
    /// The function that it belongs to, and the parameter that names the port.
    pub parameter: Option<(usize, String)>,
    /// The address, and the length of its prefix as it is written (`/24`).
    pub ip: Option<(IpAddr, String)>,
    /// The Ethernet address: of the parameter, or else of the port.
    pub mac: Option<String>,
    /// The Ethernet address is a parameter.
    pub own_mac: bool,
}

/// A parameter that is to have another value: function, name, value.
pub type Assignment = (usize, String, String);

/// All connection points: of the ports that are open, then of those that only parameters name (the VNF is stopped).
pub fn cps(ports: &[Port], functions: &[Function]) -> Vec<Cp> {
    let mut all: Vec<Cp> = Vec::new();
    for port in ports {
        if all.iter().all(|cp| cp.id != port.name) {
            all.push(cp(&port.name, naming(&port.name, functions), port.mac.clone(), functions));
        }
    }
    for (n, function) in functions.iter().enumerate() {
        let parameters = &function.configuration.parameters;
        for (name, value) in parameters {
            let has = |end: &str| parameters.contains_key(&format!("{name}{end}"));
            if !value.is_empty() && (has(ADDR) || has(MAC)) && all.iter().all(|cp| cp.id != *value) {
                all.push(cp(value, Some((n, name.clone())), None, functions));
            }
        }
    }
    all
}

/// The parameter that names a port; one that has an address before one that has none.
fn naming(port: &str, functions: &[Function]) -> Option<(usize, String)> {
    let all = || {
        let of = |(n, f): (usize, &'_ Function)| {
            let named = f.configuration.parameters.iter().filter(|(_, value)| *value == port);
            named.map(|(name, _)| (n, name.clone())).collect::<Vec<_>>()
        };
        functions.iter().enumerate().flat_map(of)
    };
    let addressed = |(n, name): &(usize, String)| {
        let parameters = &functions[*n].configuration.parameters;
        [ADDR, MAC].iter().any(|end| parameters.contains_key(&format!("{name}{end}")))
    };
    all().find(addressed).or_else(|| all().next())
}

fn cp(id: &str, parameter: Option<(usize, String)>, port_mac: Option<String>, functions: &[Function]) -> Cp {
    let value = |end: &str| {
        let (n, name) = parameter.as_ref()?;
        functions.get(*n)?.configuration.parameters.get(&format!("{name}{end}")).cloned()
    };
    let ip = value(ADDR).and_then(|text| {
        let at = text.find('/').unwrap_or(text.len());
        let (ip, length) = text.split_at(at);
        Some((ip.trim().parse().ok()?, length.to_string()))
    });
    let own = value(MAC);
    let own_mac = own.is_some();
    Cp { id: id.into(), ip, mac: own.or(port_mac).map(|m| plain_mac(&m).unwrap_or(m)), own_mac, parameter }
}

impl Cp {
    /// The descriptor's name for it: the parameter's, or the port's.
    pub fn cpd(&self) -> &str {
        self.parameter.as_ref().map_or(self.id.as_str(), |(_, name)| name)
    }

    /// As `CpConfiguration` (SOL 002 clause 9.5.3.4). A port without any address that is known says only that it gets none
    /// by itself.
    pub fn show(&self) -> Value {
        let mut address = serde_json::Map::new();
        if let Some(mac) = &self.mac {
            address.insert("macAddress".into(), json!(mac));
        }
        if let Some((ip, _)) = &self.ip {
            address.insert("ipAddress".into(), json!(ip));
        }
        let entry = if address.is_empty() { json!({"useDynamicAddress": false}) } else { json!({"address": address}) };
        json!({"cpId": self.id, "cpdId": self.cpd(), "addresses": [entry]})
    }

    /// What a wanted `CpConfiguration` changes.
    ///
    /// # Errors
    /// 400 for a wrong type; 422 for what cannot be changed.
    pub fn wanted(&self, entry: &Value) -> Result<Vec<Assignment>, Problem> {
        let place = format!("extCpConfig {}", self.id);
        let refuse = |what: String| Err(Problem::unprocessable(format!("{place}: {what}")));
        let mut changes = Vec::new();
        for (key, value) in entry.as_object().into_iter().flatten() {
            match key.as_str() {
                "cpId" => {}
                "cpdId" if value == self.cpd() => {}
                "addresses" => {
                    let list = value.as_array().ok_or_else(|| wrong(&place, "addresses", "a list"))?;
                    for address in list {
                        changes.extend(self.address(address, &place)?);
                    }
                }
                _ => return refuse(format!("{key} cannot be changed")),
            }
        }
        Ok(changes)
    }

    fn address(&self, entry: &Value, place: &str) -> Result<Vec<Assignment>, Problem> {
        let refuse = |what: String| Err(Problem::unprocessable(format!("{place}: {what}")));
        let mut changes = Vec::new();
        for (key, value) in entry.as_object().ok_or_else(|| wrong(place, "addresses", "a list of objects"))? {
            match (key.as_str(), value) {
                ("useDynamicAddress", Value::Bool(false)) => {}
                ("useDynamicAddress", _) => return refuse("addresses are set, not asked for by DHCP".into()),
                ("address", Value::Object(parts)) => {
                    for (key, value) in parts {
                        let text = value.as_str().ok_or_else(|| wrong(place, key, "a text"))?;
                        changes.extend(match key.as_str() {
                            "ipAddress" => self.ip(text, place)?,
                            "macAddress" => self.mac(text, place)?,
                            _ => return refuse(format!("{key} cannot be changed")),
                        });
                    }
                }
                _ => return refuse(format!("{key} cannot be changed")),
            }
        }
        Ok(changes)
    }

    fn ip(&self, text: &str, place: &str) -> Result<Option<Assignment>, Problem> {
        let refuse = |what: String| Err(Problem::unprocessable(format!("{place}: {what}")));
        let Ok(wanted) = text.parse::<IpAddr>() else { return refuse(format!("‘{text}’ is no IP address")) };
        let (Some((n, name)), Some((now, length))) = (&self.parameter, &self.ip) else {
            return refuse(format!("its function has no parameter {}{ADDR} that could carry an address", self.cpd()));
        };
        if wanted.is_ipv4() != now.is_ipv4() {
            return refuse(format!("{now} and {wanted} are of different families; change the function's parameters"));
        }
        Ok((wanted != *now).then(|| (*n, format!("{name}{ADDR}"), format!("{wanted}{length}"))))
    }

    fn mac(&self, text: &str, place: &str) -> Result<Option<Assignment>, Problem> {
        let refuse = |what: String| Err(Problem::unprocessable(format!("{place}: {what}")));
        let Some(wanted) = plain_mac(text) else { return refuse(format!("‘{text}’ is no Ethernet address")) };
        if self.mac.as_deref() == Some(&wanted) {
            return Ok(None);
        }
        match &self.parameter {
            Some((n, name)) if self.own_mac => Ok(Some((*n, format!("{name}{MAC}"), wanted))),
            _ => refuse(format!("its function has no parameter {}{MAC}, so the Ethernet address stays", self.cpd())),
        }
    }
}

fn wrong(place: &str, what: &str, needs: &str) -> Problem {
    Problem::bad_request(format!("{place}: {what} must be {needs}"))
}

/// Six groups of two hexadecimal digits, parted by colons or hyphens: in lower case, with colons.
fn plain_mac(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split([':', '-']).collect();
    let fine = |g: &&str| g.len() == 2 && g.bytes().all(|b| b.is_ascii_hexdigit());
    (groups.len() == 6 && groups.iter().all(fine)).then(|| groups.join(":").to_ascii_lowercase())
}
