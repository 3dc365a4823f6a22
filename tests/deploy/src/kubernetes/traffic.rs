//! Who leads to whom: Services, HAProxy, network policies; and who may be taken away or added.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::objects::{at, list, name_of, text};
use super::{Objects, Pod, variants};

const TEMPLATES: &str = "deploy/haproxy/kubernetes.cfg";
const SHARED: &str = "deploy/haproxy/haproxy.cfg";

#[test]
fn services_lead_to_pods_and_haproxy_alone_to_the_world() {
    for objects in variants() {
        for service in objects.of_kind("Service") {
            let name = name_of(service);
            let selected: Vec<_> =
                objects.pods().filter(|pod| pod.is_selected_by(at(service, "/spec/selector"))).collect();
            let [pod] = selected[..] else { panic!("{name} leads to {} pods", selected.len()) };
            for port in list(service, "/spec/ports") {
                let number = pod.port(text(port, "/targetPort"));
                let open = service["spec"]["type"] == "LoadBalancer";
                assert!(open || name == "haproxy" || port["port"] == number, "{name}: {port}");
            }
            let outside = service.pointer("/spec/type").is_some();
            assert!(!outside || name == "haproxy", "{name} is reached from outside");
            if name == "haproxy" {
                let ports: Vec<_> =
                    list(service, "/spec/ports").map(|port| text(port, "/targetPort")).collect();
                assert_eq!(ports, ["http"], "its health is nobody's business outside");
            }
        }
        let url = &objects.environment(objects.pod("gateway"))["GATEWAY_ACCOUNTS_URL"];
        let (_, address) = url.split_once("://").unwrap();
        let (host, port) = address.split_once(':').unwrap();
        let ports: Vec<_> = list(objects.named("Service", host), "/spec/ports")
            .map(|port| port["port"].to_string())
            .collect();
        assert_eq!(ports, [port]);
    }
}

#[test]
fn haproxy_finds_as_many_pods_as_there_may_be_at_their_ports() {
    let templates = crate::read(TEMPLATES);
    for objects in variants() {
        for name in ["accounts", "gateway"] {
            let (service, pod) = (objects.named("Service", &format!("{name}-pods")), objects.pod(name));
            assert_eq!(at(service, "/spec/clusterIP"), "None", "an address for each pod");
            let (http, admin) = (pod.port("http"), pod.port("admin"));
            let server = format!(
                "\"{name}-pods.${{POD_NAMESPACE}}.svc.${{CLUSTER_DOMAIN}}:{http}\" check port {admin} "
            );
            let line = templates.lines().find(|line| line.contains(&server)).expect("a template");
            let count: u64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
            // A rolling update has one more.
            let most =
                at(objects.named("HorizontalPodAutoscaler", name), "/spec/maxReplicas").as_u64().unwrap();
            assert!(count > most, "{name}: {count} for {most}");
        }
    }
}

#[test]
fn haproxy_reads_our_files_and_its_keys_are_in_them() {
    let files = [crate::read(SHARED), crate::read(TEMPLATES)];
    for objects in variants() {
        let pod = objects.pod("haproxy");
        let mount =
            list(pod.container(), "/volumeMounts").find(|mount| mount["name"] == "configuration").unwrap();
        let folder = text(mount, "/mountPath");
        let expected =
            ["haproxy", "-f", &format!("{folder}/haproxy.cfg"), "-f", &format!("{folder}/kubernetes.cfg")];
        assert_eq!(pod.command(), expected);
        for key in objects.environment(pod).keys() {
            let names = [format!("${{{key}}}"), format!("${{{key}[*]}}")];
            assert!(
                files.iter().any(|file| names.iter().any(|name| file.contains(name))),
                "nobody reads {key}"
            );
        }
        let port = pod.port("http");
        let bind = &objects.environment(pod)["MESSENGER_BIND"];
        assert!(
            bind == &format!("*:{port}")
                || bind.starts_with(&format!("*:{port} ssl crt /etc/messenger/tls/tls.crt "))
        );
    }
}

#[test]
fn every_deployment_loses_one_pod_at_a_time() {
    for objects in variants() {
        for pod in objects.pods() {
            let budgets: Vec<_> = objects
                .of_kind("PodDisruptionBudget")
                .filter(|budget| pod.is_selected_by(at(budget, "/spec/selector/matchLabels")))
                .collect();
            let expected = usize::from(pod.kind == "Deployment");
            assert_eq!(budgets.len(), expected, "{}", pod.name);
            assert!(budgets.iter().all(|budget| *at(budget, "/spec/maxUnavailable") == json!(1)));
        }
    }
}

#[test]
fn autoscalers_have_a_deployment_to_themselves_and_let_gateways_go_slowly() {
    let metrics = crate::read("docs/OPERATIONS.md");
    for objects in variants() {
        for scaler in objects.of_kind("HorizontalPodAutoscaler") {
            let target = at(scaler, "/spec/scaleTargetRef");
            assert_eq!((&target["apiVersion"], &target["kind"]), (&json!("apps/v1"), &json!("Deployment")));
            let deployment = objects.named("Deployment", text(target, "/name"));
            assert_eq!(deployment.pointer("/spec/replicas"), None, "or every `apply` would set it back");
            assert!(at(scaler, "/spec/minReplicas").as_u64().unwrap() >= 2);
        }
        let gateway = objects.named("HorizontalPodAutoscaler", "gateway");
        let down = at(gateway, "/spec/behavior/scaleDown");
        assert!(down["stabilizationWindowSeconds"].as_u64().unwrap() >= 600);
        assert_eq!(down["policies"], json!([{ "type": "Pods", "value": 1, "periodSeconds": 300 }]));
        let named: Vec<_> =
            list(gateway, "/spec/metrics").filter_map(|metric| metric.pointer("/pods/metric/name")).collect();
        let expected = if objects.name == "base" { 0 } else { 1 };
        assert_eq!(named.len(), expected, "{}", objects.name);
        for name in named {
            assert!(metrics.contains(&format!("| `{}` |", name.as_str().unwrap())), "{name}");
        }
    }
}

#[test]
fn prometheus_is_led_to_the_admin_ports_and_let_in() {
    for objects in variants().iter().filter(|objects| objects.name != "base") {
        let monitor = objects.named("ServiceMonitor", "messenger");
        let wanted: BTreeSet<_> = values(at(monitor, "/spec/selector"));
        let scraped: BTreeSet<_> = objects
            .of_kind("Service")
            .filter(|service| {
                service
                    .pointer("/metadata/labels/app.kubernetes.io~1name")
                    .is_some_and(|name| wanted.contains(name.as_str().unwrap()))
            })
            .filter(|service| list(service, "/spec/ports").any(|port| port["name"] == "admin"))
            .map(name_of)
            .collect();
        assert_eq!(scraped, BTreeSet::from(["accounts-pods", "gateway-pods"]));
        let policy = objects.named("NetworkPolicy", "prometheus");
        assert_eq!(values(at(policy, "/spec/podSelector")), wanted);
        let ports: BTreeSet<_> =
            list(policy, "/spec/ingress/0/ports").map(|port| port["port"].as_u64().unwrap()).collect();
        assert_eq!(ports, ["accounts", "gateway"].map(|name| objects.pod(name).port("admin")).into());
    }
}

/// The values of a selector with one expression on names.
fn values(selector: &Value) -> BTreeSet<&str> {
    assert_eq!(at(selector, "/matchExpressions/0/key"), "app.kubernetes.io/name");
    list(selector, "/matchExpressions/0/values").map(|value| value.as_str().unwrap()).collect()
}

#[test]
fn pods_talk_to_whom_they_must_and_to_nobody_else() {
    for objects in variants() {
        let mut talks = BTreeSet::new();
        for (from, to) in objects.pods().flat_map(|from| objects.pods().map(move |to| (from, to))) {
            let ports = to
                .ports()
                .filter(|port| leaves(&objects, from, to, *port) && enters(&objects, from, to, *port));
            talks.extend(ports.map(|port| (from.name, to.name, port)));
        }
        let expected = [
            ("gateway", "accounts", 3101),
            ("haproxy", "accounts", 3100),
            ("haproxy", "accounts", 3102),
            ("haproxy", "gateway", 3200),
            ("haproxy", "gateway", 3201),
        ];
        assert_eq!(talks.into_iter().collect::<Vec<_>>(), expected, "{}", objects.name);
        for pod in objects.pods() {
            let opened: Vec<_> = rules(&objects, pod, "ingress")
                .filter(|rule| rule.get("from").is_none())
                .flat_map(ports)
                .collect();
            let expected = if pod.name == "haproxy" { vec![pod.port("http")] } else { Vec::new() };
            assert_eq!(opened, expected, "from everywhere to {}", pod.name);
            let outside: BTreeSet<_> = rules(&objects, pod, "egress")
                .filter(|rule| rule.get("to").is_none())
                .flat_map(ports)
                .collect();
            let expected: &[u64] = match pod.name {
                "haproxy" => &[],
                "accounts" => &[465, 587, 4317, 5432, 6379, 26379],
                "gateway" => &[4317, 5432, 6379, 26379],
                _ => &[5432],
            };
            assert_eq!(outside.into_iter().collect::<Vec<_>>(), expected, "{}", pod.name);
            assert!(rules(&objects, pod, "egress").any(|rule| ports(rule).any(|port| port == 53)), "names");
        }
    }
}

fn leaves(objects: &Objects, from: Pod<'_>, to: Pod<'_>, port: u64) -> bool {
    rules(objects, from, "egress").any(|rule| allows(rule, "/to", to, port))
}

fn enters(objects: &Objects, from: Pod<'_>, to: Pod<'_>, port: u64) -> bool {
    rules(objects, to, "ingress").any(|rule| allows(rule, "/from", from, port))
}

/// The rules of a direction for this pod. Without a policy everything would be allowed.
fn rules<'a>(objects: &'a Objects, pod: Pod<'a>, direction: &'a str) -> impl Iterator<Item = &'a Value> {
    let kind = if direction == "ingress" { "Ingress" } else { "Egress" };
    let policies: Vec<_> = objects
        .of_kind("NetworkPolicy")
        .filter(|policy| list(policy, "/spec/policyTypes").any(|named| named == kind))
        .filter(|policy| selects(at(policy, "/spec/podSelector"), pod))
        .collect();
    assert!(!policies.is_empty(), "{}: no {kind} is refused", pod.name);
    policies
        .into_iter()
        .flat_map(move |policy| list(policy, &format!("/spec/{direction}")).collect::<Vec<_>>())
}

fn selects(selector: &Value, pod: Pod<'_>) -> bool {
    match selector.get("matchExpressions") {
        Some(_) => values(selector).contains(pod.name),
        None => selector.get("matchLabels").is_none_or(|labels| pod.is_selected_by(labels)),
    }
}

/// Among the pods of this namespace.
fn allows(rule: &Value, peers: &str, pod: Pod<'_>, port: u64) -> bool {
    let here = |peer: &&Value| peer.get("namespaceSelector").is_none() && peer.get("ipBlock").is_none();
    let peer = rule.pointer(peers).is_none()
        || list(rule, peers).filter(here).any(|peer| selects(&peer["podSelector"], pod));
    peer && ports(rule).any(|allowed| allowed == port)
}

fn ports(rule: &Value) -> impl Iterator<Item = u64> {
    list(rule, "/ports").map(|port| port["port"].as_u64().expect("a number"))
}
