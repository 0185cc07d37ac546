//! Connections that can be cut: at once, or after so many bytes more.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Cuts one connection.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    token: CancellationToken,
    /// How many bytes may still be written; none: any number.
    allowance: Arc<Mutex<Option<usize>>>,
}

impl Wire {
    /// A wire that is also cut when `all` is.
    pub(crate) fn new(all: &CancellationToken) -> Self {
        Self {
            token: all.child_token(),
            allowance: Arc::default(),
        }
    }

    /// Cuts it now.
    pub(crate) fn cut(&self) {
        self.token.cancel();
    }

    /// Cuts it when this many bytes more have been written.
    pub(crate) fn cut_after(&self, bytes: usize) {
        *self.lock() = Some(bytes);
    }

    /// Done when it is cut.
    pub(crate) async fn is_cut(&self) {
        self.token.cancelled().await;
    }

    pub(crate) fn stream<S>(&self, inner: S) -> WireStream<S> {
        WireStream {
            inner,
            cut: Box::pin(self.token.clone().cancelled_owned()),
            wire: self.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<usize>> {
        self.allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that its [`Wire`] can cut.
pub(crate) struct WireStream<S> {
    inner: S,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    wire: Wire,
}

impl<S> WireStream<S> {
    /// Fails once the wire is cut; wakes the task when that happens.
    fn intact(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WireStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.intact(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WireStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.intact(cx)?;
        let allowance = *self.wire.lock();
        let Some(left) = allowance else {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        };
        if left == 0 {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            self.wire.cut();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let end = left.min(buf.len());
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &buf[..end]))?;
        *self.wire.lock() = Some(left - written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.intact(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
