//! Flat sets of named fields, from a JSON body or a query, turned into a struct by serde with errors of our own.
//!
//! serde_json's own errors quote the text they could not read; these name the field and the rule, nothing else.

use std::fmt::{self, Display};

use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::domain::FieldError;

/// Characters of an unknown field's name that are repeated to the client.
const NAME_CHARS_MAX: usize = 64;

/// Fields in the order they came, repeated ones included.
pub(super) struct Fields(Vec<(String, Value)>);

/// All that our bodies and queries are made of.
enum Value {
    Text(String),
    Null,
    Other,
}

impl Fields {
    /// Fields of a query.
    pub(super) fn from_texts(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().map(|(name, text)| (name, Value::Text(text))).collect())
    }

    /// The struct with these fields.
    ///
    /// # Errors
    /// The first field that does not fit.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, FieldError> {
        let fields = self.0.into_iter().map(|(name, value)| (name.clone(), Field { name, value }));
        T::deserialize(MapDeserializer::new(fields)).map_err(|Fault(error)| error)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Fields(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Json {
            Text(String),
            Null(()),
            Other(IgnoredAny),
        }
        Json::deserialize(deserializer).map(|json| match json {
            Json::Text(text) => Value::Text(text),
            Json::Null(()) => Value::Null,
            Json::Other(IgnoredAny) => Value::Other,
        })
    }
}

/// A value that knows its name, so that an error can tell it.
struct Field {
    name: String,
    value: Value,
}

impl Field {
    fn fault(&self, message: &'static str) -> Fault {
        Fault::new(&self.name, message)
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Text(text) => visitor.visit_string(text),
            Value::Null | Value::Other => Err(self.fault("must be a string")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Text(text) => {
                visitor.visit_i64(text.parse().map_err(|_| self.fault("must be an integer"))?)
            }
            Value::Null | Value::Other => Err(self.fault("must be an integer")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// The error that serde makes, with the field's name kept apart from the rule.
#[derive(Debug)]
struct Fault(FieldError);

impl Fault {
    fn new(name: &str, message: &'static str) -> Self {
        let path: String = name.chars().take(NAME_CHARS_MAX).collect();
        Self(FieldError { path: path.into(), message: message.into() })
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.path, self.0.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(_: T) -> Self {
        Self::new("", "is not valid")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(field, "is required")
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new(field, "is not a known field")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(field, "is given twice")
    }
}
