//! As much of Redis' protocol as a test needs.

use std::io::{BufRead, BufReader, Read, Write};

use anyhow::{Context, Result, bail};

/// Sends a command and reads the reply as text: an array one element a line, nil as nothing.
pub(super) fn call<S>(stream: S, parts: &[&str]) -> Result<String>
where
    S: Copy + Read + Write,
{
    let mut command = Vec::new();
    write!(command, "*{}\r\n", parts.len())?;
    for part in parts {
        write!(command, "${}\r\n{part}\r\n", part.len())?;
    }
    let mut to = stream;
    to.write_all(&command).context("cannot send to Redis")?;
    reply(&mut BufReader::new(stream))
}

fn reply(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    from.read_line(&mut line).context("no reply from Redis")?;
    let line = line.trim_end_matches("\r\n");
    let Some((kind, rest)) = line.split_at_checked(1) else {
        bail!("Redis closed the connection");
    };
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => bail!("Redis refused: {rest}"),
        "$" => bulk(from, rest.parse()?),
        "*" => {
            let elements = 0..rest.parse::<i64>()?;
            let elements: Result<Vec<String>> = elements.map(|_| reply(from)).collect();
            Ok(elements?.join("\n"))
        }
        _ => bail!("Redis replied in an unknown way"),
    }
}

fn bulk(from: &mut impl BufRead, length: i64) -> Result<String> {
    let Ok(length) = usize::try_from(length) else {
        return Ok(String::new());
    };
    let mut bytes = vec![0; length + 2];
    from.read_exact(&mut bytes)?;
    bytes.truncate(length);
    String::from_utf8(bytes).context("a reply of Redis is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str) -> Result<String> {
        reply(&mut bytes.as_bytes())
    }

    #[test]
    fn each_kind_of_reply_is_read() {
        assert_eq!(read("+OK\r\n").unwrap(), "OK");
        assert_eq!(read(":7\r\n").unwrap(), "7");
        assert_eq!(read("$4\r\na\r\nb\r\n").unwrap(), "a\r\nb");
        assert_eq!(read("$-1\r\n").unwrap(), "");
        assert_eq!(read("*2\r\n$1\r\na\r\n*1\r\n:2\r\n").unwrap(), "a\n2");
        assert!(read("-ERR no\r\n").unwrap_err().to_string().contains("ERR no"));
        assert!(read("").is_err());
    }
}
