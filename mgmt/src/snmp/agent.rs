//! The agent as a whole: its socket, and the thread that serves it.
use super::counters::LONGEST;
use super::notify::Teller;
use super::responder::{Responder, wrong};
use crate::ems::Ems;
use crate::settings::Settings;
use bytes::Bytes;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Messages that are worked on at the same time. More wait in the socket.
const AT_ONCE: usize = 32;
/// Threads that wait for the VNF.
const WAITING_THREADS: usize = 4;
/// Between two looks at the files.
const TICK: Duration = Duration::from_millis(500);

/// A running SNMP agent. It ends when this is dropped.
pub struct Agent {
    address: SocketAddr,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// Listens and answers from then on, if the settings have it.
    ///
    /// # Errors
    /// The settings are wrong, a file of the engine is damaged, the address cannot be had.
    pub fn start(ems: &Arc<Ems>, settings: &Settings) -> io::Result<Option<Agent>> {
        settings.check().map_err(wrong)?;
        let (Some(snmp), Some(folder)) = (&settings.snmp, &settings.folder) else { return Ok(None) };
        let responder = Responder::open(ems, snmp, folder)?;
        let teller = Arc::new(Teller {
            targets: snmp.targets.clone(),
            engine: responder.engine.clone(),
            users: responder.keeper.users.clone(),
            access: responder.access.clone(),
            salts: responder.salts.clone(),
            snapshots: responder.snapshots.clone(),
            ems: ems.clone(),
            number: AtomicI32::new(1),
        });
        let socket = UdpSocket::bind(snmp.listen)
            .map_err(|e| io::Error::new(e.kind(), format!("[ems.snmp] listen {}: {e}", snmp.listen)))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let responder = Arc::new(responder);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WAITING_THREADS)
            .thread_name("snmp-wait")
            .build()?;
        let (end, ended) = watch::channel(false);
        let body = move || {
            runtime.block_on(serve(responder, teller, socket, ended));
            runtime.shutdown_timeout(Duration::from_millis(100));
        };
        let thread = std::thread::Builder::new().name("snmp".into()).spawn(body)?;
        Ok(Some(Agent { address, end, thread: Some(thread) }))
    }

    /// Where it listens, UDP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.end.send(true); // it has ended by itself
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it panicked: nothing is left to end
        }
    }
}

async fn serve(responder: Arc<Responder>, teller: Arc<Teller>, socket: UdpSocket, mut ended: watch::Receiver<bool>) {
    let Ok(socket) = tokio::net::UdpSocket::from_std(socket).map(Arc::new) else { return };
    if !teller.targets.is_empty() {
        match responder.ems.events.follow(None) {
            Some(follower) => drop(tokio::spawn(teller.tell(follower))),
            None => responder.ems.journal.say("snmp", "nobody is told anything: too many listen already"),
        }
    }
    tokio::spawn(look_after(responder.clone()));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut buffer = vec![0; LONGEST + 1];
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            _ = ended.changed() => return,
        };
        // What a socket says of what was sent before (a port unreachable, say) is no message.
        let Ok((length, from)) = received else { continue };
        let bytes = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        let (responder, socket) = (responder.clone(), socket.clone());
        tokio::spawn(async move {
            if let Some(answer) = responder.take(bytes, from).await {
                let _ = socket.send_to(&answer, from).await; // whoever asked asks again
            }
            drop(place);
        });
    }
}

async fn look_after(responder: Arc<Responder>) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
        let responder = responder.clone();
        let _ = tokio::task::spawn_blocking(move || responder.keeper.tick(&responder.ems)).await; // a panic there is in the log
    }
}
