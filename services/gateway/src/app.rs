//! The composition root: the one file that sees all rooms. Startup reads as a list; every listener is bound before
//! anything is served.
//!
//! The stop runs the other way round and needs no list: sockets close over the drain time, each drops its handles; the
//! lanes end when no socket can send any more, the delivery when no lane can commit, the rings when nothing can ring.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use messenger_chassis::admin::{self, Readiness};
use messenger_chassis::clock::{Clock, SystemClock};
use messenger_chassis::http::{HttpLimits, bind, serve as serve_http};
use messenger_chassis::lifecycle::{Lifecycle, Tasks};
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{migrate, postgres};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::{KeyRing, TokenVerifier};
use crate::config::Config;
use crate::delivery::Delivery;
use crate::directory::{Accounts, Directory, GrpcDirectory, follow_endings, refresh_keys};
use crate::domain::close::Close;
use crate::fanout::{Bus, Listener, RedisBus};
use crate::http::{self, Admission, Handshakes, Visitors};
use crate::hub::{EndedLimits, Hub};
use crate::isolation::{self, Probe};
use crate::lanes::Lanes;
use crate::pause;
use crate::store::{GRANTS, Store, migrations};
use crate::usecase::Messenger;

/// Serves until a signal, or until something essential has failed.
///
/// # Errors
/// The service cannot start; the context says which step failed.
pub async fn serve(config: Config, telemetry: Telemetry) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new().context("install the signal handlers")?;
    let public = bind("http", config.http).context("GATEWAY_HTTP_ADDR")?;
    let private = bind("admin", config.admin).context("GATEWAY_ADMIN_ADDR")?;
    let connection = postgres::connection_config(&config.postgres).context("GATEWAY_DATABASE_URL")?;
    migrate::verify(&connection, &migrations::runner()).await.context("check the schema")?;
    let tasks = lifecycle.tasks().clone();
    telemetry.keep_up(&tasks);
    let (handshakes, readiness) = build(&config, &tasks)?;
    let admin = admin::router(readiness, telemetry.metrics());
    let router = http::router(Arc::new(handshakes));
    tasks.spawn_essential("http", serve_http(public, router, config.http_limits.clone(), tasks.clone()));
    tasks.spawn_essential("admin", serve_http(private, admin, HttpLimits::default(), tasks.clone()));
    let code = lifecycle.run(config.leave, config.stop).await;
    telemetry.stop();
    Ok(code)
}

/// Brings the schema up to date.
///
/// # Errors
/// The database cannot be reached, or a migration failed.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = config.migrate.database(&config.postgres);
    let connection = postgres::connection_config(&database).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    let report = migrate::run(&connection, migrations::runner()).await.context("migrate")?;
    tracing::info!(applied = report.applied_migrations().len(), "the schema is up to date");
    if let Some(role) = &config.migrate.role {
        migrate::grant(&connection, role, GRANTS)
            .await
            .context("grant the role that serves what it needs")?;
        tracing::info!(role, "granted");
    }
    Ok(())
}

/// Checks what `serve` would stumble over without connecting to anything.
///
/// # Errors
/// A URL or a file that cannot be read.
pub fn check(config: &Config) -> anyhow::Result<()> {
    postgres::pool(&config.postgres).context("GATEWAY_DATABASE_URL")?;
    let migrating = config.migrate.database(&config.postgres);
    postgres::connection_config(&migrating).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    RedisBus::new(config.redis.clone()).context("GATEWAY_REDIS_URL")?;
    Accounts::check(&config.directory)?;
    Ok(())
}

fn build(config: &Config, tasks: &Tasks) -> anyhow::Result<(Handshakes, Readiness)> {
    let sabotage = config.delivery.sabotage;
    sabotage.announce();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::new(postgres::pool(&config.postgres).context("GATEWAY_DATABASE_URL")?, config.store)
        .sabotaged(sabotage);
    let accounts = Accounts::new(&config.directory)?;
    let keys = Arc::new(KeyRing::default());
    refresh_keys(accounts.clone(), Arc::clone(&keys), config.directory.keys_interval, tasks);
    let directory: Arc<dyn Directory> =
        Arc::new(GrpcDirectory::start(accounts.clone(), &config.directory, tasks));

    let ended = EndedLimits { keep: config.tokens.outlives(), sessions: config.ended_sessions };
    let hub = Hub::new(config.outbox, config.sockets_per_user, ended).limited(config.rates);
    let hub = Arc::new(hub);
    let (bus, driver) = RedisBus::new(config.redis.clone()).context("GATEWAY_REDIS_URL")?;
    let bus: Arc<dyn Bus> = Arc::new(bus);
    let delivery = Delivery::start(
        config.delivery,
        Arc::clone(&hub),
        Arc::clone(&bus),
        store.clone(),
        Arc::clone(&directory),
        tasks,
    );
    driver.start(Arc::clone(&delivery) as Arc<_>, tasks);
    let endings = follow_endings(
        accounts.clone(),
        Arc::clone(&delivery) as Arc<_>,
        config.directory.endings(),
        delivery.endings_wanted(),
        tasks,
    );
    let lanes = Lanes::start(config.lanes, &store, &delivery, tasks);
    let probes = probes(&bus, &store, &accounts);
    tasks.spawn(
        "isolation",
        isolation::watch(probes, Arc::clone(&hub), config.isolation, tasks.stop().clone()),
    );
    let listener = Arc::clone(&delivery) as Arc<dyn Listener>;
    tasks.spawn("pauses", pause::watch(config.pause, Arc::clone(&hub), listener, tasks.stop().clone()));
    tasks.spawn("drain", drain(hub, config.drain, tasks.stop().clone()));

    let readiness = readiness(&store, &keys, &endings, tasks);
    let requests = store.for_requests(config.requests);
    let messenger = Arc::new(Messenger::new(
        requests,
        lanes,
        Arc::clone(&delivery),
        Arc::clone(&directory),
        config.limits,
    ));
    let handshakes = Handshakes {
        origins: config.origins.clone(),
        visitors: Visitors::new(config.visitors.clone()),
        admission: Admission::new(config.admission),
        verifier: Arc::new(TokenVerifier::new(config.tokens.clone(), keys)),
        directory,
        endings,
        delivery,
        messenger,
        places: Arc::new(Semaphore::new(config.sockets)),
        socket: config.socket,
        session: config.session,
        clock,
        node: config.redis.node.clone(),
        tasks: tasks.clone(),
    };
    Ok((handshakes, readiness))
}

/// Ready: the log answers and tokens can be checked. Without Redis the replica delivers later, but it delivers.
fn readiness(
    store: &Store,
    keys: &Arc<KeyRing>,
    endings: &watch::Receiver<bool>,
    tasks: &Tasks,
) -> Readiness {
    let (store, keys, endings) = (store.clone(), Arc::clone(keys), endings.clone());
    Readiness::new(tasks.leave().clone())
        .with("postgres", move || {
            let store = store.clone();
            async move { store.check().await.map_err(|error| error.to_string()) }
        })
        .with("accounts", move || {
            let ready = keys.is_ready() && *endings.borrow();
            async move { if ready { Ok(()) } else { Err("no keys or ended sessions yet".to_owned()) } }
        })
}

/// What tells whether this replica is cut off: the cheapest first.
fn probes(bus: &Arc<dyn Bus>, store: &Store, accounts: &Accounts) -> Vec<Probe> {
    let (bus, store, accounts) = (Arc::clone(bus), store.clone(), accounts.clone());
    vec![
        Box::new(move || Box::pin(std::future::ready(bus.is_healthy()))),
        Box::new(move || {
            let store = store.clone();
            Box::pin(async move { store.check().await.is_ok() })
        }),
        Box::new(move || {
            let accounts = accounts.clone();
            Box::pin(async move { accounts.answers().await })
        }),
    ]
}

/// At the stop, tells the sockets that can hear it when their turn comes, and closes them evenly over `time`, so that they
/// do not all reconnect at once.
async fn drain(hub: Arc<Hub>, time: Duration, stop: CancellationToken) {
    stop.cancelled().await;
    let sockets = hub.all();
    let Some(pause) = u32::try_from(sockets.len()).ok().and_then(|count| time.checked_div(count)) else {
        return;
    };
    let start = tokio::time::Instant::now();
    for (socket, turn) in sockets.iter().zip(0_u32..) {
        socket.ask_to_move(pause * turn);
    }
    for (socket, turn) in sockets.iter().zip(0_u32..) {
        tokio::time::sleep_until(start + pause * turn).await;
        socket.close(Close::Restart);
    }
    // A handshake that was under way when the stop came.
    hub.all().iter().for_each(|socket| socket.close(Close::Restart));
}
