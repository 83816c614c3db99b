//! The end of a connection when the EMS ends: what is being answered is said to the end, and nothing else is waited for.
use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

/// Answers that are on their way when the end comes have so long.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);

/// What a connection still has to say.
#[derive(Debug, Default)]
pub(super) struct Unsaid {
    /// Requests whose answers have not been taken over for writing, or not as a whole.
    owed: AtomicUsize,
    /// The client takes no more for now of what was.
    stuck: AtomicBool,
    ended: AtomicBool,
}

impl Unsaid {
    /// Whether something waits until the client can take it.
    pub(super) fn is_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Relaxed);
    }

    fn any(&self) -> bool {
        self.owed.load(Relaxed) > 0 || self.stuck.load(Relaxed)
    }

    /// Lets a connection that was told to end come to its end, within [`FAREWELL`].
    pub(super) async fn end(&self, connection: impl Future) {
        self.ended.store(true, Relaxed);
        let mut connection = pin!(connection);
        // What a poll leaves pending is stuck, or waits for the client: for half a request, which nobody will answer.
        let said = poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Pending if self.any() => Poll::Pending,
            _ => Poll::Ready(()),
        });
        let _ = tokio::time::timeout(FAREWELL, said).await; // it had its time
    }
}

/// An answer that is owed, until this is dropped.
pub(super) struct Owed(Arc<Unsaid>);

impl Owed {
    pub(super) fn new(unsaid: &Arc<Unsaid>) -> Owed {
        unsaid.owed.fetch_add(1, Relaxed);
        Owed(unsaid.clone())
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.owed.fetch_sub(1, Relaxed);
    }
}

/// The body of a request. At the end, what has not come is not waited for.
pub(super) struct Asked<B> {
    pub(super) body: B,
    pub(super) unsaid: Arc<Unsaid>,
}

/// The body of an answer. At the end, a stream whose length nobody knows is over.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) owed: Owed,
}

// Both are polled with the connection, so the end that wakes the connection wakes them.

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin> HttpBody for Asked<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.unsaid.ended.load(Relaxed) => Poll::Ready(Some(Err("the EMS ends".into()))),
            polled => polled.map_err(Into::into),
        }
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.owed.0.ended.load(Relaxed) && self.body.size_hint().exact().is_none() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
