//! YAML as JSON, for files that other programs read: types are kept as they are written.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;

/// The documents of a file. An empty one is left out.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    documents.iter().map(value).filter(|document| !document.is_null()).collect()
}

fn value(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Mapping(pairs) => {
            let pairs =
                pairs.iter().map(|(key, node)| (key.as_str().expect("a text").to_owned(), value(node)));
            Value::Object(pairs.collect())
        }
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::Boolean(flag)) => (*flag).into(),
        other => panic!("nothing here has a use for {other:?}"),
    }
}
