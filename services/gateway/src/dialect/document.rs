//! `docs/asyncapi.json` as the tests of both dialects read it: every frame that is spoken is held against it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// The document.
pub(super) struct Document(Value);

impl Document {
    pub(super) fn load() -> Self {
        let text = include_str!("../../../../docs/asyncapi.json");
        Self(serde_json::from_str(text).expect("the document is JSON"))
    }

    /// What decides whether a frame is one of `message`.
    pub(super) fn validator(&self, message: &str) -> jsonschema::Validator {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [{"$ref": format!("#/components/messages/{message}/payload")}],
            "components": self.0["components"],
        });
        assert!(self.0["components"]["messages"][message].is_object(), "{message} is not described");
        jsonschema::validator_for(&schema).expect("the schema is one")
    }

    /// Whether the frame is one of `message`.
    pub(super) fn fits(&self, message: &str, frame: &str) -> Result<(), String> {
        let frame: Value = serde_json::from_str(frame).map_err(|error| error.to_string())?;
        let verdict = self.validator(message).validate(&frame);
        verdict.map_err(|error| format!("{message}: {error} in {frame}"))
    }

    /// Panics unless the frame is one of `message`.
    pub(super) fn check(&self, message: &str, frame: &str) {
        self.fits(message, frame).unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// The middle parts of the names of messages that begin and end so.
    pub(super) fn names(&self, prefix: &str, suffix: &str) -> BTreeSet<String> {
        let names = self.0["components"]["messages"].as_object().expect("messages").keys();
        let middle = |name: &String| {
            let name = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            (!name.contains('.')).then(|| name.to_owned())
        };
        names.filter_map(middle).collect()
    }

    /// The values of an enumeration.
    pub(super) fn values(&self, schema: &str) -> BTreeSet<String> {
        let values = self.0["components"]["schemas"][schema]["enum"].as_array().expect("an enumeration");
        values.iter().map(|value| value.as_str().expect("a word").to_owned()).collect()
    }

    /// Close codes with their reasons.
    pub(super) fn closes(&self) -> BTreeSet<(String, String)> {
        let closes = self.0["x-close-codes"].as_object().expect("close codes");
        closes
            .iter()
            .map(|(code, reason)| (code.clone(), reason.as_str().expect("a reason").to_owned()))
            .collect()
    }

    /// Every reference in the document leads somewhere.
    pub(super) fn check_references(&self) {
        let mut rest = vec![&self.0];
        while let Some(value) = rest.pop() {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(reference)) = map.get("$ref") {
                        let pointer = reference.strip_prefix('#').expect("a reference into the document");
                        assert!(self.0.pointer(pointer).is_some(), "{reference} leads nowhere");
                    }
                    rest.extend(map.values());
                }
                Value::Array(values) => rest.extend(values),
                _ => {}
            }
        }
    }
}

/// The request without one of its parameters, with a strange one in its place, with one too many. Texts are no strangers:
/// marks, cursors and tokens are opaque in the document, and the code looks into them.
pub(super) fn spoilt(request: &Value) -> Vec<Value> {
    let strangers = || {
        let numbers = [json!(-1), json!(0), json!(1), json!(101), json!(1.5), json!(i64::MAX)];
        numbers.into_iter().chain([json!(true), json!([]), json!([1, 1]), json!({}), json!({"x": 1})])
    };
    let changed = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut request = request.clone();
        change(request["params"].as_object_mut().expect("parameters"));
        request
    };
    let mut all = Vec::new();
    for key in request["params"].as_object().expect("parameters").keys() {
        all.push(changed(&|params| drop(params.remove(key))));
        all.extend(
            strangers().map(|value| changed(&|params| drop(params.insert(key.clone(), value.clone())))),
        );
    }
    all
}
