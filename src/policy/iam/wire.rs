//! IAM JSON as it stands in a file: a text where a list is meant, a bare statement where several are meant, unquoted booleans.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Document {
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) statement: Vec<Statement>,
}

/// A statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Statement {
    #[serde(default)]
    pub(super) sid: Option<String>,
    pub(super) effect: super::model::Effect,
    #[serde(default)]
    pub(super) principal: Option<Principal>,
    #[serde(default)]
    pub(super) not_principal: Option<Principal>,
    #[serde(default)]
    pub(super) action: Option<Texts>,
    #[serde(default)]
    pub(super) not_action: Option<Texts>,
    #[serde(default)]
    pub(super) resource: Option<Texts>,
    #[serde(default)]
    pub(super) not_resource: Option<Texts>,
    #[serde(default)]
    pub(super) condition: Map<Map<Texts>>,
}

/// `*`, or kinds with their principals.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Principal {
    Text(String),
    ByKind(Map<Texts>),
}

/// One text or several. Booleans and numbers are read as their text, as IAM does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts: Vec<Scalar> = one_or_many(deserializer)?;
        Ok(Texts(texts.into_iter().map(|scalar| scalar.0).collect()))
    }
}

struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of texts")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Read<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one value or a list of them")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = sequence.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|one| vec![one])
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|one| vec![one])
        }
        fn visit_bool<E: Error>(self, value: bool) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::BoolDeserializer::new(value)).map(|one| vec![one])
        }
        fn visit_i64<E: Error>(self, value: i64) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::I64Deserializer::new(value)).map(|one| vec![one])
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::U64Deserializer::new(value)).map(|one| vec![one])
        }
        fn visit_f64<E: Error>(self, value: f64) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::F64Deserializer::new(value)).map(|one| vec![one])
        }
    }
    deserializer.deserialize_any(Read(PhantomData))
}

/// A JSON object in which a repeated key is an error: with the last one winning in silence, a condition could vanish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map<V>(pub(super) BTreeMap<String, V>);

impl<V> Default for Map<V> {
    fn default() -> Self {
        Map(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Read<V> {
            type Value = Map<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<V>, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if all.insert(key, value).is_some() {
                        return Err(A::Error::custom("the same key stands twice in one object"));
                    }
                }
                Ok(Map(all))
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}
