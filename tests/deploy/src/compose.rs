//! `docker-compose.yml` starts programs that exist, with commands and keys that they know, and nothing points nowhere.

use crate::programs::Program;
use crate::system::{Service, System};

/// The program that a service runs, and its subcommand.
fn command<'a>(service: Service<'a>) -> (Program, &'a str) {
    match service.list("command").as_slice() {
        [program, subcommand] => (Program::named(program), *subcommand),
        other => panic!("{}: {other:?} is not a program with a subcommand", service.name),
    }
}

#[test]
fn every_command_and_health_check_is_a_subcommand() {
    let system = System::read();
    let mut seen = Vec::new();
    for service in system.ours() {
        let (program, subcommand) = command(service);
        seen.push((program.name, subcommand));
        let known = program.subcommands();
        assert!(known.iter().any(|name| name == subcommand), "{}: {known:?}", service.name);
        match service.health_check().as_slice() {
            [] => assert_eq!(subcommand, "migrate", "{} has no health check", service.name),
            [name, check] => {
                assert_eq!(*name, program.name, "{}", service.name);
                assert!(known.iter().any(|name| name == check), "{}: {known:?}", service.name);
            }
            other => panic!("{}: {other:?}", service.name),
        }
    }
    seen.sort_unstable();
    let expected =
        [("accounts", "migrate"), ("accounts", "serve"), ("gateway", "migrate"), ("gateway", "serve")];
    assert_eq!(seen, expected);
}

#[test]
fn every_environment_satisfies_its_program_and_has_no_key_that_it_does_not_read() {
    let system = System::read();
    for service in system.ours() {
        let (program, _) = command(service);
        let environment = service.environment();
        let known = program.keys();
        for key in environment.keys() {
            assert!(known.iter().any(|known| known.name == *key), "{}: nobody reads {key}", service.name);
        }
        let output = program.run(&["check-config"], &environment);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaint}", service.name);
    }
}

#[test]
fn the_services_find_each_other() {
    let system = System::read();
    let accounts = system.service("accounts").environment();
    let gateway = system.service("gateway").environment();
    let grpc = port(&accounts["ACCOUNTS_GRPC_ADDR"]);
    assert_eq!(gateway["GATEWAY_ACCOUNTS_URL"], format!("http://accounts:{grpc}"));
    assert_eq!(accounts["ACCOUNTS_REDIS_URL"], gateway["GATEWAY_REDIS_URL"]);
    for service in system.ours() {
        for (key, value) in service.environment().iter().filter(|(_, value)| value.contains("://")) {
            let host = host(value);
            assert!(system.services().any(|it| it.name == host), "{}: {key}: no {host}", service.name);
        }
        for (key, value) in service.environment().iter().filter(|(key, _)| key.ends_with("_ADDR")) {
            assert!(value.starts_with("0.0.0.0:"), "{}: {key}: not reachable from outside", service.name);
        }
    }
}

#[test]
fn the_database_that_is_made_is_the_one_that_is_used() {
    let system = System::read();
    let postgres = system.service("postgres").environment();
    let [user, password, database] =
        ["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"].map(|key| &postgres[key]);
    for (service, key, schema) in
        [("accounts", "ACCOUNTS_DATABASE_URL", "accounts"), ("gateway", "GATEWAY_DATABASE_URL", "messaging")]
    {
        let url =
            format!("postgres://{user}:{password}@postgres:5432/{database}?options=-csearch_path%3D{schema}");
        assert_eq!(system.service(service).environment()[key], url);
    }
}

#[test]
fn whoever_is_waited_for_can_be_waited_for() {
    let system = System::read();
    for service in system.services() {
        for (name, dependency) in service.mapping("depends_on") {
            let other = system.service(name);
            match dependency["condition"].as_str() {
                Some("service_healthy") => assert!(!other.health_check().is_empty(), "{name}"),
                Some("service_completed_successfully") => assert_eq!(other.text("/restart"), None, "{name}"),
                other => panic!("{}: {name}: {other:?}", service.name),
            }
        }
    }
}

#[test]
fn the_balancer_alone_is_reachable_and_from_this_machine_only() {
    let system = System::read();
    for service in system.services() {
        let ports = service.list("ports");
        if service.name == "haproxy" {
            let inner = port(&service.environment()["MESSENGER_BIND"]).to_owned();
            assert_eq!(ports, [format!("127.0.0.1:3000:{inner}")]);
        } else {
            assert!(ports.is_empty(), "{} publishes {ports:?}", service.name);
        }
    }
}

#[test]
fn the_signing_key_outlives_the_container() {
    let system = System::read();
    let accounts = system.service("accounts");
    let [volume] = accounts.list("volumes")[..] else { panic!("accounts has one volume") };
    let (_, folder) = volume.split_once(':').unwrap();
    let key = &accounts.environment()["ACCOUNTS_SIGNING_KEY_FILE"];
    assert!(key.strip_prefix(folder).is_some_and(|name| name.starts_with('/')), "{key} is not in {folder}");
    assert!(crate::read("deploy/Dockerfile").contains(&format!(" {folder}\n")), "the image has no {folder}");
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').expect("a port").1
}

/// The host of a URL.
fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").expect("a URL");
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default()
}
