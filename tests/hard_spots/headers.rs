//! Headers that nest as deeply as a frame allows: the message becomes a dead letter, and the worker
//! that got it goes on. A parser that follows them by recursion would end its process, and then
//! each process that the message is delivered to next.
//!
//! AMQP is spoken by hand here: what sends such headers would itself have to survive them.

use lapin::uri::AMQPUri;
use tests::{World, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{accept_all, all_upgraded, fleet};

/// Frame types.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

/// A class and a method of it.
type Method = (u16, u16);
const START: Method = (10, 10);
const TUNE: Method = (10, 30);
const OPENED: Method = (10, 41);
const CHANNEL_OPENED: Method = (20, 11);
const CONFIRMING: Method = (85, 11);
const CONFIRMED: Method = (60, 80);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_as_deeply_as_can_be() {
    let world = World::new(fleet(1)).await;
    let worker = world.worker();
    let depths = [3_000, 26_000];
    for depth in depths {
        publish(&world, &nested(depth)).await;
    }
    until("dead letters for both", || async {
        let listed = world
            .cli(&["dead-letters", "list", "--format", "json"])
            .await;
        assert!(listed.status.success(), "{listed:?}");
        let listed = String::from_utf8(listed.stdout).unwrap();
        (listed.matches("not a valid upgrade-request").count() == depths.len()).then_some(())
    })
    .await;
    let ids = accept_all(&world, 1).await;
    all_upgraded(&world, &ids).await;
    assert_eq!(worker.log().matches("the consumer is connected").count(), 1);
    drop(worker);
    world.close().await;
}

/// A table of one field, an array in an array in an array …
fn nested(depth: usize) -> Vec<u8> {
    let mut field = b"\x04deep".to_vec();
    for level in 0..depth {
        // A type, and the length of what follows.
        let inside = 5 * (depth - level - 1);
        field.push(b'A');
        field.extend(u32::try_from(inside).unwrap().to_be_bytes());
    }
    long(&field)
}

/// Publishes a message that no worker understands to the queue for requests.
async fn publish(world: &World, headers: &[u8]) {
    let uri: AMQPUri = services::plain_amqp_url().unwrap().parse().unwrap();
    let (host, port) = (uri.authority.host.clone(), uri.authority.port);
    let mut stream = TcpStream::connect((host, port)).await.unwrap();
    let user = uri.authority.userinfo;
    let login = format!("\0{}\0{}", user.username, user.password);
    let body = b"no JSON";

    stream.write_all(b"AMQP\x00\x00\x09\x01").await.unwrap();
    expect(&mut stream, START).await;
    let properties = long(b"");
    let start_ok = [
        properties,
        short("PLAIN"),
        long(login.as_bytes()),
        short("en_US"),
    ]
    .concat();
    say(&mut stream, 0, method((10, 11), &start_ok)).await;
    let limits = expect(&mut stream, TUNE).await;
    say(&mut stream, 0, method((10, 31), &limits)).await;
    let open = [short(&uri.vhost), short(""), vec![0]].concat();
    say(&mut stream, 0, method((10, 40), &open)).await;
    expect(&mut stream, OPENED).await;
    say(&mut stream, 1, method((20, 10), &short(""))).await;
    expect(&mut stream, CHANNEL_OPENED).await;
    say(&mut stream, 1, method((85, 10), &[0])).await;
    expect(&mut stream, CONFIRMING).await;

    let to = [
        vec![0, 0],
        short(""),
        short(&world.names.request_queue()),
        vec![0],
    ]
    .concat();
    let size = u64::try_from(body.len()).unwrap();
    let class_and_weight = [0, 60, 0, 0];
    let with_headers_only = [0x20, 0];
    let header = [
        &class_and_weight[..],
        &size.to_be_bytes(),
        &with_headers_only,
        headers,
    ]
    .concat();
    say(&mut stream, 1, method((60, 40), &to)).await;
    say(&mut stream, 1, (HEADER, header)).await;
    say(&mut stream, 1, (BODY, body.to_vec())).await;
    expect(&mut stream, CONFIRMED).await;
}

fn short(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn method((class, method): Method, arguments: &[u8]) -> (u8, Vec<u8>) {
    let name = [class.to_be_bytes(), method.to_be_bytes()].concat();
    (METHOD, [&name, arguments].concat())
}

async fn say(stream: &mut TcpStream, channel: u16, (kind, payload): (u8, Vec<u8>)) {
    let frame = [
        &[kind],
        &channel.to_be_bytes()[..],
        &long(&payload),
        b"\xce",
    ]
    .concat();
    stream.write_all(&frame).await.unwrap();
}

/// The arguments of the next method, which is this one.
async fn expect(stream: &mut TcpStream, wanted: Method) -> Vec<u8> {
    let mut start = [0; 7];
    stream.read_exact(&mut start).await.unwrap();
    let length = u32::from_be_bytes(start[3..].try_into().unwrap());
    let mut frame = vec![0; usize::try_from(length).unwrap() + 1];
    stream.read_exact(&mut frame).await.unwrap();
    let (name, arguments) = frame.split_at(4);
    assert_eq!(name, method(wanted, &[]).1, "{wanted:?} is awaited");
    arguments[..arguments.len() - 1].to_vec()
}
