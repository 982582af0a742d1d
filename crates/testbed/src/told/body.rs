//! A body that ends before it said it would, or never.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

/// The first half of a body that says how long all of it would be.
#[derive(Debug)]
pub(super) struct Half {
    length: u64,
    left: Option<Bytes>,
    is_cut: bool,
    is_sent: bool,
}

impl Half {
    /// After the half, the connection is cut; else it stays, and nothing more comes.
    pub(super) fn of(whole: &Bytes, is_cut: bool) -> Self {
        Self {
            length: whole.len() as u64,
            left: Some(whole.slice(..whole.len() / 2)),
            is_cut,
            is_sent: false,
        }
    }
}

impl MessageBody for Half {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(half) = self.left.take() {
            return Poll::Ready(Some(Ok(half)));
        }
        if self.is_cut && self.is_sent {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        if self.is_cut {
            // The half is sent while this is pending.
            self.is_sent = true;
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
