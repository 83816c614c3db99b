//! The load: frames of 64 bytes, sent as fast as one core can, for a limited time.
use super::net::Net;
use super::stop::Stop;
use crate::ring::FRAME;
use anyhow::{Context as _, anyhow};
use rustix::thread::{CpuSet, sched_setaffinity};
use sluice_dataplane::io::affinity::thread_cpu_time;
use sluice_dataplane::io::sys::tx::{MAX_BURST, SendStop, TxSocket};
use sluice_dataplane::time::now;
use std::time::Duration;

/// Most frames of one load: far more than a core sends in the time of one.
const MOST: u64 = 10_000_000;

/// What was sent.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    /// Frames that the kernel accepted.
    pub(super) frames: u64,
    /// How long it took.
    pub(super) time: Duration,
    /// Processor time of the sending thread; what the kernel did meanwhile on its core is in it.
    pub(super) cpu: Duration,
}

/// Sends for `time` on an interface of `net`, from a thread on `core`.
pub(super) fn send(net: &Net, interface: &str, core: usize, time: Duration, stop: &Stop) -> anyhow::Result<Sent> {
    let work = || {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).context("the load's core")?;
        net.enter()?;
        // Not past the queueing discipline: that is where frames are multiplied.
        blast(&mut TxSocket::open(interface, false)?, time, stop)
    };
    std::thread::scope(|s| s.spawn(work).join()).map_err(|_| anyhow!("the load's thread panicked"))?
}

fn blast(socket: &mut TxSocket, time: Duration, stop: &Stop) -> anyhow::Result<Sent> {
    // An EtherType for experiments (IEEE 802): no stack answers it.
    let mut frame = [0; FRAME];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    let frames = [&frame[..]; MAX_BURST];
    let (start, cpu) = (now(), thread_cpu_time());
    let mut sent = Sent { frames: 0, time: Duration::ZERO, cpu };
    while sent.time < time && sent.frames < MOST && !stop.asked() {
        let burst = socket.send(frames);
        sent.frames += burst.accepted as u64;
        match burst.stop {
            None | Some(SendStop::Full) => {}
            Some(other) => return Err(anyhow!("cannot send: {other:?}")),
        }
        sent.time = Duration::from_nanos(now() - start);
    }
    Ok(Sent { cpu: thread_cpu_time() - cpu, ..sent })
}
