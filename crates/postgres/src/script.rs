//! Whether a script of pgbench sends what a store sends.

use std::mem::take;

use diesel::debug_query;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;

/// Names that pgbench needs to keep a column as a variable.
const NAMES: [&str; 3] = [" AS head,", " AS place,", " AS known,"];

/// The text of a statement, with `$1` and so on in the places of its values.
pub(crate) fn text(statement: &impl QueryFragment<Pg>) -> String {
    let shown = debug_query::<Pg, _>(statement).to_string();
    let (text, _) = shown.split_once(" -- binds: ").unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Panics unless a script consists of these statements, with values of its own.
pub(crate) fn assert_sends(script: &str, expected: &[String]) {
    let sent = statements(script);
    assert_eq!(sent.len(), expected.len(), "{sent:#?}");
    for (sent, expected) in sent.iter().zip(expected) {
        assert!(
            is_filled(expected, sent),
            "the script sends\n{sent}\nwhere the store sends\n{expected}"
        );
    }
}

/// The statements of a script. One ends with a semicolon or with the command that keeps its row.
fn statements(script: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut words = Vec::new();
    for line in script.lines().filter(|line| !line.starts_with("--")) {
        if !line.starts_with('\\') {
            words.extend(line.trim_end_matches(';').split_whitespace());
        }
        if line.ends_with(';') || line.starts_with("\\gset") || line.starts_with("\\aset") {
            statements.push(without_names(&take(&mut words).join(" ")));
        }
    }
    statements
}

fn without_names(statement: &str) -> String {
    NAMES
        .iter()
        .fold(statement.to_owned(), |text, name| text.replace(name, ","))
}

/// Whether a text is this statement with a value in each place for one.
fn is_filled(statement: &str, sent: &str) -> bool {
    let mut parts = statement.split('$');
    let mut rest = parts.next().and_then(|part| sent.strip_prefix(part));
    for part in parts {
        let part = part.trim_start_matches(|character: char| character.is_ascii_digit());
        rest = rest.and_then(|rest| behind_value(rest).strip_prefix(part));
    }
    rest == Some("")
}

/// What stands behind the value at the head of a text. A value has spaces and commas within brackets alone.
fn behind_value(text: &str) -> &str {
    let mut depth = 0_usize;
    let end = text.find(|character: char| {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            ' ' | ',' | ')' => return depth == 0,
            _ => {}
        }
        false
    });
    &text[end.unwrap_or(text.len())..]
}

#[test]
fn a_script_that_parts_from_its_statement_is_found() {
    let statement = "SELECT a FROM t WHERE b = $1 AND c = ANY ($2)";
    let filled = "SELECT a FROM t WHERE b = lpad(:b, 3)::text AND c = ANY (ARRAY[:c, 1]::int[])";
    assert!(is_filled(statement, filled));
    for (was, is) in [
        ("SELECT a", "SELECT a, d"),
        (" AND ", " OR "),
        ("::int[])", "::int[]) AND d"),
        (":b, 3)", ":b, 3) || d"),
    ] {
        let other = filled.replace(was, is);
        assert_ne!(other, filled);
        assert!(!is_filled(statement, &other), "{other}");
    }
}

#[test]
fn the_statements_of_a_script_are_told_apart() {
    let script =
        "-- Two;\n\\set n random(1, 9)\nSELECT a AS head, b\n  FROM t\n\\gset\nSELECT c\n  FROM t;\n";
    assert_eq!(statements(script), ["SELECT a, b FROM t", "SELECT c FROM t"]);
}
