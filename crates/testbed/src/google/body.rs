//! Bodies that end too early or never.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Cut,
    Never,
}

/// A body that is sent piece by piece.
#[derive(Debug)]
pub(super) struct Pieces {
    left: VecDeque<Bytes>,
    end: End,
    size: BodySize,
    is_sent: bool,
}

impl Pieces {
    /// A body that says beforehand how long it is, and is not that long unless it ends as it should.
    pub(super) fn of(whole: &Bytes, end: End) -> Self {
        let length = if end == End::Whole {
            whole.len()
        } else {
            whole.len() / 2
        };
        Self {
            size: BodySize::Sized(whole.len() as u64),
            ..Self::stream(vec![whole.slice(..length)], end)
        }
    }

    /// A body of which nobody knows how long it will be.
    pub(super) fn stream(pieces: Vec<Bytes>, end: End) -> Self {
        Self {
            left: pieces.into(),
            end,
            size: BodySize::Stream,
            is_sent: false,
        }
    }
}

impl MessageBody for Pieces {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(piece) = self.left.pop_front() {
            return Poll::Ready(Some(Ok(piece)));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Cut if self.is_sent => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            // What was written is sent while this is pending.
            End::Cut => {
                self.is_sent = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Never => Poll::Pending,
        }
    }
}
