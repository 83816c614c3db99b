//! The generator alone, for a comparison with others and for the precision of its rate.
use super::make::Stream;
use super::plan;
use super::send::Sender;
use super::tester::Wire;
use crate::rfc2544::trial::{Frames, Length, Load, Phase, Stamps, Traffic};
use crate::wire::stop::Stop;
use sluice_dataplane::io::affinity::{pin_to_core, thread_cpu_time};
use sluice_dataplane::time;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// What the generator did.
pub(crate) struct Generated {
    /// Frames that the port took.
    pub(crate) frames: u64,
    /// Frames whose time passed without: the tester was late, or the port had no room.
    pub(crate) missed: u64,
    /// Processor time of its thread.
    pub(crate) cpu: Duration,
    /// Time that passed by the host's clock, which is not the one that it is paced by, nanoseconds.
    pub(crate) wall: u64,
}

impl Wire {
    /// Only sends, at A, for `time`.
    pub(crate) fn generate(
        &mut self,
        frames: &Frames,
        traffic: &Traffic,
        load: Load,
        time: Duration,
        stop: &Stop,
    ) -> Result<Generated, String> {
        let (flows, (sizes, turns)) = (plan::flows(traffic)?, plan::sizes(frames)?);
        let to = self.ports[1].side.ether;
        let templates: Result<Vec<_>, String> = sizes.iter().map(|size| self.template(traffic, *size, 0, to)).collect();
        let templates = templates?;
        let rows = plan::rows(&templates, flows);
        let phases = [Phase { load, length: Length::Time(time) }];
        let stream = Stream {
            templates: &templates,
            turns: &turns,
            broadcasts: &[],
            flows,
            rows: &rows,
            from: 0,
            trial: self.number(),
            phases: &phases,
            stamps: Stamps::Every,
            patient: false,
            query: None,
        };
        let (clock, core) = (self.clock, self.cores[0]);
        let (_answers, spoken) = sync_channel(1);
        let output = &mut self.ports[0].output;
        let work = move || {
            let _ = pin_to_core(core); // where it is not allowed, figures are noisier
            let _joined = sluice_dataplane::io::dpdk::join();
            let (wall, start, cpu) = (time::now(), clock.now(), thread_cpu_time());
            let mut sender = Sender::new(output, stream, start, spoken);
            while !sender.is_done() && !stop.asked() {
                sender.step(clock.now());
            }
            sender.stop(clock.now());
            let done = &sender.departures;
            Generated {
                frames: done.phases.iter().map(|p| p.0 - done.refusals.min(p.0)).sum(),
                missed: done.not_offered + done.refusals,
                cpu: thread_cpu_time() - cpu,
                wall: time::now() - wall,
            }
        };
        std::thread::scope(|s| s.spawn(work).join()).map_err(|_| "the generator panicked".into())
    }
}
