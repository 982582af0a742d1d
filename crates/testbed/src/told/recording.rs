//! What can be heard in a recording.

/// Whether something is said in it; `None` when it is no recording.
pub(crate) fn is_heard(content: &[u8]) -> Option<bool> {
    if content.len() >= 44 && content.starts_with(b"RIFF") && &content[12..16] == b"fmt " {
        return Some(content[44..].iter().any(|byte| *byte != 0));
    }
    let is_long = content.len() > 42;
    let begins = [&b"fLaC"[..], b"OggS", b"\x1A\x45\xDF\xA3", b"ID3", b"\xFF"];
    let is_known = begins.iter().any(|begin| content.starts_with(begin));
    (is_long && is_known).then_some(true)
}
