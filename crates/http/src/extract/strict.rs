//! One pass over a JSON text that finds what serde lets through: deep nesting and duplicate members.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may be nested.
pub(super) const MAX_DEPTH: usize = 32;

/// Up to this many names are compared one by one; beyond it they are hashed.
const FEW: usize = 16;

/// A JSON text that is not acceptable: not JSON, too deep, or with a member twice.
#[derive(Debug, thiserror::Error)]
#[error("not well-formed")]
pub(super) struct Malformed;

/// What a JSON text is at its outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Other,
}

/// Checks that a text is one JSON value, nested at most [`MAX_DEPTH`] deep, no member twice.
pub(super) fn check(text: &[u8]) -> Result<Shape, Malformed> {
    let is_object = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let strict = Strict {
        depth: 0,
        is_object: &is_object,
    };
    strict.deserialize(&mut deserializer).map_err(|_| Malformed)?;
    deserializer.end().map_err(|_| Malformed)?;
    Ok(if is_object.get() {
        Shape::Object
    } else {
        Shape::Other
    })
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    is_object: &'a Cell<bool>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        if self.depth == 0 {
            self.is_object.set(true);
        }
        let mut names = Names::default();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member twice"));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// The names of an object's members so far.
#[derive(Default)]
struct Names {
    few: Vec<String>,
    many: HashSet<String>,
}

impl Names {
    fn insert(&mut self, name: String) -> bool {
        if self.many.is_empty() && self.few.len() < FEW {
            let new = !self.few.contains(&name);
            self.few.push(name);
            return new;
        }
        self.many.extend(self.few.drain(..));
        self.many.insert(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_levels_are_taken_and_thirty_three_are_not() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(32).as_bytes()).is_ok());
        assert!(check(nested(33).as_bytes()).is_err());
    }

    #[test]
    fn threat_34_a_hundred_thousand_brackets_are_refused_without_a_stack() {
        assert!(check("[".repeat(100_000).as_bytes()).is_err());
        assert!(check("{\"a\":".repeat(50_000).as_bytes()).is_err());
    }

    #[test]
    fn threat_35_odd_json_is_not_well_formed() {
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let odd: [&[u8]; 13] = [
            b"",
            b"{",
            b"{} x",
            b"{}{}",
            b"\xEF\xBB\xBF{}",
            &utf16,
            br#"{"a":1,"a":2}"#,
            br#"{"a":1,"\u0061":2}"#,
            br#"{"b":[{"a":1,"a":2}]}"#,
            br#"{"a":"\ud800"}"#,
            b"{\"a\":\"\xFF\"}",
            br#"{"a":1e400}"#,
            b"{'a':1}",
        ];
        for text in odd {
            assert!(check(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_member_twice_is_found_among_many() {
        let mut members: Vec<String> = (0..100).map(|n| format!("\"m{n}\":1")).collect();
        assert_eq!(
            check(format!("{{{}}}", members.join(",")).as_bytes()).unwrap(),
            Shape::Object
        );
        members.push("\"m3\":1".into());
        assert!(check(format!("{{{}}}", members.join(",")).as_bytes()).is_err());
    }
}
