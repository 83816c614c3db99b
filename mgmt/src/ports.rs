//! A port with what is counted and how fast.
use crate::rates::{Rate, Rates};
use crate::vnf::{Port, Snapshot};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How fast frames cross a port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PortRates {
    /// The time that was measured over, seconds; 0 before the first.
    pub seconds: f64,
    /// Into the VNF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Rate>,
    /// Out of the VNF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Rate>,
}

/// A port, its counters and its rates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PortStats {
    /// The port and its counters.
    #[serde(flatten)]
    pub port: Port,
    /// What they did in the last second.
    pub rates: PortRates,
}

/// All ports.
pub fn all(now: &Snapshot, rates: &Rates) -> Vec<PortStats> {
    let with_rates = |port: &Port| {
        let (received, sent) = (rates.received.get(&port.name).copied(), rates.sent.get(&port.name).copied());
        PortStats { port: port.clone(), rates: PortRates { seconds: rates.seconds, received, sent } }
    };
    now.ports.iter().map(with_rates).collect()
}
