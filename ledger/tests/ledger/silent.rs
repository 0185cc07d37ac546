//! A server that is silently gone, as after a loss of power or of a firewall's memory: nothing
//! says so on the connections that were open, and new ones reach its successor.

use std::time::{Duration, Instant};

use ledger::{Ledger, LedgerOptions};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::Fixture;

/// Leads connections to `target`. At each change of `silent`, those that are open go dead.
async fn lead(listener: TcpListener, target: String, silent: watch::Receiver<()>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut silent = silent.clone();
        silent.mark_unchanged();
        let target = target.clone();
        tokio::spawn(async move {
            let mut server = TcpStream::connect(target).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = silent.changed() => std::future::pending().await,
            }
        });
    }
}

#[tokio::test]
async fn connections_to_it_are_given_up_and_replaced() {
    let fixture = Fixture::new().await;
    let url = fixture.database.url();
    let target = url
        .split(['@', '/'])
        .find(|part| part.contains(':') && !part.ends_with(':'));
    let target = target.unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let led = url.replacen(&target, &listener.local_addr().unwrap().to_string(), 1);
    let (silence, silent) = watch::channel(());
    let leading = tokio::spawn(lead(listener, target, silent));
    let options = LedgerOptions {
        max_connections: 2,
        connect_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(1),
        ..LedgerOptions::default()
    };
    let ledger = Ledger::connect(&led, &options).await.unwrap();
    let (one, other) = tokio::join!(ledger.ping(), ledger.ping());
    one.and(other).unwrap();

    silence.send(()).unwrap();
    let begun = Instant::now();
    while let Err(error) = ledger.ping().await {
        assert!(error.is_transient(), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(60), "still {error}");
    }
    leading.abort();
    fixture.close().await;
}
