//! A socket whose other end must take what it asked for: a client that does not read gives its place to others.
use super::farewell::Unsaid;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream that fails when nothing could be written for some time. Reading may wait for ever here: it is bounded where it
/// is known what is waited for.
pub(super) struct Patience<S> {
    stream: S,
    most: Duration,
    /// Runs while something waits to be written.
    waits: Option<Pin<Box<Sleep>>>,
    unsaid: Arc<Unsaid>,
}

impl<S> Patience<S> {
    pub(super) fn new(stream: S, most: Duration, unsaid: Arc<Unsaid>) -> Self {
        Patience { stream, most, waits: None, unsaid }
    }

    fn bounded<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.unsaid.is_stuck(done.is_pending());
        if done.is_ready() {
            self.waits = None;
            return done;
        }
        let most = self.most;
        ready!(self.waits.get_or_insert_with(|| Box::pin(sleep(most))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, from);
        self.bounded(cx, done)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, done)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, done)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, from);
        self.bounded(cx, done)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn who_does_not_read_is_given_up_and_who_reads_slowly_is_not() {
        let (near, mut far) = duplex(64);
        let mut near = Patience::new(near, Duration::from_millis(200), Arc::default());
        let slow = tokio::spawn(async move {
            let mut all = [0; 256];
            for part in all.chunks_mut(64) {
                sleep(Duration::from_millis(20)).await;
                far.read_exact(part).await.unwrap();
            }
            far
        });
        near.write_all(&[7; 256]).await.unwrap();
        let _far = slow.await.unwrap(); // open, but nobody reads any more
        let stuck = near.write_all(&[7; 256]).await.unwrap_err();
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
    }
}
