//! Who has what of an interface: its program, and the two halves of each queue's socket. Ports take halves and give them
//! back; what nobody has goes away, the program with the last receiving half.
//!
//! Asked only when ports are opened and closed.
use crate::io::sys::interface::{self, InterfaceError};
use crate::io::sys::xdp::hook::{self, Hook};
use crate::io::sys::xdp::rx::RxHalf;
use crate::io::sys::xdp::socket::{self, SocketConfig};
use crate::io::sys::xdp::tx::TxHalf;
use crate::port::{XdpCopy, XdpDevice, XdpMode};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Between two attempts to open a socket.
const STEP: Duration = Duration::from_millis(5);
/// Frames that a queue holds in each direction, if nobody says how many.
const RING: u32 = 2048;

/// An interface on which AF_XDP is used.
pub struct Interface {
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Number of the interface, mode asked for, and the program.
    hook: Option<(u32, XdpMode, Weak<Hook>)>,
    queues: HashMap<u32, Queue>,
}

/// A socket and those of its halves that no port has.
struct Queue {
    config: SocketConfig,
    rx: Option<RxHalf>,
    tx: Option<TxHalf>,
    /// The interface went away beneath it: only to be closed.
    broken: bool,
}

impl Interface {
    /// The interface called `name`, which nobody uses yet.
    pub fn new(name: &str) -> Interface {
        Interface { name: name.into(), state: Mutex::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The receiving half of a queue's socket, with the interface's program sending frames to it. Sleeps for at most
    /// `patience` while the queue has a socket that somebody else closes.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub(super) fn take_rx(&self, device: &XdpDevice, number: u32, patience: Duration) -> io::Result<RxHalf> {
        let state = &mut *self.state();
        let queue = self.queue(state, device, number, patience)?;
        let Some(mut half) = queue.rx.take() else {
            let other = "is received from by another FromXDP: give both the same arguments, or different queues";
            return Err(self.error(number, other));
        };
        let joined = self.hook(&mut state.hook, half.ifindex(), device.mode).and_then(|hook| half.join(hook));
        if let Err(error) = joined {
            self.give_back(state, number, |queue| queue.rx = Some(half));
            return Err(self.explain(number, error));
        }
        Ok(half)
    }

    /// The sending half of a queue's socket.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub(super) fn take_tx(&self, device: &XdpDevice, patience: Duration) -> io::Result<TxHalf> {
        let taken = "is sent through by another ToXDP: give both the same arguments, or different queues";
        let state = &mut *self.state();
        let queue = self.queue(state, device, device.queue, patience)?;
        queue.tx.take().ok_or_else(|| self.error(device.queue, taken))
    }

    /// The half has no use any more; `broken` if the interface went away beneath it.
    pub(super) fn give_rx(&self, number: u32, mut half: RxHalf, broken: bool) {
        half.leave();
        self.give_back(&mut self.state(), number, |queue| {
            queue.rx = Some(half);
            queue.broken |= broken;
        });
    }

    /// As [`give_rx`](Self::give_rx).
    pub(super) fn give_tx(&self, number: u32, half: TxHalf, broken: bool) {
        self.give_back(&mut self.state(), number, |queue| {
            queue.tx = Some(half);
            queue.broken |= broken;
        });
    }

    /// Closes the socket when both halves are back.
    fn give_back(&self, state: &mut State, number: u32, give: impl FnOnce(&mut Queue)) {
        if let Some(queue) = state.queues.get_mut(&number) {
            give(queue);
            if queue.rx.is_some() && queue.tx.is_some() {
                state.queues.remove(&number);
            }
        }
    }

    /// The socket of a queue, opened if it is not.
    fn queue<'a>(
        &self,
        state: &'a mut State,
        device: &XdpDevice,
        number: u32,
        patience: Duration,
    ) -> io::Result<&'a mut Queue> {
        use std::collections::hash_map::Entry;
        match state.queues.entry(number) {
            Entry::Occupied(known) => {
                let queue = known.into_mut();
                if queue.broken {
                    return Err(self.error(number, "is being closed"));
                }
                let is = queue.config;
                if device.ring.is_some_and(|ring| ring != is.ring) {
                    let text = format!("is open with NDESC {}, and both directions share a socket", is.ring);
                    return Err(self.error(number, &text));
                }
                if device.copy != is.copy && device.copy != XdpCopy::Auto {
                    let text = "is open with another ZEROCOPY, and both directions share a socket";
                    return Err(self.error(number, text));
                }
                Ok(queue)
            }
            Entry::Vacant(place) => {
                let config = SocketConfig { queue: number, ring: device.ring.unwrap_or(RING), copy: device.copy };
                let opened = interface::index_if_up(&self.name).and_then(|_| self.open(config, patience));
                let (rx, tx) = opened.map_err(|error| self.explain(number, error))?;
                Ok(place.insert(Queue { config, rx: Some(rx), tx: Some(tx), broken: false }))
            }
        }
    }

    /// Opens a socket. The kernel gives a queue free a moment after its socket was closed.
    fn open(&self, config: SocketConfig, patience: Duration) -> io::Result<(RxHalf, TxHalf)> {
        let mut left = patience;
        loop {
            match socket::open(&self.name, config) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && !left.is_zero() => {
                    std::thread::sleep(STEP);
                    left = left.saturating_sub(STEP);
                }
                result => return result,
            }
        }
    }

    /// The program, attached if it is not.
    fn hook(
        &self,
        known: &mut Option<(u32, XdpMode, Weak<Hook>)>,
        ifindex: u32,
        mode: XdpMode,
    ) -> io::Result<Arc<Hook>> {
        if let Some((index, its_mode, hook)) = known
            && *index == ifindex
            && let Some(hook) = hook.upgrade()
        {
            let fits = mode == *its_mode || mode == XdpMode::Auto || hook.is_native() == (mode == XdpMode::Native);
            let other = "another FromXDP of the interface has another MODE";
            return if fits { Ok(hook) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, other)) };
        }
        let hook = Arc::new(Hook::attach(ifindex, mode).map_err(|error| match () {
            () if hook::is_taken(&error) => {
                let name = &self.name;
                let remedy = format!(
                    "it already carries an XDP program: end the program that put it there, or take it off \
                     (ip link set {name} xdp off; ip link set {name} xdpgeneric off)"
                );
                io::Error::new(io::ErrorKind::ResourceBusy, remedy)
            }
            () if mode == XdpMode::Native && error.kind() != io::ErrorKind::PermissionDenied => {
                let text =
                    format!("its driver cannot run an XDP program as things are ({error}): MODE auto or generic");
                io::Error::new(error.kind(), text)
            }
            () => error,
        })?);
        *known = Some((ifindex, mode, Arc::downgrade(&hook)));
        Ok(hook)
    }

    fn error(&self, queue: u32, text: &str) -> io::Error {
        io::Error::new(io::ErrorKind::ResourceBusy, format!("{}: queue {queue} {text}", self.name))
    }

    /// Turns what the kernel said into something to act upon.
    fn explain(&self, queue: u32, error: io::Error) -> io::Error {
        let name = &self.name;
        let text = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                format!("{name}: AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (run as root)")
            }
            Some(libc::EAFNOSUPPORT) => {
                format!("{name}: this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): use FromDevice")
            }
            Some(libc::EINVAL) => format!("{name}: no queue {queue} (ethtool -l {name} shows how many there are)"),
            Some(libc::EBUSY) => {
                format!("{name}: queue {queue} is in use by another AF_XDP socket: choose another QUEUE")
            }
            Some(libc::EOPNOTSUPP) => format!("{name}: its driver has no zero-copy AF_XDP: ZEROCOPY auto or copy"),
            Some(libc::ENOBUFS | libc::ENOMEM) => {
                format!(
                    "{name}: no memory for queue {queue} ({error}): a smaller NDESC, or a higher limit of locked memory"
                )
            }
            Some(_) => return interface::explain(name, error),
            None if error.get_ref().is_some_and(|inner| inner.is::<InterfaceError>()) => return error,
            None => format!("{name}: {error}"),
        };
        io::Error::new(error.kind(), text)
    }
}
