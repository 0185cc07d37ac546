//! A TCP proxy before the broker that can fail in every way a network can.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::amqp_url;

/// Ends with the last handle.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    target: String,
    links: Mutex<JoinSet<()>>,
    /// The way back to each client that is connected.
    clients: Mutex<Vec<Arc<Mutex<OwnedWriteHalf>>>>,
    accepted: AtomicUsize,
    /// Whether what the broker says reaches the client.
    answers: watch::Sender<bool>,
}

impl Proxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: host_and_port(&amqp_url()),
            links: Mutex::default(),
            clients: Mutex::default(),
            accepted: AtomicUsize::new(0),
            answers: watch::Sender::new(true),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// `AMQP_URL`, led through here.
    pub fn url(&self) -> String {
        amqp_url().replace(&self.shared.target, &self.address.to_string())
    }

    /// How many connections there have been.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Cuts every connection. New ones are accepted.
    pub async fn cut(&self) {
        self.shared.clients.lock().await.clear();
        self.shared.links.lock().await.shutdown().await;
    }

    /// Keeps from the clients what the broker says, or lets it through again.
    pub fn mute(&self, muted: bool) {
        self.shared.answers.send_replace(!muted);
    }

    /// Says something to every client in the broker's name: a method frame. The broker must be
    /// silent at the time, or it lands within a frame.
    pub async fn inject(&self, channel: u16, class: u16, method: u16, arguments: &[u8]) {
        let mut frame = vec![1];
        frame.extend(channel.to_be_bytes());
        let size = u32::try_from(arguments.len() + 4).unwrap();
        frame.extend(size.to_be_bytes());
        frame.extend(class.to_be_bytes());
        frame.extend(method.to_be_bytes());
        frame.extend(arguments);
        frame.push(0xCE);
        for client in self.shared.clients.lock().await.iter() {
            client.lock().await.write_all(&frame).await.unwrap();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn host_and_port(url: &str) -> String {
    let authority = url.split_once("://").unwrap().1.split('/').next().unwrap();
    let host_and_port = authority.rsplit('@').next().unwrap();
    assert!(host_and_port.contains(':'), "AMQP_URL must name a port");
    host_and_port.to_owned()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(broker) = TcpStream::connect(&shared.target).await else {
            continue;
        };
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        let (from_client, to_client) = client.into_split();
        let (from_broker, to_broker) = broker.into_split();
        let to_client = Arc::new(Mutex::new(to_client));
        shared.clients.lock().await.push(Arc::clone(&to_client));
        let answers = shared.answers.subscribe();
        shared.links.lock().await.spawn(async move {
            // Either end closes both.
            tokio::select! {
                () = requests(from_client, to_broker) => {}
                () = responses(from_broker, to_client, answers) => {}
            }
        });
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn responses(
    mut from: OwnedReadHalf,
    to: Arc<Mutex<OwnedWriteHalf>>,
    mut answers: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if answers.wait_for(|open| *open).await.is_err()
            || to.lock().await.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}
