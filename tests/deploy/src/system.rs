//! `docker-compose.yml` as data: aliases and merges resolved, variables replaced by their defaults.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

/// The services of the file.
pub(crate) struct System(Map<String, Value>);

/// One service of the file.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) name: &'a str,
    fields: &'a Value,
}

impl System {
    pub(crate) fn read() -> Self {
        Self::of("docker-compose.yml")
    }

    /// The services of a compose file.
    pub(crate) fn of(path: &str) -> Self {
        let Value::Object(mut file) = yaml(path) else { panic!("no mapping") };
        let Some(Value::Object(services)) = file.remove("services") else { panic!("no services") };
        Self(services)
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        self.0.iter().map(|(name, fields)| Service { name, fields })
    }

    pub(crate) fn service(&self, name: &str) -> Service<'_> {
        let found = self.services().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("there is no service {name}"))
    }

    /// Those that run our image.
    pub(crate) fn ours(&self) -> impl Iterator<Item = Service<'_>> {
        self.services().filter(|service| service.text("/build/dockerfile").is_some())
    }
}

impl<'a> Service<'a> {
    /// A text at a JSON pointer.
    pub(crate) fn text(self, pointer: &str) -> Option<&'a str> {
        self.fields.pointer(pointer)?.as_str()
    }

    /// A list of texts, empty when absent.
    pub(crate) fn list(self, field: &str) -> Vec<&'a str> {
        let list = self.fields.get(field).and_then(Value::as_array);
        list.into_iter().flatten().map(|item| item.as_str().expect("a text")).collect()
    }

    /// A mapping, empty when absent.
    pub(crate) fn mapping(self, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.fields.get(field).and_then(Value::as_object).into_iter().flatten()
    }

    pub(crate) fn environment(self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        self.mapping("environment").map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// What the health check runs, without the word that says how.
    pub(crate) fn health_check(self) -> Vec<&'a str> {
        let test = self.fields.pointer("/healthcheck/test").and_then(Value::as_array);
        test.into_iter().flatten().skip(1).map(|item| item.as_str().expect("a text")).collect()
    }
}

/// A file of the repository, as data.
pub(crate) fn yaml(path: &str) -> Value {
    value(&Yaml::load_from_str(&crate::read(path)).expect("YAML")[0])
}

/// Scalars become texts, as they do in an environment.
fn value(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Mapping(pairs) => {
            let pairs =
                pairs.iter().map(|(key, node)| (key.as_str().expect("a text").to_owned(), value(node)));
            Value::Object(merged(pairs.collect()))
        }
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::String(text)) => interpolated(text).into(),
        Yaml::Value(Scalar::Integer(number)) => number.to_string().into(),
        Yaml::Value(Scalar::Boolean(flag)) => flag.to_string().into(),
        other => panic!("the compose file has no use for {other:?}"),
    }
}

/// Takes over from `<<` what the mapping does not say itself.
fn merged(mut mapping: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(base)) = mapping.remove("<<") {
        for (key, value) in base {
            mapping.entry(key).or_insert(value);
        }
    }
    mapping
}

/// `${NAME:-default}` and `${NAME-default}`, for an environment in which no name is set but those that must be:
/// `${NAME:?}`.
fn interpolated(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (variable, after) = rest.split_once('}').expect("a closing brace");
    let value = match variable.strip_suffix(":?") {
        Some(name) => secret(name),
        None => variable.split_once('-').expect("a default, or a `:?`").1.to_owned(),
    };
    format!("{before}{value}{}", interpolated(after))
}

/// What these tests set for a variable that has no default: another one for each name.
fn secret(name: &str) -> String {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, name).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}
