//! What the first process is told.
use crate::boot;
use crate::machine::devices::Mac;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    pub value: T,
    pub from: String,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    Named(String),
    Text(String),
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Management {
    Mac(Mac),
    None,
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    #[default]
    Auto,
    Dpdk,
    Socket,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    Device(String),
    None,
}
pub use crate::net::Network;
#[derive(Default)]
pub struct Config {
    pub files: BTreeMap<String, Given<Vec<u8>>>,
    pub parameters: BTreeMap<String, Given<String>>,
    pub function: Option<Given<Function>>,
    pub management: Option<Given<Management>>,
    pub ports: Option<Given<Vec<Mac>>>,
    pub driver: Option<Given<Driver>>,
    pub hugepages: Option<Given<u32>>,
    pub data: Option<Given<Data>>,
    pub name: Option<Given<String>>,
    pub id: Option<Given<String>>,
    pub network: Option<Given<Network>>,
    pub slot: Option<char>,
    pub trial: bool,
    pub problems: Vec<boot::Problem>,
}
impl Config {
    pub fn settings(&self) -> Vec<boot::Setting> {
        Vec::new()
    }
}
pub struct Sources;
impl Default for Sources {
    fn default() -> Self {
        Sources
    }
}
pub fn gather(_: &Sources) -> Config {
    Config::default()
}
