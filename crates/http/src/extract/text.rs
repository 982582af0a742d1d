//! Reads typed values out of named texts: the parameters of a query and the parts of a path.

use std::fmt;

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer,
    Unexpected, VariantAccess, Visitor,
};

use super::validation::type_error;
use crate::error::FieldError;

/// Reads `T` out of named texts; the first that does not fit is complained of.
pub(super) fn read<'a, T: Deserialize<'a>>(pairs: &'a [(String, String)]) -> Result<T, FieldError> {
    let fields = pairs.iter().map(|(name, text)| (name.as_str(), Text(text)));
    let map = MapDeserializer::<_, TextError>::new(fields);
    serde_path_to_error::deserialize(map).map_err(|error| {
        let path = error.path().to_string();
        type_error(&path, error.inner())
    })
}

/// Reads `T` out of named texts, setting aside what does not fit, so that all of it is complained of.
pub(super) fn read_leniently<T: DeserializeOwned>(
    mut pairs: Vec<(String, String)>,
    complain: &mut impl FnMut(FieldError),
) -> Option<T> {
    loop {
        let error = match read::<T>(&pairs) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let before = pairs.len();
        pairs.retain(|(name, _)| *name != error.field);
        let stuck = pairs.len() == before;
        complain(error);
        if stuck {
            return None;
        }
    }
}

/// Why a text does not fit.
#[derive(Debug)]
struct TextError(String);

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TextError {}

impl de::Error for TextError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    // The text itself stays out of the message.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("expected one of {}", expected.join(", ")))
    }
}

/// One text; numbers and truth values are read from it.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl<'de> IntoDeserializer<'de, TextError> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $expected:literal;)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
            let value = self.0.parse().map_err(|_| TextError(concat!("expected ", $expected).to_owned()))?;
            visitor.$visit(value)
        })+
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = TextError;

    parsed! {
        deserialize_bool visit_bool "true or false";
        deserialize_i8 visit_i8 "i8";
        deserialize_i16 visit_i16 "i16";
        deserialize_i32 visit_i32 "i32";
        deserialize_i64 visit_i64 "i64";
        deserialize_u8 visit_u8 "u8";
        deserialize_u16 visit_u16 "u16";
        deserialize_u32 visit_u32 "u32";
        deserialize_u64 visit_u64 "u64";
        deserialize_f32 visit_f32 "f32";
        deserialize_f64 visit_f64 "f64";
        deserialize_char visit_char "one character";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Text<'de> {
    type Error = TextError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), TextError> {
        let name: StrDeserializer<'_, TextError> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Text<'de> {
    type Error = TextError;

    fn unit_variant(self) -> Result<(), TextError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, TextError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, TextError> {
        Err(TextError("expected a name".to_owned()))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, TextError> {
        Err(TextError("expected a name".to_owned()))
    }
}

/// Undoes percent-encoding; what is not UTF-8 becomes U+FFFD, which no rule of ours accepts.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| {
            let digit = |b: u8| {
                char::from(b)
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            };
            Some(digit(pair[0])? << 4 | digit(pair[1])?)
        });
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        q: Option<String>,
        limit: Option<u32>,
        dry_run: Option<bool>,
        level: Option<Level>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Beginner,
        Advanced,
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn numbers_truth_values_and_names_are_read_from_text() {
        let pairs = pairs(&[
            ("q", "7"),
            ("limit", "7"),
            ("dryRun", "true"),
            ("level", "advanced"),
            ("x", "y"),
        ]);
        let params: Params = read(&pairs).unwrap();
        let expected = Params {
            q: Some("7".into()),
            limit: Some(7),
            dry_run: Some(true),
            level: Some(Level::Advanced),
        };
        assert_eq!(params, expected);
    }

    #[test]
    fn every_parameter_that_does_not_fit_is_complained_of() {
        let mut bad = Vec::new();
        let pairs = pairs(&[
            ("limit", "-1"),
            ("dryRun", "maybe"),
            ("level", "hard"),
            ("q", "x"),
        ]);
        let params: Params = read_leniently(pairs, &mut |field| bad.push(field)).unwrap();
        assert_eq!(params.q.as_deref(), Some("x"));
        let mut names: Vec<_> = bad.iter().map(|field| field.field.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["dryRun", "level", "limit"]);
        assert!(!format!("{bad:?}").contains("maybe"));
    }

    #[test]
    fn percent_encoding_is_undone_once_and_bad_utf8_is_marked() {
        assert_eq!(percent_decode("a%2Fb%25"), "a/b%");
        assert_eq!(percent_decode("%2541"), "%41");
        assert_eq!(percent_decode("%FF%"), "\u{FFFD}%");
        assert_eq!(percent_decode("%00"), "\0");
    }
}
