//! The composition root: the one file that sees all rooms. Startup reads as a list; every listener is bound before
//! anything is served.
//!
//! The stop runs the other way round and needs no list: sockets close over the drain time, each drops its handles; the
//! lanes end when no socket can send any more, the delivery when no lane can commit, the rings when nothing can ring.

mod commands;

pub use commands::{care, check, epoch, migrate, repartition};

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use messenger_chassis::admin::{self, Readiness};
use messenger_chassis::clock::{Clock, SystemClock};
use messenger_chassis::http::{HttpLimits, bind, serve as serve_http};
use messenger_chassis::lifecycle::{Lifecycle, Tasks};
use messenger_chassis::telemetry::{Metrics, Telemetry};
use messenger_chassis::{files, migrate, postgres};
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
use crate::store::{Store, migrations};
use crate::usecase::{Messenger, rested};

/// Counters that can be seen before they have counted anything.
const COUNTERS: [&str; 22] = [
    "gateway_batch_retries_total",
    "gateway_conversations_parked_total",
    "gateway_deliveries_total",
    "gateway_directory_asked_total",
    "gateway_directory_overflow_total",
    "gateway_gaps_total",
    "gateway_handshakes_total",
    "gateway_held_spills_total",
    "gateway_holes_filled_total",
    "gateway_inputs_dropped_total",
    "gateway_isolated_closes_total",
    "gateway_lease_waits_total",
    "gateway_pauses_total",
    "gateway_requests_total",
    "gateway_rings_dropped_total",
    "gateway_rings_unreadable_total",
    "gateway_sends_refused_total",
    "gateway_session_panics_total",
    "gateway_sessions_ended_total",
    "gateway_slow_closes_total",
    "gateway_tracks_evicted_total",
    "http_connections_refused_total",
];

/// Gauges that can be seen before they were set.
const GAUGES: [&str; 5] = [
    "gateway_bus_healthy",
    "gateway_ended_sessions",
    "gateway_held_bytes",
    "gateway_sockets",
    "gateway_tracked_conversations",
];

/// Serves until a signal, or until something essential has failed.
///
/// # Errors
/// The service cannot start; the context says which step failed.
pub async fn serve(config: Config, telemetry: Telemetry) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new().context("install the signal handlers")?;
    files::raise_limit();
    let public = bind("http", config.http).context("GATEWAY_HTTP_ADDR")?;
    let private = bind("admin", config.admin).context("GATEWAY_ADMIN_ADDR")?;
    let connection = postgres::connection_config(&config.postgres).context("GATEWAY_DATABASE_URL")?;
    migrate::verify(&connection, &migrations::runner()).await.context("check the schema")?;
    let store = open(&config)?;
    if store.epoch().await.context("read the epoch")?.is_unfinished {
        anyhow::bail!("the log has not begun its epoch to the end: run `gateway epoch advance` again");
    }
    let tasks = lifecycle.tasks().clone();
    telemetry.keep_up(&tasks);
    telemetry.metrics().begin_at_zero(&COUNTERS, &GAUGES);
    let (handshakes, readiness) = build(&config, store, &tasks, telemetry.metrics())?;
    let admin = admin::router(readiness, telemetry.metrics().clone());
    let router = http::router(Arc::new(handshakes));
    tasks.spawn_essential("http", serve_http(public, router, config.http_limits.clone(), tasks.clone()));
    tasks.spawn_essential("admin", serve_http(private, admin, HttpLimits::default(), tasks.clone()));
    let code = lifecycle.run(config.leave, config.stop).await;
    telemetry.stop().await;
    Ok(code)
}

/// The log, and where else it is read. Nothing is connected yet.
fn open(config: &Config) -> anyhow::Result<Store> {
    let pool = postgres::pool(&config.postgres).context("GATEWAY_DATABASE_URL")?;
    let store = Store::new(pool, config.store);
    let Some(standby) = &config.standby else { return Ok(store) };
    let pool = postgres::pool(&standby.database(&config.postgres)).context("GATEWAY_DATABASE_READ_URL")?;
    Ok(store.with_standby(pool, standby.lag))
}

fn build(
    config: &Config,
    store: Store,
    tasks: &Tasks,
    metrics: &Metrics,
) -> anyhow::Result<(Handshakes, Readiness)> {
    let sabotage = config.delivery.sabotage;
    sabotage.announce();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = store.sabotaged(sabotage);
    metrics.observe(store.gauges());
    store.follow(tasks);
    let accounts = Accounts::new(&config.directory)?;
    let keys = Arc::new(KeyRing::default());
    refresh_keys(accounts.clone(), Arc::clone(&keys), config.directory.keys_interval, tasks);
    let directory = GrpcDirectory::start(accounts.clone(), &config.directory, tasks);
    metrics.observe(directory.gauge());
    let directory: Arc<dyn Directory> = Arc::new(directory);

    let ended = EndedLimits { keep: config.tokens.outlives(), sessions: config.ended_sessions };
    let hub = Arc::new(Hub::new(config.outbox, config.sockets_per_user, ended).limited(config.rates));
    metrics.observe(hub.gauge());
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
    metrics.observe(lanes.gauge());
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
        rested(store.clone(), tasks),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, partitions: &str) -> Result<Config, String> {
        let lookup = |key: &str| match key {
            "MESSENGER_MODE" => Some("development".to_owned()),
            "GATEWAY_DATABASE_URL" => Some(url.to_owned()),
            "GATEWAY_REDIS_URL" => Some("redis://127.0.0.1:1".to_owned()),
            "GATEWAY_ENTRIES_PARTITIONS" => Some(partitions.to_owned()),
            _ => None,
        };
        Config::read(&lookup, "node").map(|(config, _)| config).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_log_gets_the_partitions_that_are_configured_and_keeps_its_rows() {
        let database = messenger_support::database().await;
        let url = database.url_for("messaging");
        let config = |partitions| config(&url, partitions);
        for wrong in ["3", "512", "-1"] {
            let error = config(wrong).unwrap_err();
            assert!(error.contains("GATEWAY_ENTRIES_PARTITIONS"), "{error}");
        }
        let client = database.connect("messaging").await;
        let counts = async || {
            let sql = "SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'entries'::regclass), \
                 (SELECT count(*) FROM entries)";
            let row = client.query_one(sql, &[]).await.unwrap();
            (row.get::<_, i64>(0), row.get::<_, i64>(1))
        };
        migrate(&config("0").unwrap()).await.unwrap();
        assert_eq!(counts().await, (0, 0));
        migrate(&config("4").unwrap()).await.unwrap();
        assert_eq!(counts().await, (4, 0));
        client.batch_execute("SELECT create_group(1, 'g', 10)").await.unwrap();
        let refused = migrate(&config("8").unwrap()).await.unwrap_err();
        assert!(format!("{refused:#}").contains("`gateway partition` copies them"), "{refused:#}");
        assert!(repartition(&config("0").unwrap()).await.is_err(), "how many?");
        repartition(&config("8").unwrap()).await.unwrap();
        assert_eq!(counts().await, (8, 1));
        migrate(&config("8").unwrap()).await.unwrap();
        migrate(&config("0").unwrap()).await.unwrap();
        assert_eq!(counts().await, (8, 1));
    }
}
