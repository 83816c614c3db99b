//! Images of virtual machines, booted by QEMU: how large they are, how soon they are ready, with how little memory they
//! forward, how long the packets wait when the VNF's process dies.
//!
//! What another operating system's kernel costs shows Debian's for clouds, with the same program in the same machine. It
//! has virtio as modules, so a shell loads them first. In a machine without PCI it finds no device: there the time until the function
//! runs is compared, without any.
mod cloud;
mod guest;

use crate::guest::vnf::Image;
use crate::harness::{Bench, Cost, Goal, Line, Table};
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result, ensure};
use cloud::Cloud;
use guest::Plan;
use sluice_images::kernel;
use sluice_images::qemu::Kind;
use sluice_images::qemu::accelerator::{Accelerator, Wanted, chosen};
use std::time::Duration;

/// Most boots of each kind.
const TURNS: u32 = 5;
/// Memory that a machine has where that is not what is measured, MiB.
const PLENTY: u32 = 192;
/// Memory that is tried, MiB, until one is too little.
const TRIED: [u32; 11] = [96, 80, 64, 56, 52, 48, 44, 40, 36, 32, 28];
/// A megabyte, bytes.
const MB: f64 = 1e6;

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let Some(repeats) = bench.repeats() else { return Ok(()) };
    let ready = || Ok::<_, anyhow::Error>((Stop::new()?, Image::open("socket")?, Image::open("full")?));
    let (stop, socket, full) = match ready() {
        Ok(ready) => ready,
        Err(why) => {
            bench.notes.push(format!("skipped: image: {why:#} (make image IMAGES=\"socket full\")"));
            return Ok(());
        }
    };
    let cloud = match Cloud::get(&socket) {
        Ok(cloud) => Some(cloud),
        Err(why) => {
            bench.notes.push(format!("skipped: image with Debian's kernel: {why:#}"));
            None
        }
    };
    let (accelerator, why) = chosen(Wanted::Auto);
    bench.notes.push(format!("images ran by {accelerator}: {why}"));
    let all = Measured { stop: &stop, accelerator, socket: &socket, full: &full, turns: repeats.min(TURNS) };
    bench.tables.push(all.sizes(cloud.as_ref())?);
    bench.tables.push(all.boots(cloud.as_ref())?);
    bench.tables.push(all.memory()?);
    bench.tables.push(all.deaths()?);
    match socket.manifest.files.get("bzImage").and_then(|f| kernel::took(&f.sha256)) {
        Some(took) => bench.tables.push(built(took)),
        None => {
            bench.notes.push("skipped: how long the kernel's build takes (it was not built on this machine)".into())
        }
    }
    Ok(())
}

fn one(value: f64) -> Cost {
    Cost::of(vec![value])
}

fn built(took: Duration) -> Table {
    let cost = one(took.as_secs_f64());
    let line = Line::new("when it was built here, all processors", cost, "itself", cost).goal(Goal::AtMost(480.0));
    Table { title: "the kernel of the images".into(), unit: "s".into(), lines: vec![line] }
}

/// What is measured, and with what.
struct Measured<'a> {
    stop: &'a Stop,
    accelerator: Accelerator,
    socket: &'a Image,
    full: &'a Image,
    turns: u32,
}

impl Measured<'_> {
    fn sizes(&self, cloud: Option<&Cloud>) -> Result<Table> {
        let size =
            |image: &Image| Ok::<_, anyhow::Error>(one((image.size("bzImage")? + image.size("initramfs")?) / MB));
        let (socket, full) = (size(self.socket)?, size(self.full)?);
        let (name, base) = match cloud {
            Some(cloud) => ("Debian's kernel for clouds alone", one(cloud.size as f64 / MB)),
            None => ("full", full),
        };
        let mut lines = vec![
            Line::new("socket", socket, name, base).goal(Goal::AtMost(5.5)),
            Line::new("full", full, name, base).goal(Goal::AtMost(8.0)),
        ];
        lines.extend(cloud.map(|_| Line::new(name, base, name, base)));
        Ok(Table { title: "image: kernel and initramfs".into(), unit: "MB".into(), lines })
    }

    fn plan<'p>(&self, image: &'p Image, kind: Kind, memory: u32) -> Plan<'p> {
        Plan { image, kind, memory, accelerator: self.accelerator, cloud: None, bare: false, words: "" }
    }

    fn boots(&self, cloud: Option<&Cloud>) -> Result<Table> {
        let plain = |kind| self.plan(self.socket, kind, PLENTY);
        let mut plans = vec![
            ("socket, microvm, /readyz is 200", plain(Kind::Microvm), Some(1100.0)),
            ("socket, pc, /readyz is 200", plain(Kind::Pc), Some(1700.0)),
            ("full, pc, DPDK and TLS, /readyz is 200", self.plan(self.full, Kind::Pc, PLENTY), None),
        ];
        if cloud.is_some() {
            plans.push(("socket, pc, Debian's kernel, /readyz is 200", Plan { cloud, ..plain(Kind::Pc) }, None));
            plans.push((
                "socket, microvm, no devices, the function runs",
                Plan { bare: true, ..plain(Kind::Microvm) },
                None,
            ));
            let other = Plan { cloud, bare: true, ..plain(Kind::Microvm) };
            plans.push(("the same with Debian's kernel", other, None));
        }
        let mut took: Vec<Vec<f64>> = vec![Vec::new(); plans.len()];
        for _ in 0..self.turns {
            for ((name, plan, _), took) in plans.iter().zip(&mut took) {
                let guest = plan.boot(self.stop).with_context(|| name.to_string())?;
                let at = if plan.bare { guest.up_at } else { guest.ready(self.stop)? };
                took.push(at as f64 / 1e6);
            }
        }
        let costs: Vec<Cost> = took.into_iter().map(Cost::of).collect();
        // Whose time each is compared with.
        let baseline = |n: usize| match n {
            0 => 1,
            4 => 5,
            n if cloud.is_some() && n < 4 => 3,
            n => n,
        };
        let lines = plans.iter().enumerate().map(|(n, (name, _, most))| {
            let mut line = Line::new(*name, costs[n], plans[baseline(n)].0, costs[baseline(n)]);
            line.goals.extend(most.map(Goal::AtMost));
            if cloud.is_some() && matches!(n, 1 | 4) { line.goal(Goal::Ratio(0.6)) } else { line }
        });
        let title = format!("image: from the start of QEMU ({}), until", self.accelerator);
        Ok(Table { title, unit: "ms".into(), lines: lines.collect() })
    }

    fn memory(&self) -> Result<Table> {
        let sockets = self.least(self.plan(self.socket, Kind::Pc, 0), false)?;
        let dpdk = self.least(Plan { words: "sluice.driver=dpdk", ..self.plan(self.full, Kind::Pc, 0) }, true)?;
        let lines = vec![
            Line::new("socket, pc", sockets, "full", dpdk).goal(Goal::AtMost(48.0)),
            Line::new("full, pc, with DPDK", dpdk, "full", dpdk).goal(Goal::AtMost(64.0)),
        ];
        Ok(Table { title: "image: least memory with which it forwards".into(), unit: "MiB".into(), lines })
    }

    fn least(&self, plan: Plan<'_>, dpdk: bool) -> Result<Cost> {
        let mut least = None;
        for memory in TRIED {
            let guest = Plan { memory, ..plan }.boot(self.stop).and_then(|g| g.ready(self.stop).map(|_| g));
            ensure!(!self.stop.asked(), "interrupted");
            match guest {
                Ok(guest)
                    if guest.forwards() && !(dpdk && guest.said().contains("packet sockets are used instead")) =>
                {
                    least = Some(memory);
                }
                _ => break,
            }
        }
        least.map(|m| one(f64::from(m))).context("it forwards with none of the memory that was tried")
    }

    fn deaths(&self) -> Result<Table> {
        let mut lines = Vec::new();
        for (name, image) in [("socket, pc", self.socket), ("full, pc, with DPDK", self.full)] {
            let mut took = Vec::new();
            let plan = self.plan(image, Kind::Pc, PLENTY);
            for _ in 0..self.turns {
                let guest = plan.boot(self.stop)?;
                guest.ready(self.stop)?;
                took.push(guest.death(self.stop)? as f64 / 1e6);
            }
            let cost = Cost::of(took);
            lines.push(Line::new(name, cost, "itself", cost).goal(Goal::AtMost(150.0)));
        }
        let title = "image: from the death of the VNF's process to the next packet forwarded";
        Ok(Table { title: title.into(), unit: "ms".into(), lines })
    }
}
