//! Receive interrupts, where a driver has them: a worker without work sleeps until frames come.
use super::c;
use super::device::Device;
use rustix::event::epoll;
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Most queues whose interrupts are waited for together.
const MOST: usize = 64;

/// The interrupts of some receiving queues of a device.
pub struct Interrupts {
    device: Arc<Device>,
    queues: Vec<u16>,
    /// DPDK's drivers say here that frames have come.
    epoll: OwnedFd,
}

impl Interrupts {
    /// `None` where the driver has none, or not for each of these queues.
    pub fn new(device: &Arc<Device>, queues: &[u16]) -> Option<Interrupts> {
        // One that was refused them (virtio without MSI-X) may still have descriptors, of which nothing comes.
        if !device.has_interrupts() || queues.is_empty() || queues.len() > MOST {
            return None;
        }
        super::log::unheard(|| Interrupts::asked_for(device, queues))
    }

    fn asked_for(device: &Arc<Device>, queues: &[u16]) -> Option<Interrupts> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
        let mut these = Interrupts { device: device.clone(), queues: Vec::new(), epoll };
        for &queue in queues {
            // SAFETY: the port exists; DPDK adds a descriptor of the queue's to ours, with nothing of ours behind it.
            if !unsafe { these.control(queue, c::SLUICE_INTR_ADD) } {
                return None;
            }
            these.queues.push(queue);
        }
        // A driver that has descriptors may still have no interrupts.
        let works = these.arm();
        these.disarm();
        works.then_some(these)
    }

    /// # Safety
    /// `what` adds a queue that was not added, or removes one that was.
    unsafe fn control(&self, queue: u16, what: u32) -> bool {
        let (id, epoll) = (self.device.id(), self.epoll.as_raw_fd());
        // SAFETY: as the caller says.
        unsafe { c::rte_eth_dev_rx_intr_ctl_q(id, queue, epoll, what as i32, std::ptr::null_mut()) == 0 }
    }

    /// From now on the descriptor becomes readable when frames come; those that are there already may not count.
    /// False, and nothing changed, where that cannot be.
    pub fn arm(&mut self) -> bool {
        // A driver with a descriptor that cannot be switched has it on all the time.
        let switched = |number| number == 0 || number == -libc::ENOTSUP;
        // SAFETY: the port exists.
        let armed = |q: &u16| switched(unsafe { c::rte_eth_dev_rx_intr_enable(self.device.id(), *q) });
        let all = self.queues.iter().all(armed);
        if !all {
            self.disarm();
        }
        all
    }

    /// No longer. Takes what the descriptor has to tell.
    pub fn disarm(&mut self) {
        // SAFETY: the port exists; as many events are written as there is room for, and none is waited for.
        unsafe {
            for q in &self.queues {
                c::rte_eth_dev_rx_intr_disable(self.device.id(), *q);
            }
            let mut events: [c::rte_epoll_event; MOST] = zeroed();
            c::rte_epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), MOST as i32, 0);
        }
    }

    /// What becomes readable.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for &queue in &self.queues {
            // SAFETY: it was added by `new`.
            unsafe { self.control(queue, c::SLUICE_INTR_DEL) };
        }
    }
}
