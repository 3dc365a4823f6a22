//! Values of a frame as they were written. They stay raw until the type of the request says which of them are needed: nothing
//! is copied but texts with escapes, and nothing is descended into that is not expected to be nested, so depth costs no
//! stack.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::error::GatewayError;

/// Longest `requestId`, bytes as written in the frame.
const REQUEST_ID_BYTES: usize = 128;

/// The outermost object. Unknown keys are ignored; a known key that comes twice is an error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) params: Option<&'a RawValue>,
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

/// The parameters, all of whose keys may be absent.
pub(super) fn params<'a, T: Default + Deserialize<'a>>(
    value: Option<&'a RawValue>,
) -> Result<T, GatewayError> {
    let Some(value) = value else { return Ok(T::default()) };
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

/// Reads a JSON object. An array is none, although serde would fill the fields from it by position.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with('{');
    if is_object { serde_json::from_str(json).ok() } else { None }
}
