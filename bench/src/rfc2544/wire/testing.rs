//! Devices in memory: what is sent at one port comes out of the other, changed as a test wants it.
use super::flow::Side;
use super::frame::FCS;
use super::port::{Full, In, Out};
use super::tester::{Path, Port, Wire};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::port::{FrameMeta, Receive, Rx, Sent, Transmit};
use sluice_dataplane::wire::EtherAddr;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Frames on their way to port A and to port B.
pub(super) type Queues = [VecDeque<Vec<u8>>; 2];

/// What the device does with the frame that came in at a port, the `n`-th there: puts something into the queues.
pub(super) type Act = Box<dyn FnMut(usize, u64, Vec<u8>, &mut Queues) + Send>;

/// A device.
pub(super) struct Device {
    act: Act,
    queues: Queues,
    came: [u64; 2],
    /// Frames of each queue, at most; a sender finds it full then.
    capacity: usize,
}

struct End {
    device: Arc<Mutex<Device>>,
    port: usize,
}

impl Transmit for End {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let mut device = self.device.lock().unwrap();
        let Device { act, queues, came, capacity } = &mut *device;
        let mut taken = 0;
        for p in packets {
            if queues[1 - self.port].len() >= *capacity {
                break;
            }
            act(self.port, came[self.port], p.data().to_vec(), queues);
            came[self.port] += 1;
            taken += 1;
        }
        if taken == 0 { Sent::Full } else { Sent::Some(taken) }
    }
}

impl Receive for End {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        let mut device = self.device.lock().unwrap();
        while rx.room() > 0
            && let Some(frame) = device.queues[self.port].pop_front()
        {
            rx.frame(&[&frame], FrameMeta::default());
        }
    }
}

/// A device that hands every frame over.
pub(super) fn cable() -> Act {
    Box::new(|port, _, frame, queues| queues[1 - port].push_back(frame))
}

/// A tester whose ports are on a device that acts so.
pub(super) fn wire(act: Act, capacity: usize, full: Full, path: Path) -> Wire {
    let device = Device { act, queues: Default::default(), came: [0; 2], capacity };
    let device = Arc::new(Mutex::new(device));
    let pool = Pool::new(4096);
    let port = |number: u8| {
        let end = || Box::new(End { device: device.clone(), port: number.into() });
        Port {
            name: format!("port {number}"),
            input: In::new(end(), &pool),
            output: Out::new(end(), &pool, full),
            side: Side { number, ether: EtherAddr([2, 0, 0, 0, 0, 10 + number]) },
            longest: pool.longest_frame() + FCS,
        }
    };
    let core = *sluice_dataplane::io::affinity::allowed_cores().unwrap().last().unwrap();
    Wire::new([port(0), port(1)], path, [core; 2])
}
