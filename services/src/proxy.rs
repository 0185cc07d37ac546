//! A TCP proxy that can fail in the ways a network can.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::ServicesError;

const BACKLOG: u32 = 1024;

/// A TCP proxy on a port of 127.0.0.1 before one server. It, and every connection through it, ends
/// when it is dropped.
///
/// Every connection is to the same target, so what is set holds for all of them, those that are
/// open and those to come.
pub struct Proxy {
    address: SocketAddr,
    /// Bound, and never listening: the port stays ours while connections are refused.
    _port: TcpSocket,
    accepting: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    #[default]
    Open,
    /// They pass, in pieces of up to 64 KiB, each so much later.
    Delayed(Duration),
    /// They are kept. When the direction is opened they pass, also if the sender has gone by then.
    Stalled,
}

struct Shared {
    /// `host:port`.
    target: String,
    links: Mutex<JoinSet<()>>,
    accepted: AtomicUsize,
    requests: watch::Sender<Flow>,
    answers: watch::Sender<Flow>,
    to_lose: AtomicUsize,
    injected: broadcast::Sender<Vec<u8>>,
}

impl Proxy {
    /// Starts a proxy before `target`, a `host:port`; must be called inside a Tokio runtime.
    /// Nothing has to listen there yet.
    ///
    /// # Errors
    /// [`ServicesError::Port`].
    pub fn start(target: impl Into<String>) -> Result<Self, ServicesError> {
        let port = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = port.local_addr().map_err(ServicesError::Port)?;
        let proxy = Self {
            address,
            _port: port,
            accepting: Mutex::default(),
            shared: Arc::new(Shared {
                target: target.into(),
                links: Mutex::default(),
                accepted: AtomicUsize::new(0),
                requests: watch::Sender::default(),
                answers: watch::Sender::default(),
                to_lose: AtomicUsize::new(0),
                injected: broadcast::Sender::new(16),
            }),
        };
        proxy.admit()?;
        Ok(proxy)
    }

    /// As [`Proxy::start`], before the server that a URL names; the URL must have a port.
    ///
    /// # Errors
    /// [`ServicesError::NoPort`], [`ServicesError::Port`].
    pub fn before(url: &str) -> Result<Self, ServicesError> {
        Self::start(authority(url)?)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// This URL of the target, led through here.
    #[must_use]
    pub fn through(&self, url: &str) -> String {
        url.replacen(&self.shared.target, &self.address.to_string(), 1)
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Cuts every connection and says how many there were. New ones are accepted.
    pub async fn cut(&self) -> usize {
        let mut links = std::mem::take(&mut *locked(&self.shared.links));
        while links.try_join_next().is_some() {}
        let open = links.len();
        links.shutdown().await;
        open
    }

    /// Refuses new connections, as a port does that nobody listens on. Those that are open stay.
    pub async fn refuse(&self) {
        let accepting = locked(&self.accepting).take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // Cancelled, as asked for; the listener is closed now.
            let _ = accepting.await;
        }
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// [`ServicesError::Port`].
    pub fn admit(&self) -> Result<(), ServicesError> {
        let mut accepting = locked(&self.accepting);
        if accepting.is_none() {
            let listener = bind(self.address)?.listen(BACKLOG);
            let listener = listener.map_err(ServicesError::Port)?;
            *accepting = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        }
        Ok(())
    }

    /// What happens to the bytes on their way to the target.
    pub fn requests(&self, flow: Flow) {
        self.shared.requests.send_replace(flow);
    }

    /// What happens to the bytes on their way back.
    pub fn answers(&self, flow: Flow) {
        self.shared.answers.send_replace(flow);
    }

    /// Lets the next `count` requests pass, and cuts the connection of each when its answer comes
    /// back: the target has acted, and nobody hears of it.
    pub fn lose_answers(&self, count: usize) {
        self.shared.to_lose.store(count, Ordering::SeqCst);
    }

    /// Says something to every client in the target's name. The target must be silent meanwhile,
    /// or it lands between its bytes.
    pub fn inject(&self, bytes: &[u8]) {
        // An error says that nobody is connected.
        let _ = self.shared.injected.send(bytes.to_vec());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(accepting) = locked(&self.accepting).take() {
            accepting.abort();
        }
        locked(&self.shared.links).abort_all();
    }
}

/// The `host:port` of a URL.
fn authority(url: &str) -> Result<&str, ServicesError> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let target = authority.rsplit('@').next().unwrap_or_default();
    match target.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => Ok(target),
        // Nothing of the URL: it may hold a password.
        _ => Err(ServicesError::NoPort),
    }
}

/// Two sockets may have the port: the one that keeps it, and the one that listens.
fn bind(address: SocketAddr) -> Result<TcpSocket, ServicesError> {
    let bound = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(ServicesError::Port)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of descriptors, most likely: time for others to close theirs.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        let link = link(client, Arc::clone(&shared));
        let mut links = locked(&shared.links);
        while links.try_join_next().is_some() {}
        links.spawn(link);
    }
}

/// Carries one connection. Either end closes both.
async fn link(client: TcpStream, shared: Arc<Shared>) {
    let Ok(target) = TcpStream::connect(&shared.target).await else {
        return;
    };
    if client.set_nodelay(true).is_err() || target.set_nodelay(true).is_err() {
        return;
    }
    let injected = shared.injected.subscribe();
    let (from_client, to_client) = client.into_split();
    let (from_target, to_target) = target.into_split();
    let lose = AtomicBool::new(false);
    tokio::select! {
        _ = requests(from_client, to_target, &shared, &lose) => {}
        _ = answers(from_target, to_client, &shared, &lose, injected) => {}
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    lose: &AtomicBool,
) -> Option<()> {
    let mut flow = shared.requests.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let bytes = read(&mut from, &mut buffer).await?;
        pass(&mut flow).await?;
        to.write_all(bytes).await.ok()?;
        let one_less = |left: usize| left.checked_sub(1);
        let (seen, set) = (Ordering::SeqCst, Ordering::SeqCst);
        if shared.to_lose.fetch_update(set, seen, one_less).is_ok() {
            lose.store(true, Ordering::SeqCst);
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    lose: &AtomicBool,
    mut injected: broadcast::Receiver<Vec<u8>>,
) -> Option<()> {
    let mut flow = shared.answers.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            bytes = read(&mut from, &mut buffer) => {
                let bytes = bytes?;
                if lose.load(Ordering::SeqCst) {
                    return None;
                }
                pass(&mut flow).await?;
                to.write_all(bytes).await.ok()?;
            }
            Ok(bytes) = injected.recv() => to.write_all(&bytes).await.ok()?,
        }
    }
}

/// What has arrived; nothing at the end.
async fn read<'a>(from: &mut OwnedReadHalf, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = from.read(buffer).await.ok().filter(|length| *length > 0)?;
    Some(&buffer[..length])
}

/// Holds the bytes at hand for as long as they have to be held.
async fn pass(flow: &mut watch::Receiver<Flow>) -> Option<()> {
    let stalled = |flow: &Flow| *flow != Flow::Stalled;
    let now = *flow.wait_for(stalled).await.ok()?;
    if let Flow::Delayed(delay) = now {
        tokio::time::sleep(delay).await;
    }
    Some(())
}

/// Nothing that holds these locks can leave a half-made state behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
