//! Every object is what Kubernetes takes it for: read by the types that are generated from its own description, nothing is
//! missing, and nothing is there that they do not know.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::objects::name_of;
use super::variants;

/// What the Prometheus operator reads, as far as it is used here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceMonitor {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: ServiceMonitorSpec,
}

#[derive(Debug, Serialize, Deserialize)]
struct ServiceMonitorSpec {
    selector: LabelSelector,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    port: String,
    path: String,
    interval: String,
    scrape_timeout: String,
}

/// Why the object is none of its kind.
fn problem(object: &Value) -> Option<String> {
    match (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default()) {
        ("v1", "Namespace") => read::<Namespace>(object),
        ("v1", "ServiceAccount") => read::<ServiceAccount>(object),
        ("v1", "Service") => read::<Service>(object),
        ("v1", "ConfigMap") => read::<ConfigMap>(object),
        ("v1", "Secret") => read::<Secret>(object),
        ("apps/v1", "Deployment") => read::<Deployment>(object),
        ("batch/v1", "CronJob") => read::<CronJob>(object),
        ("batch/v1", "Job") => read::<Job>(object),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => read::<HorizontalPodAutoscaler>(object),
        ("policy/v1", "PodDisruptionBudget") => read::<PodDisruptionBudget>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => read::<NetworkPolicy>(object),
        ("monitoring.coreos.com/v1", "ServiceMonitor") => read::<ServiceMonitor>(object),
        other => Some(format!("nobody knows a {other:?}")),
    }
}

/// A field that the type does not know is gone when the object is written again; one that it must have is there then.
fn read<T: DeserializeOwned + Serialize>(object: &Value) -> Option<String> {
    let known: T = match serde_json::from_value(object.clone()) {
        Ok(known) => known,
        Err(error) => return Some(error.to_string()),
    };
    let again = serde_json::to_value(known).expect("JSON");
    let unknown = lost(object, &again, "").map(|at| format!("{at} is unknown"));
    unknown.or_else(|| lost(&again, object, "").map(|at| format!("{at} is missing")))
}

/// The first thing that the one has and the other has not.
fn lost(object: &Value, again: &Value, path: &str) -> Option<String> {
    match (object, again) {
        (Value::Object(fields), Value::Object(known)) => fields.iter().find_map(|(name, field)| {
            let path = format!("{path}/{name}");
            match known.get(name) {
                Some(again) => lost(field, again, &path),
                None => Some(path),
            }
        }),
        (Value::Array(items), Value::Array(known)) if items.len() == known.len() => {
            let pairs = items.iter().zip(known).enumerate();
            pairs.map(|(n, (item, again))| lost(item, again, &format!("{path}/{n}"))).find_map(|lost| lost)
        }
        (one, other) if one == other => None,
        (one, other) => Some(format!("{path} as {one} beside {other}")),
    }
}

#[test]
fn every_object_is_what_kubernetes_takes_it_for() {
    for objects in variants() {
        assert!(objects.all.len() > 20, "{}: {}", objects.name, objects.all.len());
        for object in &objects.all {
            let name = name_of(object);
            assert_eq!(problem(object), None, "{}: {} {name}", objects.name, object["kind"]);
        }
    }
}

#[test]
fn what_is_misspelt_misplaced_missing_or_of_another_type_is_found() {
    let deployment = super::Objects::base().named("Deployment", "gateway").clone();
    assert_eq!(problem(&deployment), None);
    let spec = "/spec/template/spec";
    for (at, name, value) in [
        (spec, "terminationGracePeriodSecond", 35.into()),
        (spec, "readOnlyRootFilesystem", true.into()),
        ("/spec/template/spec/containers/0", "securityContext", serde_json::json!({ "privilegd": false })),
        ("/spec/template/spec/containers/0", "ports", serde_json::json!([{ "containerPort": "http" }])),
        ("", "apiVersion", "apps/v1beta1".into()),
    ] {
        let mut broken = deployment.clone();
        broken.pointer_mut(at).unwrap()[name] = value;
        assert!(problem(&broken).is_some(), "{at}/{name}");
    }
    let mut broken = deployment;
    broken["spec"].as_object_mut().unwrap().remove("template");
    broken["spec"].as_object_mut().unwrap().remove("selector");
    assert!(problem(&broken).is_some(), "a Deployment of nothing");
}
