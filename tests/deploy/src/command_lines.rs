//! What the compose file and the manifests declare is run: the same programs with the same arguments and environments, as
//! the same user over a root that cannot be written, with PostgreSQL and Redis behind them. Only addresses differ.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use messenger_backing::{Redis, free_ports};
use messenger_support::{Role, TestDatabase, database, get, private_redis_with_users};

use crate::container::{self, Container, Running, USER, Volume};
use crate::kubernetes::{Objects, Pod, signing_key};
use crate::machine::Folder;
use crate::system::{Service, System};

/// What the services stand on.
struct Backing {
    database: TestDatabase,
    roles: [Role; 2],
    /// Its password is in the URLs.
    _redis: Redis,
    redis: [String; 2],
    /// In the order of [`ADDRESSES`].
    ports: Vec<u16>,
}

const ADDRESSES: [&str; 5] = [
    "ACCOUNTS_HTTP_ADDR",
    "ACCOUNTS_GRPC_ADDR",
    "ACCOUNTS_ADMIN_ADDR",
    "GATEWAY_HTTP_ADDR",
    "GATEWAY_ADMIN_ADDR",
];

impl Backing {
    async fn start(seed: u64) -> Self {
        let database = database().await;
        let roles = database.roles().await;
        let (redis, urls) = private_redis_with_users();
        let ports = free_ports(u64::from(std::process::id()) * 64 + seed, ADDRESSES.len()).unwrap();
        Self { database, roles, _redis: redis, redis: urls, ports }
    }

    fn address(&self, key: &str) -> String {
        let place = ADDRESSES.iter().position(|known| *known == key).unwrap_or_else(|| panic!("{key}"));
        format!("127.0.0.1:{}", self.ports[place])
    }

    /// Puts our addresses in the place of those of the deployment, which must be there, and changes nothing else.
    fn replace(&self, environment: &mut BTreeMap<String, String>) {
        for (service, schema, n) in [("ACCOUNTS", "accounts", 0), ("GATEWAY", "messaging", 1)] {
            let role = &self.roles[n];
            for (key, value) in [
                ("DATABASE_URL", self.database.url_as(role, schema)),
                ("MIGRATE_DATABASE_URL", self.database.url_for(schema)),
                ("DATABASE_ROLE", role.name.clone()),
                ("REDIS_URL", self.redis[n].clone()),
            ] {
                if let Some(declared) = environment.get_mut(&format!("{service}_{key}")) {
                    *declared = value;
                }
            }
        }
        for key in ADDRESSES {
            if let Some(declared) = environment.get_mut(key) {
                *declared = self.address(key);
            }
        }
        if let Some(declared) = environment.get_mut("GATEWAY_ACCOUNTS_URL") {
            *declared = format!("http://{}", self.address("ACCOUNTS_GRPC_ADDR"));
        }
    }
}

/// A service of the compose file; a named volume is as the image has it.
fn of_compose(service: Service<'_>, backing: &Backing, volume: &Path) -> Container {
    let mut environment = service.environment();
    backing.replace(&mut environment);
    let volumes = service.list("volumes").into_iter().map(|declared| {
        let (_, inside) = declared.split_once(':').expect("a named volume");
        Volume { outside: volume.to_owned(), inside: inside.to_owned(), writable: true }
    });
    assert_eq!(service.text("/read_only"), Some("true"), "{}", service.name);
    let command = service.list("command").into_iter().map(str::to_owned).collect();
    Container { command, environment, volumes: volumes.collect() }
}

/// A pod of the manifests; `secrets` is what the kubelet has made of the Secret.
fn of_kubernetes(objects: &Objects, pod: Pod<'_>, backing: &Backing, secrets: &Path) -> Container {
    let mut environment = objects.environment(pod);
    backing.replace(&mut environment);
    let mounts = pod.container()["volumeMounts"].as_array().into_iter().flatten();
    let volumes = mounts.map(|mount| Volume {
        outside: secrets.to_owned(),
        inside: mount["mountPath"].as_str().unwrap().to_owned(),
        writable: mount["readOnly"] != true,
    });
    let command = pod.command().into_iter().map(str::to_owned).collect();
    Container { command, environment, volumes: volumes.collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_compose_file_declares_runs() {
    if !container::can_be_made() {
        return;
    }
    let (system, backing, volume) = (System::read(), Backing::start(0).await, Folder::new("volume"));
    chown(volume.path(), Some(USER), Some(USER)).unwrap();
    let container = |name: &str| of_compose(system.service(name), &backing, volume.path());
    container("accounts-migrate").finish();
    container("gateway-migrate").finish();
    let mut running = Vec::new();
    for name in ["accounts", "gateway"] {
        let declared = container(name);
        let mut service = declared.start();
        let check = declared.with_command(&system.service(name).health_check());
        service.wait_until("healthy", || check.start().end().success());
        service.check_confinement();
        running.push(service);
    }
    let key = std::fs::metadata(volume.path().join("signing-key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600, "made on the first start");
    while let Some(service) = running.pop() {
        service.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifests_declare_runs_and_takes_up_new_keys() {
    if !container::can_be_made() {
        return;
    }
    let (objects, backing) = (Objects::with_retention(), Backing::start(32).await);
    let (secrets, work) = (Folder::new("secrets"), Folder::new("work"));
    let name = "signing-key.pem";
    let own = work.path().join(name);
    std::fs::write(&own, signing_key(7)).unwrap();
    mount_secret(secrets.path(), &own, 1);
    let container = |name: &str| of_kubernetes(&objects, objects.pod(name), &backing, secrets.path());
    container("accounts-migrate").finish();
    container("gateway-migrate").finish();
    container("gateway-retention").finish();
    let mut accounts = ready(&container("accounts"), &backing.address("ACCOUNTS_ADMIN_ADDR")).await;
    let gateway = ready(&container("gateway"), &backing.address("GATEWAY_ADMIN_ADDR")).await;

    // As docs/OPERATIONS.md has it: rotated in a copy of the file, which then goes into the Secret.
    rotate(&own);
    mount_secret(secrets.path(), &own, 2);
    let published = backing.address("ACCOUNTS_HTTP_ADDR");
    let keys = async || get(&published, "/.well-known/jwks.json").await.unwrap().1.matches("\"kid\"").count();
    assert_eq!(keys().await, 1);
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| accounts.wait_until("showing both keys", || handle.block_on(keys()) == 2));
    gateway.stop();
    accounts.stop();
}

/// Starts it and waits until both probes are answered as the kubelet wants it.
async fn ready(declared: &Container, admin: &str) -> Running {
    let mut service = declared.start();
    let handle = tokio::runtime::Handle::current();
    let answers = |path| handle.block_on(get(admin, path)).is_ok_and(|(status, _)| status == 200);
    tokio::task::block_in_place(|| {
        service.wait_until("alive", || answers("/livez"));
        service.wait_until("ready", || answers("/readyz"));
    });
    service.check_confinement();
    service
}

/// `accounts keys rotate` where the operator is, with no more than it needs.
fn rotate(file: &Path) {
    let environment = [
        ("MESSENGER_MODE", "development"),
        ("ACCOUNTS_DATABASE_URL", "postgres://localhost/messenger"),
        ("ACCOUNTS_SIGNING_KEY_FILE", file.to_str().unwrap()),
    ];
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let output = crate::programs::Program::named("accounts").run(&["keys", "rotate"], &environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// As the kubelet does it: a folder for each version, a link that changes in one step, files of root's that the group of
/// the pod reads.
fn mount_secret(folder: &Path, file: &Path, version: u32) {
    let name = file.file_name().unwrap();
    let (own, data) = (folder.join(format!("..{version}")), folder.join("..data"));
    std::fs::create_dir(&own).unwrap();
    std::fs::copy(file, own.join(name)).unwrap();
    chown(own.join(name), Some(0), Some(USER)).unwrap();
    std::fs::set_permissions(own.join(name), std::fs::Permissions::from_mode(0o440)).unwrap();
    let next = folder.join("..next");
    symlink(format!("..{version}"), &next).unwrap();
    std::fs::rename(next, data).unwrap();
    let link = folder.join(name);
    if !link.is_symlink() {
        symlink(Path::new("..data").join(name), link).unwrap();
    }
}
