//! The threads behind control sockets: one for each socket, one for each connection.
use super::protocol::talk;
use super::socket::Connection;
use super::{Handlers, Options, Request, Socket};
use crate::handler::Call;
use crate::io::poll::{Waiter, Waker};
use crate::os::strerror;
use std::io::{self, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Connections that one socket serves at a time.
pub const CONNECTIONS: usize = 64;
/// Between two tries to bind, and after an error that may pass.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for the threads to end.
const FAREWELL: Duration = Duration::from_millis(200);

type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Serves the control sockets of one engine, whatever its graph. All of them are closed when this
/// is dropped.
pub struct Servers<H> {
    handlers: H,
    log: Log,
    running: Vec<Arc<Running>>,
}

struct Running {
    socket: Arc<Socket>,
    options: Mutex<Options>,
    waker: Waker,
    ended: AtomicBool,
    connections: Mutex<Vec<(u64, Connection)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // no lock is held where something may panic
}

impl<H: Handlers> Servers<H> {
    /// Serves nothing yet. `log` gets a line for each message.
    pub fn new(handlers: H, log: impl Fn(&str) + Send + Sync + 'static) -> Servers<H> {
        Servers { handlers, log: Arc::new(log), running: Vec::new() }
    }

    /// Serves these sockets and no others: sockets that are open already stay so, with their
    /// connections. Never waits for a client, nor for the engine, so the engine's own thread may
    /// call this.
    ///
    /// # Errors
    /// The operating system refuses a thread or an event descriptor; the other sockets are served.
    pub fn update(&mut self, wanted: &[Request]) -> io::Result<()> {
        self.running.retain(|r| {
            let stays = wanted.iter().any(|w| Arc::ptr_eq(&w.socket, &r.socket)) && !r.ended.load(Ordering::Acquire);
            if !stays {
                r.end();
            }
            stays
        });
        let mut result = Ok(());
        for want in wanted {
            match self.running.iter().find(|r| Arc::ptr_eq(&r.socket, &want.socket)) {
                Some(r) => *lock(&r.options) = want.options.clone(),
                None => result = result.and(self.serve(want)),
            }
        }
        result
    }

    fn serve(&mut self, request: &Request) -> io::Result<()> {
        let waiter = Waiter::new()?;
        let running = Arc::new(Running {
            socket: request.socket.clone(),
            options: Mutex::new(request.options.clone()),
            waker: waiter.waker(),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let (handlers, log, me) = (self.handlers.clone(), self.log.clone(), running.clone());
        std::thread::Builder::new().name("control".into()).spawn(move || me.listen(&handlers, &log, &waiter))?;
        self.running.push(running);
        Ok(())
    }
}

impl<H> Drop for Servers<H> {
    /// Waits a little for answers that are on their way: that to `stop`, say.
    fn drop(&mut self) {
        self.running.iter().for_each(|r| r.end());
        for _ in 0..FAREWELL.as_millis() {
            // Each thread holds one reference.
            if self.running.iter().all(|r| Arc::strong_count(r) == 1) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Running {
    /// Takes no more requests; lets the threads end by themselves once they have answered.
    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.waker.wake();
        lock(&self.connections).iter().for_each(|c| c.1.end());
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The thread of the socket.
    fn listen<H: Handlers>(self: Arc<Self>, handlers: &H, log: &Log, waiter: &Waiter) {
        if !self.bind(handlers, log, waiter) {
            return;
        }
        let mut number = 0;
        while !self.has_ended() {
            match self.socket.accept() {
                Ok(Some((connection, from))) => {
                    number += 1;
                    self.welcome(handlers, log, number, connection, &from);
                }
                Ok(None) => {
                    let Some(fd) = self.socket.fd() else { return };
                    if waiter.wait(&[fd], &[], None).is_err() {
                        return;
                    }
                }
                Err(e) => {
                    log(&format!("{}: accept: {}", lock(&self.options).name, strerror(&e)));
                    let _ = waiter.wait(&[], &[], Some(PAUSE)); // too many open files, say
                }
            }
        }
    }

    /// Binds the socket if it is not; tries again as often as its options say. The last failure
    /// stops the driver.
    fn bind<H: Handlers>(&self, handlers: &H, log: &Log, waiter: &Waiter) -> bool {
        let options = lock(&self.options).clone();
        for left in (0..options.retries).rev() {
            if self.socket.is_bound() {
                return true;
            }
            let _ = waiter.wait(&[], &[], Some(PAUSE)); // an early end is an early try
            if self.has_ended() {
                return false;
            }
            match self.socket.bind() {
                Ok(()) => return true,
                Err(why) if left == 0 => {
                    log(&format!("{}: {why}", options.name));
                    let _ = handlers.call(Call::write("stop", "")); // no graph: nothing to stop
                }
                Err(why) if options.retry_warnings => log(&format!("{}: {}", options.name, tries_left(&why, left))),
                Err(_) => {}
            }
        }
        self.socket.is_bound()
    }

    /// Starts the thread of a connection.
    fn welcome<H: Handlers>(
        self: &Arc<Self>,
        handlers: &H,
        log: &Log,
        number: u64,
        mut connection: Connection,
        from: &str,
    ) {
        let Options { name, read_only, verbose, .. } = lock(&self.options).clone();
        let Ok(mut to) = connection.duplicate().and_then(|to| {
            let mut all = lock(&self.connections);
            if all.len() >= CONNECTIONS {
                return Err(io::Error::other("too many connections"));
            }
            all.push((number, to.duplicate()?));
            Ok(to)
        }) else {
            use std::io::Write;
            let _ = connection.write_all(b"500 Too many connections\r\n"); // it may be gone
            return;
        };
        if self.has_ended() {
            connection.close(); // the end came before we were on the list
        }
        if verbose {
            log(&format!("{name}: opened connection {number}{from}"));
        }
        let (me, handlers, thread_log) = (self.clone(), handlers.clone(), log.clone());
        let spawned = std::thread::Builder::new().name("control".into()).spawn(move || {
            let _ = talk(&handlers, read_only, BufReader::new(&mut connection), &mut to); // it broke: the same end
            connection.close();
            lock(&me.connections).retain(|c| c.0 != number);
            if verbose {
                thread_log(&format!("{name}: closed connection {number}"));
            }
        });
        if spawned.is_err() {
            lock(&self.connections).retain(|c| c.0 != number);
        }
    }
}

/// `why (2 tries left)`.
pub(crate) fn tries_left(why: &str, left: u32) -> String {
    format!("{why} ({left} {} left)", if left == 1 { "try" } else { "tries" })
}
