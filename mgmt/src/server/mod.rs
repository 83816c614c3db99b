//! Sockets to paths: a thread with a runtime of its own.
use crate::ems::{Ems, TICK};
use crate::routes;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// A client has so long to say what it wants.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Threads that wait for the VNF.
const WAITING_THREADS: usize = 16;
/// Answers that are on their way when the end comes have so long.
const FAREWELL: Duration = Duration::from_millis(500);

/// A running EMS. It ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// The address cannot be had, or the thread not be started.
    pub fn start(ems: Arc<Ems>, listen: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WAITING_THREADS)
            .thread_name("ems-wait")
            .build()?;
        let (end, ended) = watch::channel(false);
        let body = move || {
            runtime.block_on(serve(ems, listener, ended));
            runtime.shutdown_timeout(FAREWELL);
        };
        let thread = std::thread::Builder::new().name("ems".into()).spawn(body)?;
        Ok(Server { address, end, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end.send(true); // it has ended by itself
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it panicked: nothing is left to end
        }
    }
}

async fn serve(ems: Arc<Ems>, listener: TcpListener, mut ended: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let looks = ems.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let ems = looks.clone();
            let _ = tokio::task::spawn_blocking(move || ems.tick()).await; // a panic there is in the log
        }
    });
    let app = routes::app(ems);
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.changed() => break,
        };
        let Ok((socket, _)) = socket else {
            tokio::time::sleep(Duration::from_millis(100)).await; // too many open files, say
            continue;
        };
        let _ = socket.set_nodelay(true); // it is slower without
        let service = TowerToHyperService::new(app.clone());
        let mut ended = ended.clone();
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
            let connection = http.serve_connection(TokioIo::new(socket), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return, // a broken client harms itself only
                _ = ended.changed() => connection.as_mut().graceful_shutdown(),
            }
            let _ = tokio::time::timeout(FAREWELL, connection).await;
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await; // answers on their way
}
