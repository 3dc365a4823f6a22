//! `docker-compose.yml` starts programs that exist, with commands and keys that they know, and nothing points nowhere.

use std::collections::BTreeSet;

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
    assert_eq!(accounts["ACCOUNTS_GRPC_TOKEN"], gateway["GATEWAY_ACCOUNTS_TOKEN"]);
    let [one, other] = [&accounts["ACCOUNTS_REDIS_URL"], &gateway["GATEWAY_REDIS_URL"]];
    assert_eq!((host(one), port(one)), (host(other), port(other)));
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
    let roles = crate::read("deploy/postgres/roles.sql");
    for (service, upper, schema) in
        [("accounts", "ACCOUNTS", "accounts"), ("gateway", "GATEWAY", "messaging")]
    {
        let url = |user: &str, password: &str| {
            format!("postgres://{user}:{password}@postgres:5432/{database}?options=-csearch_path%3D{schema}")
        };
        let variable = format!("POSTGRES_{upper}_PASSWORD");
        let role = format!("messenger_{service}");
        let serving = url(&role, &postgres[&variable]);
        assert_eq!(system.service(service).environment()[&format!("{upper}_DATABASE_URL")], serving);
        let migrating = system.service(&format!("{service}-migrate")).environment();
        assert_eq!(migrating[&format!("{upper}_DATABASE_URL")], serving);
        assert_eq!(migrating[&format!("{upper}_MIGRATE_DATABASE_URL")], url(user, password));
        assert_eq!(migrating[&format!("{upper}_DATABASE_ROLE")], role);
        assert!(roles.contains(&format!("\\getenv {service}_password {variable}\n")), "{variable}");
        assert!(
            roles.contains(&format!("CREATE ROLE {role} LOGIN PASSWORD :'{service}_password';")),
            "{role}"
        );
    }
    mounted(system.service("postgres"), "deploy/postgres/roles.sql", "/docker-entrypoint-initdb.d/");
}

#[test]
fn the_users_of_redis_are_those_of_the_services() {
    let system = System::read();
    let redis = system.service("redis");
    mounted(redis, "deploy/redis/users.acl", "/etc/valkey/");
    let users = crate::read("deploy/redis/users.acl");
    assert!(users.starts_with("user default off\n"), "nobody comes in without a name");
    for (service, upper) in [("accounts", "ACCOUNTS"), ("gateway", "GATEWAY")] {
        let variable = format!("REDIS_{upper}_PASSWORD");
        let password = &redis.environment()[&variable];
        let url = &system.service(service).environment()[&format!("{upper}_REDIS_URL")];
        assert!(url.starts_with(&format!("redis://messenger-{service}:{password}@")), "{url}");
        assert!(users.contains(&format!("user messenger-{service} on >{variable} ")), "{variable}");
        let replaced = format!("s/{variable}/$${variable}/");
        assert!(redis.list("command").iter().any(|part| part.contains(&replaced)), "{replaced}");
    }
}

/// A file of the repository is mounted into that folder, to be read.
fn mounted(service: Service<'_>, file: &str, folder: &str) {
    let name = file.rsplit('/').next().unwrap();
    let volume = format!("./{file}:{folder}{name}:ro");
    assert!(service.list("volumes").contains(&&*volume), "{}: {volume} is missing", service.name);
    crate::read(file);
}

#[test]
fn no_secret_has_a_default_and_the_documented_line_makes_them_all() {
    let compose = crate::read("docker-compose.yml");
    let variables = compose.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    let required: BTreeSet<_> = variables.filter_map(|(variable, _)| variable.strip_suffix(":?")).collect();
    let document = crate::read("deploy/README.md");
    let line =
        document.lines().find(|line| line.starts_with("for name in ")).expect("a line that makes `.env`");
    let folder = std::env::temp_dir().join(format!("messenger-deploy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = std::process::Command::new("sh").args(["-euc", line]).current_dir(&folder).status().unwrap();
    let text = std::fs::read_to_string(folder.join(".env")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(made.success());
    let pairs: Vec<_> = text.lines().map(|line| line.split_once('=').expect("NAME=value")).collect();
    assert_eq!(pairs.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), required);
    let values: BTreeSet<_> = pairs.iter().map(|(_, value)| *value).collect();
    assert_eq!(values.len(), pairs.len(), "each its own");
    assert!(
        values.iter().all(|value| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
}

#[test]
fn what_stood_in_this_file_before_starts_nothing() {
    let system = System::read();
    for (service, key, weak) in [
        ("accounts", "ACCOUNTS_GRPC_TOKEN", ""),
        ("accounts", "ACCOUNTS_GRPC_TOKEN", "changeme"),
        ("accounts", "ACCOUNTS_GRPC_TOKEN", "messenger"),
        ("accounts", "ACCOUNTS_DATABASE_URL", "postgres://messenger:messenger@postgres:5432/messenger"),
        ("accounts", "ACCOUNTS_REDIS_URL", "redis://redis:6379"),
        ("gateway", "GATEWAY_ACCOUNTS_TOKEN", "secretsecretsecretsecretsecretsecret"),
        ("gateway", "GATEWAY_DATABASE_URL", "postgres://messenger_gateway@postgres:5432/messenger"),
        ("gateway", "GATEWAY_DATABASE_URL", "postgres://postgres:postgres@postgres:5432/messenger"),
        ("gateway", "GATEWAY_REDIS_URL", "redis://redis:6379"),
        ("gateway", "GATEWAY_REDIS_URL", "redis://:redis@redis:6379"),
    ] {
        let mut environment = system.service(service).environment();
        environment.insert(key.to_owned(), weak.to_owned());
        for subcommand in ["check-config", "serve", "migrate"] {
            let output = Program::named(service).run(&[subcommand], &environment);
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(78),
                "{service} {subcommand} with {key}={weak}: {complaint}"
            );
            assert!(complaint.contains(key) && (weak.is_empty() || !complaint.contains(weak)), "{complaint}");
        }
        environment.insert("MESSENGER_MODE".to_owned(), "development".to_owned());
        let output = Program::named(service).run(&["check-config"], &environment);
        assert!(output.status.success(), "in development nothing is asked: {key}={weak}");
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
fn every_container_is_of_one_version_bounded_and_confined() {
    let system = System::read();
    for service in system.services() {
        let name = service.name;
        let (_, tag) = service.text("/image").and_then(|image| image.rsplit_once(':')).expect("a tag");
        assert!(
            tag.split(['.', '-']).take_while(|part| part.parse::<u32>().is_ok()).count() >= 2,
            "{name}: {tag}"
        );
        for limit in ["/logging/options/max-size", "/logging/options/max-file"] {
            assert!(service.text(limit).is_some(), "{name} has no {limit}");
        }
        let serves = service.text("/restart") == Some("unless-stopped");
        for limit in ["/deploy/resources/limits/memory", "/deploy/resources/limits/pids"] {
            assert!(!serves || service.text(limit).is_some(), "{name} has no {limit}");
        }
        assert_eq!(service.list("security_opt"), ["no-new-privileges:true"], "{name}");
        // PostgreSQL's image starts as root, gives the volume to its user, and goes on as that.
        if name != "postgres" {
            assert_eq!(service.list("cap_drop"), ["ALL"], "{name}");
            assert_eq!(service.text("/read_only"), Some("true"), "{name}");
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
