//! Bodies that take whatever JSON comes, so that every member that is wrong is reported and not only the first.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::fields::{Fault, word_id};
use parlance_domain::ids::WordId;
use parlance_domain::progress::MAX_COUNT;

/// A member that should be a number or a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    /// It is missing or null.
    Absent,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Anything else.
    Other,
}

impl Scalar {
    /// A count, if there is one.
    pub(super) fn count(&self) -> Result<Option<u32>, Fault> {
        const FAULT: Fault = Fault::new("range", "must be a whole number from 0 to 2147483647");
        self.whole(f64::from(MAX_COUNT), FAULT)
    }

    /// A duration in milliseconds of at most a day, if there is one.
    pub(super) fn duration_ms(&self) -> Result<Option<u32>, Fault> {
        const FAULT: Fault = Fault::new("range", "must be a whole number from 0 to 86400000");
        self.whole(86_400_000.0, FAULT)
    }

    /// A confidence from 0 to 1, if there is one.
    pub(super) fn confidence(&self) -> Result<Option<f64>, Fault> {
        const FAULT: Fault = Fault::new("range", "must be a number from 0 to 1");
        match self.number()? {
            // Adding zero takes the sign from a negative zero.
            Some(number) if (0.0..=1.0).contains(&number) => Ok(Some(number + 0.0)),
            Some(_) => Err(FAULT),
            None => Ok(None),
        }
    }

    /// A word id, which must be there.
    pub(super) fn word_id(&self) -> Result<WordId, Fault> {
        word_id(self.required_text()?)
    }

    /// A text, which must be there.
    pub(super) fn required_text(&self) -> Result<&str, Fault> {
        self.text()?.ok_or(Fault::new("required", "must be given"))
    }

    /// A text, if there is one.
    pub(super) fn text(&self) -> Result<Option<&str>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Number(_) | Self::Other => Err(Fault::new("type", "must be a string")),
        }
    }

    fn number(&self) -> Result<Option<f64>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Number(number) => Ok(Some(*number)),
            Self::Text(_) | Self::Other => Err(Fault::new("type", "must be a number")),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and within the bounds"
    )]
    fn whole(&self, most: f64, fault: Fault) -> Result<Option<u32>, Fault> {
        match self.number()? {
            Some(number) if number.fract() == 0.0 && (0.0..=most).contains(&number) => {
                Ok(Some(number as u32))
            }
            Some(_) => Err(fault),
            None => Ok(None),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_none<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Absent)
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "what loses precision is out of every range"
    )]
    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "what loses precision is out of every range"
    )]
    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// Something that should be an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object<T>(Option<T>);

impl<T> Object<T> {
    /// The object.
    pub(super) fn get(&self) -> Result<&T, Fault> {
        self.0.as_ref().ok_or(Fault::new("type", "must be an object"))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(|object| Object(Some(object)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Object<T>, A::Error> {
        ScalarVisitor.visit_seq(items).map(|_| Object(None))
    }

    fn visit_unit<E>(self) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
}

/// A member that should be a list of 1 to 1,000 objects.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Items<T> {
    /// It is missing or null.
    Absent,
    /// It is no list.
    Other,
    /// It is a list, kept up to one more than it may hold.
    List(Vec<Object<T>>),
}

/// The most items of a list.
pub(super) const MAX_ITEMS: usize = 1_000;

impl<T> Items<T> {
    /// The list, with a number of items that is allowed.
    pub(super) fn get(&self) -> Result<&[Object<T>], Fault> {
        match self {
            Self::Absent => Err(Fault::new("required", "must be given")),
            Self::Other => Err(Fault::new("type", "must be an array")),
            Self::List(items) if (1..=MAX_ITEMS).contains(&items.len()) => Ok(items),
            Self::List(_) => Err(Fault::new("length", "must hold 1 to 1000 items")),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(ItemsVisitor(PhantomData))
    }
}

struct ItemsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsVisitor<T> {
    type Value = Items<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_none<E>(self) -> Result<Items<T>, E> {
        Ok(Items::Absent)
    }

    fn visit_unit<E>(self) -> Result<Items<T>, E> {
        Ok(Items::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Items<T>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Items<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() <= MAX_ITEMS {
            match elements.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Items::List(items)),
            }
        }
        ScalarVisitor.visit_seq(elements).map(|_| Items::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Items<T>, A::Error> {
        ScalarVisitor.visit_map(members).map(|_| Items::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Items<T>, E> {
        Ok(Items::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Items<T>, E> {
        Ok(Items::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Items<T>, E> {
        Ok(Items::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Items<T>, E> {
        Ok(Items::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Items<T>, E> {
        Ok(Items::Other)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Body {
        number: Scalar,
        items: Items<Item>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Item {
        text: Scalar,
    }

    fn read(text: &str) -> Object<Body> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn whatever_is_wrong_is_kept_as_such() {
        let body =
            read(r#"{"number": [{"a": [1]}], "items": [1, {"text": {}}, [], null, {"text": "x"}], "x": 1}"#);
        let body = body.get().unwrap();
        assert_eq!(body.number, Scalar::Other);
        let items = body.items.get().unwrap();
        let texts: Vec<_> = items
            .iter()
            .map(|item| item.0.as_ref().map(|item| &item.text))
            .collect();
        assert_eq!(
            texts,
            [
                None,
                Some(&Scalar::Other),
                None,
                None,
                Some(&Scalar::Text("x".to_owned()))
            ]
        );
    }

    #[test]
    fn what_is_missing_or_null_is_absent() {
        for text in ["{}", r#"{"number": null, "items": null}"#] {
            let body = read(text);
            let body = body.get().unwrap();
            assert_eq!((&body.number, &body.items), (&Scalar::Absent, &Items::Absent));
            assert_eq!(body.items.get().unwrap_err().code, "required");
        }
    }

    #[test]
    fn what_is_no_object_is_not_read_as_one() {
        for text in ["[1, []]", "3", "-3", "0.5", "\"x\"", "true", "null"] {
            assert!(read(text).get().is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_of_too_many_items_is_refused_and_not_kept_whole() {
        let text = format!(r#"{{"items": [{}1]}}"#, "1,".repeat(50_000));
        let Object(Some(Body {
            items: Items::List(items),
            ..
        })) = read(&text)
        else {
            panic!("no list")
        };
        assert_eq!(items.len(), MAX_ITEMS + 1);
        assert!(Items::List(items).get().is_err());
        assert!(Items::<Item>::List(vec![]).get().is_err());
        assert!(Items::<Item>::Other.get().is_err());
    }

    #[test]
    fn numbers_are_checked_against_their_range() {
        let number = Scalar::Number;
        assert_eq!(number(3.0).count(), Ok(Some(3)));
        assert_eq!(number(2_147_483_647.0).count(), Ok(Some(2_147_483_647)));
        for wrong in [-1.0, 0.5, 2_147_483_648.0, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(number(wrong).count().unwrap_err().code, "range", "{wrong}");
        }
        assert_eq!(number(-0.0).confidence().unwrap().map(f64::to_bits), Some(0));
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert!(number(wrong).confidence().is_err(), "{wrong}");
        }
        assert_eq!(Scalar::Text("3".to_owned()).count().unwrap_err().code, "type");
        assert_eq!(Scalar::Absent.duration_ms(), Ok(None));
        assert!(number(86_400_001.0).duration_ms().is_err());
    }
}
