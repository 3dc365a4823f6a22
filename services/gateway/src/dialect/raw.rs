//! Values of a frame as they were written. They stay raw until the type of the request says which of them are needed: nothing
//! is copied but texts with escapes, and nothing is descended into that is not expected to be nested, so depth costs no
//! stack.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::error::GatewayError;

/// Longest `requestId`, bytes as written in the frame.
const REQUEST_ID_BYTES: usize = 128;

/// The outermost object. Unknown keys are ignored; a known key that comes twice is an error.
pub(super) struct Envelope<'a, P> {
    pub(super) kind: Option<&'a RawValue>,
    pub(super) request_id: Option<&'a RawValue>,
    /// All of its keys may be absent.
    pub(super) params: Result<P, GatewayError>,
}

/// The same as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outermost<'a, P> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    params: Option<P>,
}

/// A string, borrowed from the frame unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The id as it was written, so that it can be repeated as it came.
pub(super) fn request_id(value: Option<&RawValue>) -> Result<Option<&RawValue>, GatewayError> {
    const WRONG: GatewayError = GatewayError::Invalid {
        field: "requestId",
        reason: "must be a string or an integer, of at most 128 bytes",
    };
    let Some(value) = value else { return Ok(None) };
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    let fits = value.get().len() <= REQUEST_ID_BYTES;
    let integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits && (integer || text(value).is_some()) { Ok(Some(value)) } else { Err(WRONG) }
}

/// Reads a frame; `None` when it is no object. One that is right is read in one go, as nearly all are. The parameters of any
/// other are read on their own, so that the answer still can say which request it answers.
pub(super) fn envelope<'a, P: Default + Deserialize<'a>>(frame: &'a str) -> Option<Envelope<'a, P>> {
    if let Some(Outermost { kind, request_id, params }) = object::<Outermost<'a, Object<P>>>(frame) {
        return Some(Envelope {
            kind,
            request_id,
            params: Ok(params.map(|object| object.0).unwrap_or_default()),
        });
    }
    let Outermost { kind, request_id, params } = object::<Outermost<'a, &RawValue>>(frame)?;
    Some(Envelope { kind, request_id, params: params.map_or_else(|| Ok(P::default()), read_params) })
}

fn read_params<'a, P: Deserialize<'a>>(value: &'a RawValue) -> Result<P, GatewayError> {
    if !value.get().starts_with('{') {
        return Err(GatewayError::invalid("params", "must be an object"));
    }
    object(value.get()).ok_or(GatewayError::Malformed)
}

/// An integer from 1, written as JSON writes integers: no fraction, no exponent, no quotes.
pub(super) fn positive(value: Option<&RawValue>, field: &'static str) -> Result<i64, GatewayError> {
    let number = integer(required(value, field)?).filter(|number| *number > 0);
    number.ok_or_else(|| GatewayError::invalid(field, "must be a positive integer"))
}

/// An integer from 0, as above.
pub(super) fn natural(value: &RawValue, field: &'static str) -> Result<i64, GatewayError> {
    let number = integer(value).filter(|number| *number >= 0);
    number.ok_or_else(|| GatewayError::invalid(field, "must be an integer from 0"))
}

fn integer(value: &RawValue) -> Option<i64> {
    value.get().parse().ok()
}

/// A string that must be there.
pub(super) fn string<'a>(
    value: Option<&'a RawValue>,
    field: &'static str,
) -> Result<Cow<'a, str>, GatewayError> {
    text(required(value, field)?).ok_or_else(|| GatewayError::invalid(field, "must be a string"))
}

/// A UUID that is not nil.
pub(super) fn uuid(value: &RawValue, field: &'static str) -> Result<Uuid, GatewayError> {
    text(value)
        .and_then(|text| Uuid::try_parse(&text).ok())
        .filter(|id| !id.is_nil())
        .ok_or_else(|| GatewayError::invalid(field, "must be a UUID that is not nil"))
}

/// A value that must be there.
pub(super) fn required<'a>(
    value: Option<&'a RawValue>,
    field: &'static str,
) -> Result<&'a RawValue, GatewayError> {
    value.ok_or_else(|| GatewayError::invalid(field, "is required"))
}

/// The string that the value is, if it is one. What stands between the quotes is the text, unless there are escapes.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let inside = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

/// Reads a JSON object.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    serde_json::from_str::<Object<T>>(json).ok().map(|object| object.0)
}

/// Read from a JSON object. An array is none, although serde would fill the fields from it by position.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}
