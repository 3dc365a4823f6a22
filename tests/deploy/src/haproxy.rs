//! HAProxy finds the services where the compose file puts them, and understands its configuration.

use std::path::PathBuf;
use std::process::Command;

use crate::kubernetes::Objects;
use crate::machine;
use crate::system::System;

const SHARED: &str = "deploy/haproxy/haproxy.cfg";
const COMPOSE: &str = "deploy/haproxy/compose.cfg";
const KUBERNETES: &str = "deploy/haproxy/kubernetes.cfg";

#[test]
fn the_backends_lead_to_the_services_and_their_admin_ports() {
    let system = System::read();
    let configuration = crate::read(COMPOSE);
    for (service, http, admin) in [
        ("accounts", "ACCOUNTS_HTTP_ADDR", "ACCOUNTS_ADMIN_ADDR"),
        ("gateway", "GATEWAY_HTTP_ADDR", "GATEWAY_ADMIN_ADDR"),
    ] {
        let environment = system.service(service).environment();
        let [http, admin] = [http, admin].map(|key| environment[key].rsplit(':').next().unwrap());
        let expected = format!(" {service}:{http} check port {admin} ");
        assert!(configuration.contains(&expected), "no server{expected}in {COMPOSE}");
    }
}

#[test]
fn the_configuration_in_the_container_is_ours() {
    let system = System::read();
    let haproxy = system.service("haproxy");
    let [volume] = haproxy.list("volumes")[..] else { panic!("haproxy has one volume") };
    let [outside, inside, "ro"] = volume.split(':').collect::<Vec<_>>()[..] else { panic!("{volume}") };
    let command = haproxy.list("command");
    let files = command.iter().filter_map(|word| word.strip_prefix(inside));
    let files: Vec<_> = files.map(|name| format!("{}{name}", outside.trim_start_matches("./"))).collect();
    assert_eq!(files, [SHARED, COMPOSE]);
}

#[test]
fn what_clients_say_of_themselves_is_overwritten_and_the_services_believe_nobody_else() {
    let configuration = crate::read(SHARED);
    let lines: Vec<_> = configuration.lines().map(str::trim).collect();
    for line in [
        "http-request del-header Forwarded",
        "http-request del-header X-Real-IP",
        "http-request set-header X-Forwarded-For %[src]",
        "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
        "http-request set-header X-Forwarded-Proto http unless { ssl_fc }",
    ] {
        assert!(lines.contains(&line), "{SHARED} has no `{line}`");
    }
    let compose = crate::read("docker-compose.yml");
    let subnet = compose.split("subnet: \"${MESSENGER_NETWORK:-").nth(1).unwrap().split('}').next().unwrap();
    let system = System::read();
    for (service, key) in [("accounts", "ACCOUNTS_TRUSTED_PROXIES"), ("gateway", "GATEWAY_TRUSTED_PROXIES")] {
        assert_eq!(system.service(service).environment()[key], subnet, "{service}");
    }
}

pub(crate) fn program() -> Option<PathBuf> {
    machine::program("haproxy", "haproxy")
}

#[test]
fn haproxy_understands_the_configuration() {
    let Some(program) = program() else { return };
    let objects = Objects::base();
    let compose = System::read().service("haproxy").environment();
    let kubernetes = objects.environment(objects.pod("haproxy"));
    for (servers, environment) in [(COMPOSE, compose), (KUBERNETES, kubernetes)] {
        let mut command = Command::new(&program);
        command.args(["-c", "-f", SHARED, "-f", servers]).current_dir(crate::root()).envs(environment);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{servers}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_limits_of_an_address_are_the_documented_ones() {
    let configuration = crate::read(SHARED);
    let document = crate::read("docs/OPERATIONS.md");
    for (key, words) in [
        ("MESSENGER_ADDRESS_CONNECTIONS", "connections of an address through HAProxy | "),
        ("MESSENGER_ADDRESS_REQUESTS", "requests of an address to REST at once through HAProxy | "),
        ("MESSENGER_ADDRESS_HANDSHAKES", "handshakes of an address in ten seconds through HAProxy | "),
    ] {
        let limit =
            configuration.lines().find_map(|line| line.trim().strip_prefix(&format!("presetenv {key} ")));
        let limit: u32 = limit.and_then(|limit| limit.parse().ok()).unwrap_or_else(|| panic!("{key}"));
        let documented = document.lines().find_map(|line| line.split_once(words)).expect(words).1;
        let documented = documented.split(' ').next().unwrap().replace(',', "");
        assert_eq!(documented, limit.to_string(), "{key}");
        assert!(configuration.contains(&format!("gt \"${{{key}}}\"")), "{key} limits nothing");
    }
}
