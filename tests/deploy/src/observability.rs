//! What operators look at: the rules, the dashboard and the configurations ask for metrics that there are, of services that
//! there are, and every alert has a section in the operations document.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::machine;
use crate::metrics::{documented, queried};
use crate::system::{System, yaml};

const FOLDER: &str = "deploy/observability";
const RUNBOOKS: &str = "docs/OPERATIONS.md";

fn file(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no list {pointer} in {value}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text {pointer} in {value}"))
}

fn alerts() -> Vec<Value> {
    let file = yaml(&file("alerts.yml"));
    list(&file, "/groups").iter().flat_map(|group| list(group, "/rules")).cloned().collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&crate::read(&file("grafana/dashboards/messenger.json"))).unwrap()
}

/// The queries of the dashboard, with the variables of Grafana in place.
fn queries() -> Vec<String> {
    let dashboard = dashboard();
    let panels = list(&dashboard, "/panels").iter().filter_map(|panel| panel.get("targets")?.as_array());
    let queries = panels.flatten().map(|target| text(target, "/expr"));
    let queries = queries.chain(list(&dashboard, "/annotations/list").iter().map(|one| text(one, "/expr")));
    queries.map(|query| query.replace("$__rate_interval", "5m").replace("$instance", ".*")).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let documented = documented();
    let alerts = alerts().into_iter().map(|alert| text(&alert, "/expr").to_owned());
    let queries: Vec<_> = alerts.chain(queries()).collect();
    let asked: BTreeSet<_> = queries.iter().flat_map(|query| queried(query)).collect();
    assert!(asked.len() > 40, "{asked:?}");
    let unknown: Vec<_> = asked.difference(&documented).collect();
    assert!(unknown.is_empty(), "nobody records {unknown:?}");
}

/// The text below a heading, up to the next one.
fn section<'a>(document: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("\n{heading}\n"))?;
    Some(rest.split("\n#").next().unwrap_or(rest))
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let document = crate::read(RUNBOOKS);
    let alerts = alerts();
    for alert in &alerts {
        let name = text(alert, "/alert");
        let runbook = section(&document, &format!("### {name}"));
        let runbook = runbook.unwrap_or_else(|| panic!("{RUNBOOKS} has no section ### {name}"));
        for lead in ["Means", "Users see", "Look at", "Do"] {
            assert!(runbook.contains(&format!("\n- **{lead}:** ")), "### {name} does not say: {lead}");
        }
        assert_eq!(text(alert, "/annotations/runbook"), format!("{RUNBOOKS}#{}", name.to_lowercase()));
        assert!(["page", "ticket"].contains(&text(alert, "/labels/severity")), "{name}");
    }
    let chapter = document.split("\n## Alerts\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let sections: Vec<_> = chapter.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(sections, alerts.iter().map(|alert| text(alert, "/alert")).collect::<Vec<_>>());
}

#[test]
fn every_alert_is_tried_quiet_and_firing() {
    let cases = yaml(&file("alerts_test.yml"));
    let cases = || list(&cases, "/tests").iter().flat_map(|test| list(test, "/alert_rule_test"));
    for alert in alerts() {
        let name = text(&alert, "/alert");
        let tried = |fires: bool| {
            cases()
                .any(|case| text(case, "/alertname") == name && list(case, "/exp_alerts").is_empty() != fires)
        };
        assert!(tried(true) && tried(false), "{name}: alerts_test.yml must have it fire once, and once not");
    }
}

/// Runs promtool in the folder; what it complains of fails the test.
fn promtool(arguments: &[&str]) {
    let Some(program) = machine::program("promtool", "prometheus") else { return };
    let output =
        Command::new(program).args(arguments).current_dir(crate::root().join(FOLDER)).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_understands_the_configuration_and_the_alerts_do_what_they_should() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
}

#[test]
fn promtool_understands_every_query_of_the_dashboard() {
    let rules: Vec<_> = queries()
        .into_iter()
        .enumerate()
        .map(|(number, query)| serde_json::json!({"record": format!("query:{number}"), "expr": query}))
        .collect();
    assert!(rules.len() > 50, "{}", rules.len());
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let path = std::env::temp_dir().join(format!("messenger-dashboard-{}.yml", std::process::id()));
    std::fs::write(&path, rules.to_string()).unwrap();
    promtool(&["check", "rules", path.to_str().unwrap()]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn prometheus_finds_the_admin_listeners() {
    let (system, configuration) = (System::read(), yaml(&file("prometheus.yml")));
    let jobs: Vec<_> = list(&configuration, "/scrape_configs").iter().collect();
    assert_eq!(jobs.iter().map(|job| text(job, "/job_name")).collect::<Vec<_>>(), ["accounts", "gateway"]);
    for job in jobs {
        let name = text(job, "/job_name");
        assert_eq!(text(job, "/dns_sd_configs/0/names/0"), name);
        let admin = &system.service(name).environment()[&format!("{}_ADMIN_ADDR", name.to_uppercase())];
        assert_eq!(text(job, "/dns_sd_configs/0/port"), admin.rsplit(':').next().unwrap());
    }
}

#[test]
fn what_observes_is_small_pinned_and_reached_from_this_machine_only() {
    let top = yaml("docker-compose.yml");
    assert_eq!(list(&top, "/include"), &[Value::from(file("compose.yml"))]);
    let (system, observers) = (System::read(), System::of(&file("compose.yml")));
    let mut reachable = BTreeSet::new();
    for observer in observers.services() {
        let name = observer.name;
        assert!(system.services().all(|service| service.name != name), "{name} is there twice");
        assert_eq!(observer.list("profiles"), ["observe"], "{name}");
        assert_eq!(observer.text("/read_only"), Some("true"), "{name}");
        assert_eq!(observer.list("cap_drop"), ["ALL"], "{name}");
        assert_eq!(observer.list("security_opt"), ["no-new-privileges:true"], "{name}");
        let (_, version) = observer.text("/image").unwrap().rsplit_once(':').expect("a version");
        assert_eq!(version.split('.').count(), 3, "{name}: {version} is not one version");
        for port in observer.list("ports") {
            let (outside, inside) = port.strip_prefix("127.0.0.1:").unwrap().split_once(':').unwrap();
            assert!(reachable.insert(outside), "{port}: taken");
            assert!(inside.parse::<u16>().is_ok(), "{port}");
        }
        for volume in observer.list("volumes").into_iter().filter(|volume| volume.starts_with("./")) {
            let (outside, inside) = volume.split_once(':').unwrap();
            assert!(inside.ends_with(":ro"), "{name}: {volume}");
            assert!(crate::root().join(FOLDER).join(outside).exists(), "{name}: {volume}");
        }
        for (other, _) in observer.mapping("depends_on") {
            observers.service(other);
        }
    }
    assert!(!reachable.contains("3000"), "that is HAProxy's");
}

#[test]
fn the_collector_has_a_way_for_each_signal_and_no_part_without_use() {
    let (configuration, observers) = (yaml(&file("collector.yml")), System::of(&file("compose.yml")));
    let names = |section: &str| -> BTreeSet<String> {
        configuration[section].as_object().unwrap().keys().cloned().collect()
    };
    let pipelines = configuration["service"]["pipelines"].as_object().unwrap();
    assert_eq!(pipelines.keys().collect::<Vec<_>>(), ["metrics", "traces"]);
    for section in ["receivers", "processors", "exporters"] {
        let used = pipelines.values().flat_map(|pipeline| list(pipeline, &format!("/{section}")));
        let used: BTreeSet<_> = used.map(|name| name.as_str().unwrap().to_owned()).collect();
        assert_eq!(used, names(section), "{section}");
    }
    for exporter in configuration["exporters"].as_object().unwrap().values() {
        let endpoint = text(exporter, "/endpoint");
        let host = endpoint.split("://").last().unwrap().split(':').next().unwrap();
        observers.service(host);
    }
    assert_eq!(text(&configuration, "/receivers/otlp/protocols/grpc/endpoint"), "0.0.0.0:4317");
    assert!(
        crate::read("deploy/README.md")
            .contains("\nOTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4317\n")
    );
    observers.service("collector");
}

#[test]
fn the_dashboard_has_its_rows_and_its_source() {
    let dashboard = dashboard();
    let panels = list(&dashboard, "/panels");
    let rows = panels.iter().filter(|panel| panel["type"] == "row").map(|row| text(row, "/title"));
    let wanted = ["The promise", "Sends", "Sockets", "Redis bus", "PostgreSQL", "Accounts", "Processes"];
    assert_eq!(rows.collect::<Vec<_>>(), wanted);
    let sources = yaml(&file("grafana/provisioning/datasources/messenger.yml"));
    let sources: Vec<_> = list(&sources, "/datasources").iter().map(|source| text(source, "/uid")).collect();
    let mut places = BTreeSet::new();
    for panel in panels {
        let number = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(number("x") + number("w") <= 24, "{panel}");
        for (x, y) in (number("x")..number("x") + number("w"))
            .flat_map(|x| (number("y")..number("y") + number("h")).map(move |y| (x, y)))
        {
            assert!(places.insert((x, y)), "two panels at {x}, {y}");
        }
        for target in panel.get("targets").and_then(Value::as_array).into_iter().flatten() {
            assert!(sources.contains(&text(target, "/datasource/uid")), "{target}");
        }
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
    let mount = System::of(&file("compose.yml"));
    let grafana = mount.service("grafana");
    let provider = yaml(&file("grafana/provisioning/dashboards/messenger.yml"));
    let folder = text(&provider, "/providers/0/options/path");
    assert!(grafana.list("volumes").iter().any(|volume| volume.contains(&format!(":{folder}:"))), "{folder}");
    let home = &grafana.environment()["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert!(Path::new(home).starts_with(folder) && home.ends_with("messenger.json"));
}
