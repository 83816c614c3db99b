//! stub
use super::tree::Table;
use crate::agent::Agent;
use crate::ems::Ems;
use crate::events::What;
use async_snmp::{ErrorStatus, Oid, VarBind};
pub struct Known;
impl Known {
    pub fn new(_: &str, _: &str) -> Known {
        Known
    }
}
pub struct Refused {
    pub status: ErrorStatus,
    pub index: usize,
}
pub fn read(_: &Ems, _: &mut Known, _: u32) -> Vec<Table> {
    Vec::new()
}
pub fn write(a: &Agent, _: &[VarBind]) -> Result<Agent, Refused> {
    Ok(a.clone())
}
pub fn notification(_: &Ems, _: &mut Known, _: &What) -> Option<(Oid, Vec<VarBind>)> {
    None
}
