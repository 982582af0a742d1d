//! Reads `.env`: one `NAME=value` per line, nothing expanded, so that a `$` in a secret stays one.

use super::Problem;

/// A line that sets something.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its line, counted from 1.
    pub(super) line: usize,
    /// The name.
    pub(super) name: String,
    /// The value, unquoted.
    pub(super) value: String,
}

/// Reads the text of a `.env` file; each problem names the line, never what is in it.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<Problem>) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut problems = Vec::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = at + 1;
        let mut refuse = |message: &str| problems.push(Problem::new(format!(".env line {number}"), message));
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else {
            refuse("is not of the form NAME=value");
            continue;
        };
        let name = name.trim();
        if !is_name(name) {
            refuse("the name must be of A-Z, 0-9 and _");
            continue;
        }
        if entries.iter().any(|entry| entry.name == name) {
            refuse(&format!("{name} is set twice"));
            continue;
        }
        match unquote(value.trim()) {
            Ok(value) => entries.push(Entry {
                line: number,
                name: name.to_owned(),
                value,
            }),
            Err(message) => refuse(message),
        }
    }
    (entries, problems)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

fn unquote(value: &str) -> Result<String, &'static str> {
    match value.chars().next() {
        Some('\'') => match value[1..].split_once('\'') {
            Some((inner, rest)) => end_of_line(rest).map(|()| inner.to_owned()),
            None => Err("the quotation mark is not closed"),
        },
        Some('"') => double_quoted(&value[1..]),
        Some('#') | None => Ok(String::new()),
        Some(_) => Ok(value
            .split_once(" #")
            .map_or(value, |(value, _)| value)
            .trim_end()
            .to_owned()),
    }
}

fn double_quoted(text: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return end_of_line(rest.as_str()).map(|()| value),
            '\\' => match rest.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\' | '$')) => value.push(c),
                _ => return Err(r#"only \n, \", \\ and \$ are known within double quotation marks"#),
            },
            c => value.push(c),
        }
    }
    Err("the quotation mark is not closed")
}

fn end_of_line(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(())
    } else {
        Err("there is something after the closing quotation mark")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let (entries, problems) = parse(text);
        assert_eq!(problems, [], "{text}");
        entries
            .into_iter()
            .map(|entry| (entry.name, entry.value))
            .collect()
    }

    fn one(text: &str) -> String {
        values(text).remove(0).1
    }

    #[test]
    fn comments_and_empty_lines_set_nothing() {
        assert_eq!(values("# A=1\n\n   \n  # B=2\r\n"), []);
    }

    #[test]
    fn values_are_trimmed_unquoted_and_never_expanded() {
        assert_eq!(one("A= a b \r\n"), "a b");
        assert_eq!(one("export A=1"), "1");
        assert_eq!(one("A=b#c # note"), "b#c");
        assert_eq!(one("A=$HOME${B}"), "$HOME${B}");
        assert_eq!(one(r"A='a\n # $b' # note"), r"a\n # $b");
        assert_eq!(one(r#"A="a\n\"\\ # b""#), "a\n\"\\ # b");
        assert_eq!(one("A="), "");
        assert_eq!(one("A=a=b=="), "a=b==");
    }

    #[test]
    fn every_bad_line_is_named_without_what_is_in_it() {
        let (entries, problems) =
            parse("hunter2\nfoo=hunter2\nA='hunter2\nB=\"hunter2\" hunter2\nB=1\nB=2\n");
        assert_eq!(entries.len(), 1);
        let lines: Vec<&str> = problems.iter().map(|problem| problem.subject.as_str()).collect();
        assert_eq!(
            lines,
            [
                ".env line 1",
                ".env line 2",
                ".env line 3",
                ".env line 4",
                ".env line 6"
            ]
        );
        assert!(!format!("{problems:?}").contains("hunter2"));
    }
}
