//! The objects of one set of manifests, and the pods that they describe.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::render::{EXAMPLES, secrets_filled_in};
use crate::programs::Program;
use crate::yaml;

const BASE: &str = "deploy/kubernetes/base";
const RETENTION: &str = "deploy/kubernetes/components/retention/retention.yaml";
const SETTINGS: &str = "deploy/kubernetes/overlays/production/settings.env";

/// What the name and the namespace of a pod are in these tests.
const POD: &str = "gateway-7d4b9c6f5-x2x7q";
const NAMESPACE: &str = "messenger";

pub(crate) struct Objects {
    pub(crate) name: &'static str,
    pub(crate) all: Vec<Value>,
    /// Settings and secrets, by the name that pods know them by.
    environments: BTreeMap<String, BTreeMap<String, String>>,
}

/// The template of a Deployment, a Job or a CronJob.
#[derive(Clone, Copy)]
pub(crate) struct Pod<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) labels: &'a Value,
    pub(crate) spec: &'a Value,
}

impl Objects {
    /// The files of the base as they are, with the settings and the secrets of the overlay.
    pub(crate) fn base() -> Self {
        let index = yaml::documents(&crate::read(&format!("{BASE}/kustomization.yaml"))).remove(0);
        let files =
            list(&index, "/resources").filter_map(Value::as_str).filter(|name| name.ends_with(".yaml"));
        let all = files.flat_map(|name| yaml::documents(&crate::read(&format!("{BASE}/{name}")))).collect();
        let mut environments =
            BTreeMap::from([("messenger-settings".to_owned(), pairs(&crate::read(SETTINGS)))]);
        for name in EXAMPLES {
            environments.insert(format!("messenger-{name}"), pairs(&secrets_filled_in(name)));
        }
        Self { name: "base", all, environments }
    }

    /// The same with the component that removes what is old.
    pub(crate) fn with_retention() -> Self {
        let mut objects = Self::base();
        objects.all.extend(yaml::documents(&crate::read(RETENTION)));
        objects
    }

    /// What was rendered, whole.
    pub(super) fn rendered(name: &'static str, text: &str) -> Self {
        let mut all = yaml::documents(text);
        all.iter_mut().for_each(join_lines);
        let environments =
            all.iter().filter_map(|object| Some((name_of(object).to_owned(), environment(object)?)));
        Self { name, environments: environments.collect(), all }
    }

    pub(crate) fn of_kind<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        let kind = kind.to_owned();
        self.all.iter().filter(move |object| object["kind"] == *kind)
    }

    pub(crate) fn named(&self, kind: &str, name: &str) -> &Value {
        let found = self.of_kind(kind).find(|object| name_of(object) == name);
        found.unwrap_or_else(|| panic!("{}: there is no {kind} {name}", self.name))
    }

    pub(crate) fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        ["Deployment", "Job", "CronJob"].into_iter().flat_map(|kind| self.of_kind(kind).map(Pod::of))
    }

    pub(crate) fn pod(&self, name: &str) -> Pod<'_> {
        self.pods().find(|pod| pod.name == name).unwrap_or_else(|| panic!("{}: no pod {name}", self.name))
    }

    /// The pods that run our image, each with its program and what it is told to do.
    pub(crate) fn ours(&self) -> impl Iterator<Item = (Pod<'_>, Program, Vec<&str>)> {
        self.pods().filter(|pod| pod.name != "haproxy").map(|pod| match pod.command().as_slice() {
            [program, arguments @ ..] => (pod, Program::named(program), arguments.to_vec()),
            [] => panic!("{}: no program", pod.name),
        })
    }

    /// What the container finds in its environment.
    pub(crate) fn environment(&self, pod: Pod<'_>) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for source in list(pod.container(), "/envFrom") {
            let name = ["/configMapRef/name", "/secretRef/name"].iter().find_map(|at| source.pointer(at));
            let name = name.and_then(Value::as_str).expect("a ConfigMap or a Secret");
            let known = self.environments.get(name);
            found.extend(known.unwrap_or_else(|| panic!("{}: nobody makes {name}", self.name)).clone());
        }
        for variable in list(pod.container(), "/env") {
            let field = variable.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str);
            let value = match (variable["value"].as_str(), field) {
                (Some(value), None) => value,
                (None, Some("metadata.name")) => POD,
                (None, Some("metadata.namespace")) => NAMESPACE,
                other => panic!("{}: {variable}: {other:?}", pod.name),
            };
            found.insert(text(variable, "/name").to_owned(), value.to_owned());
        }
        found
    }
}

impl<'a> Pod<'a> {
    fn of(object: &'a Value) -> Self {
        let template = object.pointer("/spec/jobTemplate").unwrap_or(object);
        Self {
            name: name_of(object),
            kind: text(object, "/kind"),
            labels: at(template, "/spec/template/metadata/labels"),
            spec: at(template, "/spec/template/spec"),
        }
    }

    /// The only one.
    pub(crate) fn container(self) -> &'a Value {
        assert!(self.spec.get("initContainers").is_none(), "{}: containers before the only one", self.name);
        match self.spec["containers"].as_array().map(Vec::as_slice) {
            Some([container]) => container,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    pub(crate) fn command(self) -> Vec<&'a str> {
        assert!(self.container().get("args").is_none(), "{}: the whole command is in `command`", self.name);
        list(self.container(), "/command").filter_map(Value::as_str).collect()
    }

    /// The number of a port, by its name.
    pub(crate) fn port(self, name: &str) -> u64 {
        let found = list(self.container(), "/ports").find(|port| port["name"] == name);
        found
            .and_then(|port| port["containerPort"].as_u64())
            .unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    pub(crate) fn ports(self) -> impl Iterator<Item = u64> {
        list(self.container(), "/ports").filter_map(|port| port["containerPort"].as_u64())
    }

    /// Whether labels of a selector are all among those of the pod.
    pub(crate) fn is_selected_by(self, labels: &Value) -> bool {
        labels.as_object().expect("labels").iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

pub(crate) fn name_of(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {object}"))
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text in {object}"))
}

/// A list that may be absent.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Of what a Secret holds: kustomize breaks long ones, which Kubernetes reads over and the types do not.
fn join_lines(object: &mut Value) {
    if object["kind"] != "Secret" {
        return;
    }
    let data = object.get_mut("data").and_then(Value::as_object_mut);
    for value in data.into_iter().flat_map(|data| data.values_mut()) {
        *value = value.as_str().expect("a text").split_whitespace().collect::<String>().into();
    }
}

/// The lines `KEY=value` of a file, as kustomize reads them.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = lines.map(|line| line.split_once('=').unwrap_or_else(|| panic!("no KEY=value: {line}")));
    split.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// What a ConfigMap or a Secret holds.
fn environment(object: &Value) -> Option<BTreeMap<String, String>> {
    let secret = match object["kind"].as_str()? {
        "ConfigMap" => false,
        "Secret" => true,
        _ => return None,
    };
    let plain = |value: &Value| {
        let value = value.as_str().expect("a text");
        if !secret {
            return value.to_owned();
        }
        String::from_utf8(STANDARD.decode(value).expect("base64")).expect("UTF-8")
    };
    let data = object["data"].as_object().expect("data");
    Some(data.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
}
