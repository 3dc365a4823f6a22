//! Pods are confined, run what exists with keys that it reads, are asked what they answer, and have time to stop.

use std::collections::BTreeMap;

use messenger_support::Authority;
use serde_json::{Value, json};

use super::objects::{at, list, name_of, text};
use super::render::WITH_ALL;
use super::{Pod, variants};
use crate::programs::{PROGRAMS, Program};
use crate::system::System;

/// Where the component `mutual-tls` mounts certificates.
const TLS: &str = "/etc/messenger/grpc-tls/";

#[test]
fn the_cluster_refuses_what_is_not_confined_and_nothing_is_refused() {
    for objects in variants() {
        let labels = at(objects.named("Namespace", "messenger"), "/metadata/labels");
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
        for object in objects.all.iter().filter(|object| object["kind"] != "Namespace") {
            assert_eq!(text(object, "/metadata/namespace"), "messenger", "{}", name_of(object));
        }
        for pod in objects.pods() {
            confined(pod);
            let account = objects.named("ServiceAccount", text(pod.spec, "/serviceAccountName"));
            assert_eq!(account["automountServiceAccountToken"], false);
        }
        for (pod, ..) in objects.ours() {
            assert_eq!(
                pod.spec.pointer("/securityContext/runAsUser"),
                Some(&json!(65_532)),
                "as in the image"
            );
        }
    }
}

fn confined(pod: Pod<'_>) {
    let name = pod.name;
    let user = at(pod.spec, "/securityContext/runAsUser").as_u64();
    assert!(user.is_some_and(|user| user > 0), "{name}");
    for (pointer, value) in [
        ("/automountServiceAccountToken", json!(false)),
        ("/enableServiceLinks", json!(false)),
        ("/securityContext/runAsNonRoot", json!(true)),
        ("/securityContext/seccompProfile", json!({ "type": "RuntimeDefault" })),
    ] {
        assert_eq!(pod.spec.pointer(pointer), Some(&value), "{name}: {pointer}");
    }
    let expected = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(pod.container()["securityContext"], expected, "{name}");
    for field in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
        assert_eq!(pod.spec.get(field), None, "{name}");
    }
    for port in list(pod.container(), "/ports") {
        assert_eq!(port.get("hostPort"), None, "{name}");
    }
    for volume in list(pod.spec, "/volumes") {
        assert!(volume.get("secret").or_else(|| volume.get("configMap")).is_some(), "{name}: {volume}");
    }
    for pointer in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
        text(pod.container(), pointer);
    }
}

#[test]
fn images_are_pinned_and_ours_is_of_this_version() {
    let manifest = crate::read("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    let compose = System::read();
    for objects in variants() {
        for (pod, ..) in objects.ours() {
            let (_, tag) = text(pod.container(), "/image").rsplit_once(':').expect("a tag");
            assert_eq!(tag, version, "{}: {}", objects.name, pod.name);
        }
        let haproxy = text(objects.pod("haproxy").container(), "/image");
        assert_eq!(Some(haproxy), compose.service("haproxy").text("/image"), "one version everywhere");
    }
}

#[test]
fn commands_are_understood_and_each_program_migrates_once_and_serves() {
    for objects in variants() {
        let mut seen: Vec<_> =
            objects.ours().map(|(pod, program, verbs)| (pod.kind, program.name, verbs[0])).collect();
        seen.sort_unstable();
        let expected = [
            ("CronJob", "gateway", "retention"),
            ("Deployment", "accounts", "serve"),
            ("Deployment", "gateway", "serve"),
            ("Job", "accounts", "migrate"),
            ("Job", "gateway", "migrate"),
        ];
        let left_out = usize::from(objects.name != WITH_ALL);
        assert_eq!(seen, expected[left_out..], "{}", objects.name);
        for (pod, program, arguments) in objects.ours() {
            // Usage that is wrong ends with 2, before the configuration is read.
            let output = program.run(&arguments, &BTreeMap::new());
            assert_eq!(output.status.code(), Some(78), "{}: {arguments:?}", pod.name);
        }
    }
}

#[test]
fn every_environment_satisfies_its_program_and_has_no_key_that_nobody_reads() {
    let known: Vec<_> = PROGRAMS.iter().flat_map(|program| program.keys()).map(|key| key.name).collect();
    for objects in variants() {
        for (pod, program, _) in objects.ours() {
            let mut environment = objects.environment(pod);
            for key in environment.keys() {
                assert!(known.contains(key), "{}: {}: nobody reads {key}", objects.name, pod.name);
            }
            let own: Vec<_> = program.keys().into_iter().map(|key| key.name).collect();
            for variable in list(pod.container(), "/env") {
                let key = text(variable, "/name");
                assert!(own.iter().any(|known| known == key), "{}: does not read {key}", pod.name);
            }
            let _certificates = certificates_in_the_place_of_mounted_ones(pod, &mut environment);
            let output = program.run(&["check-config"], &environment);
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {}: {complaint}", objects.name, pod.name);
        }
    }
}

/// For the variant that has them: nothing is mounted here.
fn certificates_in_the_place_of_mounted_ones(
    pod: Pod<'_>,
    environment: &mut BTreeMap<String, String>,
) -> Option<Authority> {
    let mount = list(pod.container(), "/volumeMounts").find(|mount| mount["name"] == "grpc-tls")?;
    assert_eq!(format!("{}/", text(mount, "/mountPath")), TLS);
    let volume = list(pod.spec, "/volumes").find(|volume| volume["name"] == "grpc-tls").expect("the volume");
    assert_eq!(volume.pointer("/secret/defaultMode"), Some(&json!(0o440)), "the group reads it");
    let authority = Authority::new();
    let shown = authority.issue(&format!("{}.messenger.svc", pod.name));
    for value in environment.values_mut() {
        let Some(file) = value.strip_prefix(TLS) else { continue };
        *value = match file {
            "tls.crt" => shown.certificate.clone(),
            "tls.key" => shown.key.clone(),
            "ca.crt" => authority.root(),
            other => panic!("{}: cert-manager makes no {other}", pod.name),
        };
    }
    Some(authority)
}

#[test]
fn an_example_that_was_not_filled_in_starts_nothing() {
    let objects = super::Objects::base();
    for (pod, program, arguments) in objects.ours() {
        let mut environment = objects.environment(pod);
        for name in [program.name, pod.name] {
            let path = format!("deploy/kubernetes/overlays/production/secrets.example/{name}.env");
            let example = crate::read(&path);
            let lines = example.lines().filter_map(|line| line.split_once('='));
            environment.extend(lines.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        let output = program.run(&arguments, &environment);
        assert_eq!(
            output.status.code(),
            Some(78),
            "{}: {}",
            pod.name,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn probes_ask_what_is_answered_where_it_is_answered() {
    let routes = crate::read("crates/chassis/src/admin.rs");
    let haproxy = crate::read("deploy/haproxy/kubernetes.cfg");
    for objects in variants() {
        for pod in objects.pods().filter(|pod| pod.kind == "Deployment") {
            for (probe, path) in
                [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
            {
                let asked = at(pod.container(), &format!("/{probe}/httpGet"));
                assert_eq!(asked["path"], path, "{}: {probe}", pod.name);
                let port = pod.port(text(asked, "/port"));
                if pod.name == "haproxy" {
                    assert!(haproxy.contains(&format!("bind *:{port}\n")) && haproxy.contains(path));
                    continue;
                }
                let key = format!("{}_ADMIN_ADDR", pod.name.to_uppercase());
                assert_eq!(objects.environment(pod)[&key], format!("0.0.0.0:{port}"), "{}", pod.name);
                assert!(routes.contains(&format!(".route(\"{path}\"")), "{path}");
            }
        }
    }
}

#[test]
fn a_pod_has_more_time_than_its_program_takes_to_stop() {
    let hard_stop = crate::read("deploy/haproxy/haproxy.cfg");
    let hard_stop = hard_stop.lines().find_map(|line| line.trim().strip_prefix("hard-stop-after ")).unwrap();
    for objects in variants() {
        for (name, key) in
            [("accounts", "ACCOUNTS_STOP_DEADLINE_MS"), ("gateway", "GATEWAY_STOP_MS"), ("haproxy", "")]
        {
            let pod = objects.pod(name);
            let wait = at(pod.container(), "/lifecycle/preStop/sleep/seconds").as_u64().unwrap();
            let stop = match key {
                "" => hard_stop.trim_end_matches('s').parse::<u64>().unwrap(),
                key => milliseconds(key, &objects.environment(pod)) / 1000,
            };
            let grace = at(pod.spec, "/terminationGracePeriodSeconds").as_u64().unwrap();
            assert!(grace >= wait + stop + 5, "{name}: {grace} s for {wait} and {stop}");
        }
    }
}

/// What the environment says, or the program's default.
fn milliseconds(key: &str, environment: &BTreeMap<String, String>) -> u64 {
    let default = || PROGRAMS.iter().flat_map(|program| program.keys()).find(|known| known.name == key);
    let value = environment.get(key).cloned().or_else(|| default().map(|key| key.default));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{key} is no number"))
}

#[test]
fn a_new_version_comes_before_the_old_one_goes_and_pods_are_spread() {
    for objects in variants() {
        for object in objects.of_kind("Deployment") {
            let rolling = at(object, "/spec/strategy/rollingUpdate");
            assert_eq!((&rolling["maxUnavailable"], &rolling["maxSurge"]), (&json!(0), &json!(1)));
        }
        for pod in objects.pods().filter(|pod| pod.kind == "Deployment") {
            let spread: Vec<_> = list(pod.spec, "/topologySpreadConstraints").collect();
            let keys: Vec<_> = spread.iter().map(|spread| text(spread, "/topologyKey")).collect();
            assert_eq!(keys, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"], "{}", pod.name);
            assert!(spread.iter().all(|spread| pod.is_selected_by(at(spread, "/labelSelector/matchLabels"))));
        }
    }
}

#[test]
fn the_signing_keys_are_a_file_that_accounts_takes() {
    let overlay = crate::read("deploy/kubernetes/overlays/production/kustomization.yaml");
    for objects in variants() {
        let pod = objects.pod("accounts");
        let key = &objects.environment(pod)["ACCOUNTS_SIGNING_KEY_FILE"];
        let (folder, name) = key.rsplit_once('/').unwrap();
        let mount = list(pod.container(), "/volumeMounts").find(|mount| mount["mountPath"] == folder);
        let mount = mount.unwrap_or_else(|| panic!("{folder} is not mounted"));
        assert_eq!(mount["readOnly"], true);
        assert_eq!(mount.get("subPath"), None, "a file by itself never changes");
        let volume = list(pod.spec, "/volumes").find(|volume| volume["name"] == mount["name"]).unwrap();
        let expected = json!({ "secretName": "messenger-signing-keys", "defaultMode": 0o440 });
        assert_eq!(volume["secret"], expected);
        assert_eq!(
            pod.spec.pointer("/securityContext/fsGroup"),
            pod.spec.pointer("/securityContext/runAsGroup")
        );
        assert!(overlay.contains(&format!("files: [secrets/{name}]")), "{name}");
        assert_eq!(program_that_mounts(&objects, "messenger-signing-keys"), ["accounts"], "and nobody else");
    }
}

fn program_that_mounts<'a>(objects: &'a super::Objects, secret: &str) -> Vec<&'a str> {
    let mounts = |pod: &Pod<'_>| {
        list(pod.spec, "/volumes")
            .any(|volume| volume.pointer("/secret/secretName") == Some(&Value::from(secret)))
    };
    objects.pods().filter(mounts).map(|pod| pod.name).collect()
}

#[test]
fn a_service_knows_its_own_secrets_and_the_owner_of_a_schema_serves_nobody() {
    for objects in variants() {
        for (pod, program, _) in objects.ours() {
            let environment = objects.environment(pod);
            let owner = format!("{}_MIGRATE_DATABASE_URL", program.name.to_uppercase());
            assert_eq!(environment.contains_key(&owner), pod.kind != "Deployment", "{}", pod.name);
            let other = PROGRAMS.iter().find(|other| other.name != program.name).map(secrets).unwrap();
            assert!(other.iter().all(|key| !environment.contains_key(key)), "{}", pod.name);
        }
        assert!(objects.of_kind("ConfigMap").all(|map| !map.to_string().contains("postgres://")));
    }
}

fn secrets(program: &Program) -> Vec<String> {
    ["DATABASE_URL", "REDIS_URL", "MIGRATE_DATABASE_URL"]
        .map(|key| format!("{}_{key}", program.name.to_uppercase()))
        .to_vec()
}
