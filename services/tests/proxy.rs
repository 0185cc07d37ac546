//! The proxy, before a server that answers each line with its number.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use services::{Flow, Proxy, ServicesError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);
/// Long enough for what passes to have passed.
const A_WHILE: Duration = Duration::from_millis(200);

/// Counts lines and tells how many there were.
struct Counting {
    address: SocketAddr,
    lines: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Counting {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lines = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&lines);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                sessions.spawn(async move {
                    let (from, mut to) = stream.into_split();
                    let mut asked = BufReader::new(from).lines();
                    while let Ok(Some(_)) = asked.next_line().await {
                        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                        let answer = format!("{number}\n");
                        if to.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            lines,
            _tasks: tasks,
        }
    }

    fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }
}

struct Client {
    answers: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
}

impl Client {
    async fn connect(proxy: &Proxy) -> Self {
        let (from, to) = TcpStream::connect(proxy.address())
            .await
            .unwrap()
            .into_split();
        let answers = BufReader::new(from).lines();
        Self { answers, to }
    }

    async fn say(&mut self) {
        self.to.write_all(b"hello\n").await.unwrap();
    }

    /// The next answer; nothing if the connection is gone.
    async fn answer(&mut self) -> Option<String> {
        let answer = timeout(SOON, self.answers.next_line()).await;
        answer.expect("an answer or an end").unwrap_or_default()
    }

    async fn ask(&mut self) -> Option<String> {
        self.say().await;
        self.answer().await
    }

    async fn hears_nothing(&mut self) -> bool {
        timeout(A_WHILE, self.answers.next_line()).await.is_err()
    }
}

async fn both() -> (Counting, Proxy) {
    let server = Counting::start().await;
    let proxy = Proxy::start(server.address.to_string()).unwrap();
    (server, proxy)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < SOON, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_said_passes_both_ways() {
    let (server, proxy) = both().await;
    let (mut one, mut two) = (Client::connect(&proxy).await, Client::connect(&proxy).await);
    assert_eq!(one.ask().await.as_deref(), Some("1"));
    assert_eq!(two.ask().await.as_deref(), Some("2"));
    assert_eq!(one.ask().await.as_deref(), Some("3"));
    assert_eq!((proxy.accepted(), server.lines()), (2, 3));
}

#[tokio::test]
async fn a_cut_ends_all_connections_and_new_ones_are_accepted() {
    let (_server, proxy) = both().await;
    let (mut one, mut two) = (Client::connect(&proxy).await, Client::connect(&proxy).await);
    one.ask().await.unwrap();
    two.ask().await.unwrap();
    assert_eq!(proxy.cut().await, 2);
    assert_eq!((one.answer().await, two.answer().await), (None, None));
    assert_eq!(proxy.cut().await, 0);
    let mut new = Client::connect(&proxy).await;
    assert_eq!(new.ask().await.as_deref(), Some("3"));
}

#[tokio::test]
async fn refused_connections_are_refused_on_a_port_that_stays_its_own() {
    let (_server, proxy) = both().await;
    let mut open = Client::connect(&proxy).await;
    open.ask().await.unwrap();
    for _ in 0..3 {
        proxy.refuse().await;
        proxy.refuse().await;
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(open.ask().await.is_some(), "an open connection stays");
        proxy.admit().unwrap();
        proxy.admit().unwrap();
        assert!(Client::connect(&proxy).await.ask().await.is_some());
    }
}

#[tokio::test]
async fn a_stalled_direction_keeps_what_is_said_until_it_is_opened() {
    let (server, proxy) = both().await;
    let mut old = Client::connect(&proxy).await;
    old.ask().await.unwrap();

    proxy.requests(Flow::Stalled);
    let mut new = Client::connect(&proxy).await;
    old.say().await;
    new.say().await;
    assert!(old.hears_nothing().await && new.hears_nothing().await);
    assert_eq!(server.lines(), 1, "nothing reaches the server");
    proxy.requests(Flow::Open);
    assert!(old.answer().await.is_some() && new.answer().await.is_some());

    proxy.answers(Flow::Stalled);
    old.say().await;
    until("the server has it", || server.lines() == 4).await;
    assert!(old.hears_nothing().await);
    proxy.answers(Flow::Open);
    assert_eq!(old.answer().await.as_deref(), Some("4"));
}

#[tokio::test]
async fn each_direction_has_its_delay() {
    let (server, proxy) = both().await;
    let delay = Duration::from_millis(150);
    let mut client = Client::connect(&proxy).await;
    client.ask().await.unwrap();
    for (requests, answers, at_least) in [
        (Flow::Delayed(delay), Flow::Open, delay),
        (Flow::Open, Flow::Delayed(delay), delay),
        (Flow::Delayed(delay), Flow::Delayed(delay), 2 * delay),
    ] {
        proxy.requests(requests);
        proxy.answers(answers);
        let before = server.lines();
        let begun = Instant::now();
        client.say().await;
        until("the server has it", || server.lines() > before).await;
        if requests != Flow::Open {
            assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
        }
        client.answer().await.unwrap();
        assert!(begun.elapsed() >= at_least, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_lost_answer_is_one_to_a_request_that_arrived() {
    let (server, proxy) = both().await;
    let mut idle = Client::connect(&proxy).await;
    idle.ask().await.unwrap();
    proxy.lose_answers(2);
    for arrived in [2, 3] {
        let mut client = Client::connect(&proxy).await;
        assert_eq!(client.ask().await, None, "the connection is cut");
        assert_eq!(server.lines(), arrived);
    }
    assert_eq!(idle.ask().await.as_deref(), Some("4"), "no more than two");
}

#[tokio::test]
async fn injected_words_reach_every_client() {
    let (_server, proxy) = both().await;
    let (mut one, mut two) = (Client::connect(&proxy).await, Client::connect(&proxy).await);
    one.ask().await.unwrap();
    two.ask().await.unwrap();
    proxy.inject(b"injected\n");
    assert_eq!(one.answer().await.as_deref(), Some("injected"));
    assert_eq!(two.answer().await.as_deref(), Some("injected"));
}

#[tokio::test]
async fn without_a_target_a_connection_ends_and_with_one_it_serves() {
    let (server, proxy) = both().await;
    let address = server.address;
    drop(server);
    let mut early = Client::connect(&proxy).await;
    assert_eq!(early.answer().await, None);
    let _listener = TcpListener::bind(address).await.unwrap();
    let mut client = Client::connect(&proxy).await;
    client.say().await;
    assert!(client.hears_nothing().await, "connected, nobody answers");
}

#[tokio::test]
async fn everything_ends_with_the_proxy() {
    let (_server, proxy) = both().await;
    let mut stalled = Client::connect(&proxy).await;
    stalled.ask().await.unwrap();
    proxy.answers(Flow::Stalled);
    stalled.say().await;
    let address = proxy.address();
    drop(proxy);
    let mut rest = Vec::new();
    let mut from = stalled.answers.into_inner();
    let ended = timeout(SOON, from.read_to_end(&mut rest)).await;
    assert!(ended.is_ok() && rest.is_empty());
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < SOON, "it still listens");
    }
}

#[tokio::test]
async fn urls_are_led_through_it() {
    for url in [
        "amqp://guest:gu@est@127.0.0.1:5672/%2f",
        "postgres://postgres@127.0.0.1:5672/postgres?a=b",
        "https://127.0.0.1:5672/v1",
    ] {
        let proxy = Proxy::before(url).unwrap();
        let through = proxy.through(url);
        assert_eq!(
            through,
            url.replace("127.0.0.1:5672", &proxy.address().to_string())
        );
    }
    for url in ["amqp://guest:secret@host/%2f", "host", ""] {
        let error = Proxy::before(url).err().unwrap();
        assert!(matches!(error, ServicesError::NoPort));
        assert!(!error.to_string().contains("secret"));
    }
}
