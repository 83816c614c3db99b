//! Sockets to paths: a thread with a runtime of its own.
use crate::auth::files::Watched;
use crate::auth::security::{Peer, Security};
use crate::ems::{Ems, TICK};
use crate::settings::Settings;
use crate::sol002::links::Scheme;
use crate::tls;
use axum::Router;
use axum::extract::Request;
use connections::Connections;
use farewell::{Answer, Asked, Owed, Unsaid};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use layers::Layers;
use patience::Patience;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

mod admit;
mod body;
mod connections;
mod farewell;
mod layers;
mod patience;
mod rate;
mod request_id;
mod spelling;

/// A client has so long to say what it wants next, or less if requests have less. One that is idle loses its connection.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// A header of a request that is longer than this is refused when the next piece comes: at twice this at the latest, bytes.
const HEADERS: usize = 32 << 10;
/// Most fields of it.
const FIELDS: usize = 64;
/// Threads that wait for the VNF.
const WAITING_THREADS: usize = 16;
/// Threads that still wait for the VNF when all is said have so long.
const LEFT: Duration = Duration::from_millis(500);
/// To a client for which there is no place.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
Content-Type: application/problem+json\r\nContent-Length: 87\r\n\r\n\
{\"status\":503,\"title\":\"Service Unavailable\",\"detail\":\"too many connections; try later\"}";

/// A running EMS. It ends when this is dropped.
pub struct Server {
    addresses: Vec<SocketAddr>,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// The address may not be listened to with this security, or cannot be had, or the thread not be started.
    pub fn start(ems: Arc<Ems>, settings: &Settings, security: Arc<Security>) -> io::Result<Server> {
        Server::start_also(ems, settings, security, Vec::new())
    }

    /// The same with services for clients that know neither TLS nor tokens, each with an address of its own: whoever
    /// reaches it may all that its routes let anybody do.
    ///
    /// # Errors
    /// The same.
    pub fn start_also(
        ems: Arc<Ems>,
        settings: &Settings,
        security: Arc<Security>,
        also: Vec<(SocketAddr, Router)>,
    ) -> io::Result<Server> {
        security.may_listen(settings.listen)?;
        let layers = Layers::new(ems, security, settings);
        let mut doors = vec![Door::open(settings.listen, layers::app(&layers), true)?];
        for (address, router) in also {
            doors.push(Door::open(address, layers::unasked(router, &layers), false)?);
        }
        let addresses = doors.iter().map(|d| d.address).collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WAITING_THREADS)
            .thread_name("ems-wait")
            .build()?;
        let (end, ended) = watch::channel(false);
        let body = move || {
            runtime.block_on(serve(layers, doors, ended));
            runtime.shutdown_timeout(LEFT);
        };
        let thread = std::thread::Builder::new().name("ems".into()).spawn(body)?;
        Ok(Server { addresses, end, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where everything is served: first what needs credentials, then the others in their order.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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

/// An address that is listened to.
struct Door {
    listener: TcpListener,
    address: SocketAddr,
    app: Router,
    /// TLS is spoken, if there is any.
    tls: bool,
}

impl Door {
    fn open(at: SocketAddr, app: Router, tls: bool) -> io::Result<Door> {
        let listener = TcpListener::bind(at).map_err(|e| io::Error::new(e.kind(), format!("{at}: {e}")))?;
        listener.set_nonblocking(true)?;
        Ok(Door { address: listener.local_addr()?, listener, app, tls })
    }
}

async fn serve(layers: Layers, doors: Vec<Door>, mut ended: watch::Receiver<bool>) {
    tokio::spawn(look_after(layers.ems.clone(), layers.security.clone()));
    let connections = Connections::new(layers.limits.connections);
    let mut open = JoinSet::new();
    for door in doors {
        open.spawn(listen(door, layers.clone(), connections.clone(), ended.clone()));
    }
    let _ = ended.changed().await; // or nobody can end it any more: that is the end, too
    while open.join_next().await.is_some() {} // each connection is bounded itself
}

async fn listen(door: Door, layers: Layers, connections: Arc<Connections>, ended: watch::Receiver<bool>) {
    let Door { listener, app, tls, .. } = door;
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let (mut end, mut talks) = (ended.clone(), JoinSet::new());
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = talks.join_next() => continue,
            _ = end.changed() => break,
        };
        let Ok((socket, address)) = socket else {
            tokio::time::sleep(Duration::from_millis(100)).await; // too many open files, say
            continue;
        };
        let _ = socket.set_nodelay(true); // it is slower without
        let tls = layers.security.tls.as_ref().filter(|_| tls).map(Watched::get);
        let Some(place) = connections.place(address.ip()) else {
            turn_away(&socket, tls.is_some());
            continue;
        };
        let time = Duration::from_secs(layers.limits.request_seconds).min(HEADERS_WITHIN);
        let unsaid = Arc::new(Unsaid::default());
        let socket = Patience::new(socket, time, unsaid.clone());
        let talk = greet(socket, address, tls, app.clone(), time, (ended.clone(), unsaid));
        talks.spawn(async move {
            talk.await;
            drop(place);
        });
    }
    drop(listener);
    while talks.join_next().await.is_some() {} // one that panicked is over, too
}

/// Looks after everything from time to time.
async fn look_after(ems: Arc<Ems>, security: Arc<Security>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let (ems, security) = (ems.clone(), security.clone());
        let look = move || {
            security.tick(&ems);
            ems.tick();
        };
        let _ = tokio::task::spawn_blocking(look).await; // a panic there is in the log
    }
}

/// Says that there is no place, if that can be said at once.
fn turn_away(socket: &TcpStream, tls: bool) {
    if !tls {
        let mut asked = [0; 4096];
        let _ = socket.try_read(&mut asked); // what was not read when a socket is closed can make the answer be lost
        let _ = socket.try_write(FULL);
    }
}

/// Serves a connection, behind TLS if there is any.
async fn greet(
    socket: Patience<TcpStream>,
    address: SocketAddr,
    tls: Option<Arc<tls::server::Config>>,
    app: Router,
    time: Duration,
    mut end: (watch::Receiver<bool>, Arc<Unsaid>),
) {
    let Some(tls) = tls else {
        return talk(socket, Peer { address, names: Arc::new([]) }, Scheme("http"), app, time, end).await;
    };
    let greeted = tokio::select! {
        greeted = tokio::time::timeout(time, tls.accept(socket)) => greeted,
        _ = end.0.changed() => return,
    };
    let Ok(Ok((stream, names))) = greeted else { return };
    talk(stream, Peer { address, names: names.into() }, Scheme("https"), app, time, end).await;
}

/// HTTP/1.1 (RFC 9112) until the client or the EMS ends it.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    scheme: Scheme,
    app: Router,
    time: Duration,
    (mut ended, unsaid): (watch::Receiver<bool>, Arc<Unsaid>),
) {
    let to_say = unsaid.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (owed, unsaid) = (Owed::new(&to_say), to_say.clone());
        let mut request = request.map(|body| axum::body::Body::new(Asked { body, unsaid }));
        request.extensions_mut().insert(peer.clone());
        request.extensions_mut().insert(scheme);
        let answer = app.clone().oneshot(request);
        async { answer.await.map(|response| response.map(|body| Answer { body, owed })) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(time)
        .title_case_headers(true)
        .max_buf_size(HEADERS)
        .max_headers(FIELDS);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return, // a broken client harms itself only
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    unsaid.end(connection).await;
}

#[cfg(test)]
mod tests;
