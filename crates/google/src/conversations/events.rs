//! Server-sent events, as far as Gemini uses them: data without names.

use bytes::{Buf, Bytes, BytesMut};
use parlance_domain::providers::ProviderError;

use crate::connection::Body;

/// The events of an answer.
pub(super) struct Events {
    body: Body,
    lines: Lines,
}

impl Events {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            lines: Lines::default(),
        }
    }

    /// The data of the next event. One that the end cuts off is none.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let mut data = BytesMut::new();
        while let Some(line) = self.line().await? {
            if line.is_empty() && !data.is_empty() {
                return Ok(Some(data.freeze()));
            }
            if let Some(more) = line.strip_prefix(b"data:") {
                if !data.is_empty() {
                    data.extend_from_slice(b"\n");
                }
                data.extend_from_slice(more.strip_prefix(b" ").unwrap_or(more));
            }
        }
        Ok(None)
    }

    async fn line(&mut self) -> Result<Option<Bytes>, ProviderError> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            match self.body.chunk().await? {
                Some(chunk) => self.lines.add(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Lines of what has come so far; the body bounds how much that can be.
#[derive(Default)]
struct Lines {
    left: BytesMut,
    /// How much of it is known to hold no end of a line.
    searched: usize,
}

impl Lines {
    fn add(&mut self, chunk: &[u8]) {
        self.left.extend_from_slice(chunk);
    }

    /// The next line without its end, if that has come.
    fn next(&mut self) -> Option<Bytes> {
        let Some(more) = self.left[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.left.len();
            return None;
        };
        let mut line = self.left.split_to(self.searched + more).freeze();
        self.left.advance(1);
        self.searched = 0;
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for chunk in chunks {
            lines.add(chunk.as_bytes());
            while let Some(line) = lines.next() {
                all.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        all
    }

    #[test]
    fn lines_are_found_wherever_chunks_end() {
        let text = "data: 你好\r\n\r\n: comment\ndata: x\n\n";
        let expected = ["data: 你好", "", ": comment", "data: x", ""];
        assert_eq!(lines(&[text]), expected);
        let pieces: Vec<String> = text.chars().map(String::from).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        assert_eq!(lines(&pieces), expected);
        assert_eq!(lines(&["data: without an end"]), [""; 0]);
    }
}
