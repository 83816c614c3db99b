//! Without a virtual machine: Sluice as a process, and the bridge of this machine's kernel.
use super::Device;
use crate::dpdk::sluice;
use crate::paper::hosts::Hosts;
use crate::paper::record::Function;
use crate::paper::tool::command;
use crate::wire::process::{Running, last_line};
use crate::wire::stop::Stop;
use anyhow::ensure;
use std::time::Duration;

/// The device's interfaces.
const PORTS: [&str; 2] = ["port0", "port1"];
const CONFIGURATION: &str = include_str!("../../../../elements/functions/bridge.click");
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn start(function: Function, hosts: &Hosts, stop: &Stop) -> anyhow::Result<Box<dyn Device>> {
    hosts.cable(PORTS, stop)?;
    match function {
        Function::Bridge => {
            let net = &hosts.between;
            // With snooping it would send queries of its own.
            net.ip("link add bridge type bridge mcast_snooping 0")?;
            for port in PORTS {
                net.ip(&format!("link set {port} master bridge"))?;
            }
            net.ip("link set bridge up")?;
            hosts.meet(PATIENCE, stop, || Ok(()))?;
            Ok(Box::new(Kernel))
        }
        Function::Socket | Function::Full => {
            let mut sluice = command(&hosts.between, sluice()?);
            sluice.args(["run", "-", "--no-ems", &format!("A={}", PORTS[0]), &format!("B={}", PORTS[1])]);
            let mut running = Running::start(&mut sluice, CONFIGURATION)?;
            running.no_more_input();
            let mut device = Process(running);
            hosts.meet(PATIENCE, stop, || device.check())?;
            Ok(Box::new(device))
        }
    }
}

struct Process(Running);

impl Device for Process {
    fn check(&mut self) -> anyhow::Result<()> {
        ensure!(self.0.runs()?, "the process has ended: {}", last_line(&self.0.said()));
        Ok(())
    }

    fn facts(&self) -> Vec<(String, String)> {
        vec![("Sluice".into(), "a process with packet sockets on veth interfaces, bridge.click".into())]
    }

    fn emulated(&self) -> bool {
        false
    }
}

struct Kernel;

impl Device for Kernel {
    fn check(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn facts(&self) -> Vec<(String, String)> {
        vec![("Linux bridge".into(), "of this machine's kernel, between veth interfaces".into())]
    }

    fn emulated(&self) -> bool {
        false
    }
}
