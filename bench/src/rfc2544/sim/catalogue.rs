//! Devices by name, on lines of 10 Gbit/s: sound ones, and every kind of trouble.
use super::Simulation;
use super::device::{Band, Capacity, Death, Device, Stall};

/// A device: its name for `--simulate`, what it is, and how it differs from a plain one of 2,500,000
/// frames a second with a buffer of 1,000.
type Entry = (&'static str, &'static str, fn(&mut Device));

/// All devices, by name.
pub(crate) const DEVICES: &[Entry] = &[
    ("bits", "forwards 6 Gbit/s of frames", |d| d.capacity = Capacity::Bits(6e9)),
    ("corrupts", "spoils one frame in 1,000,000", |d| d.corrupt_every = Some(1_000_000)),
    ("crashes", "its process ends after 20 s", |d| d.dies = Some((20.0, Death::Known))),
    ("dies", "is silent after 20 s, and nobody says so", |d| d.dies = Some((20.0, Death::Silent))),
    ("drops-all", "forwards nothing", |d| d.drops_all = true),
    ("duplicates", "forwards one frame in 1,000 twice", |d| d.duplicate_every = Some(1000)),
    ("frames", "forwards 2,500,000 frames a second, with a buffer of 1,000", |_| ()),
    ("lossy", "loses one frame in 1,000, at any rate", |d| d.lose_every = Some(1000)),
    ("not-monotonic", "loses frames between 10 % and 55 % of its capacity, and none above", |d| {
        d.band = Some(Band { from: 0.1, to: 0.55, loss: 0.02 });
    }),
    ("periodic-loss", "loses one frame in 30,000,000", |d| d.lose_every = Some(30_000_000)),
    ("queues", "has latency that grows with the load, and a buffer of 100,000", |d| {
        d.latency_growth = 20.0;
        d.buffer = 100_000.0;
    }),
    ("reflects-all", "sends every frame back", |d| d.reflects_all = true),
    ("reorders", "turns one frame in 1,000 over", |d| d.reorder_every = Some(1000)),
    ("slow-recovery", "loses frames for 1.5 s after an overload", |d| d.daze = 1.5),
    ("stalls", "stands still for 2 ms in each 100 ms, with a buffer of 1,000", |d| {
        d.stall = Some(Stall { every: 0.1, lasts: 0.002 });
    }),
    ("uneven", "delays one flow in four by 40 us", |d| d.uneven = Some((4, 40e-6))),
    ("wire", "forwards whatever the line carries", |d| d.capacity = Capacity::Frames(1e9)),
];

/// A tester with this device.
pub(crate) fn simulation(name: &str) -> Option<Simulation> {
    let (name, _, change) = DEVICES.iter().find(|d| d.0 == name)?;
    let mut device = Device::new(Capacity::Frames(2.5e6));
    device.buffer = 1000.0;
    change(&mut device);
    Some(Simulation::new(name, device, 10e9))
}
