//! HTTP servers whose connections can be cut.

use std::io;
use std::pin::Pin;

use axum::{Extension, Router};
use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::wire::{Wire, WireStream};

/// Puts a [`Wire`] around what the inner acceptor accepts, and hands it to the handlers.
#[derive(Clone)]
pub(crate) struct WireAcceptor<A> {
    pub(crate) inner: A,
    pub(crate) shutdown: CancellationToken,
}

impl<A> Accept<TcpStream, Router> for WireAcceptor<A>
where
    A: Accept<TcpStream, ()>,
    A::Stream: Send,
    A::Future: Send + 'static,
{
    type Stream = WireStream<A::Stream>;
    type Service = Router;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Router)>> + Send>>;

    fn accept(&self, stream: TcpStream, router: Router) -> Self::Future {
        let wire = Wire::new(&self.shutdown);
        let inner = self.inner.accept(stream, ());
        Box::pin(async move {
            let (stream, _) = inner.await?;
            Ok((wire.stream(stream), router.layer(Extension(wire))))
        })
    }
}

/// Serves until `shutdown`.
pub(crate) async fn serve<A>(
    listener: std::net::TcpListener,
    acceptor: WireAcceptor<A>,
    router: Router,
) where
    A: Accept<TcpStream, ()> + Clone + Send + Sync + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Future: Send + 'static,
{
    let shutdown = acceptor.shutdown.clone();
    let server = match axum_server::from_tcp(listener) {
        Ok(server) => server.acceptor(acceptor),
        Err(error) => {
            tracing::error!(%error, "HTTP server not started");
            return;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = server.serve(router.into_make_service()) => {
            if let Err(error) = ended {
                tracing::error!(%error, "HTTP server ended");
            }
        }
    }
}
