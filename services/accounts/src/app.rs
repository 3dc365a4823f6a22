//! The composition root: the one file that sees all rooms. Startup reads as a list; every listener is bound before
//! anything is served.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use messenger_chassis::admin::{self, Readiness};
use messenger_chassis::clock::{Clock, SystemClock};
use messenger_chassis::http::{HttpLimits, bind};
use messenger_chassis::lifecycle::{Lifecycle, Tasks};
use messenger_chassis::report::Report;
use messenger_chassis::telemetry::{Metrics, Telemetry};
use messenger_chassis::{files, migrate, postgres};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::care::{Care, Task};
use crate::cli;
use crate::config::{Config, KeySource, Listen};
use crate::crypto::{self, Keys, PasswordHashes, Tokens, load_or_create, watch_keys};
use crate::grpc::Surface;
use crate::http;
use crate::mail::Mailer;
use crate::notices::Notices;
use crate::store::{GRANTS, Store, migrations};
use crate::throttle::Throttle;
use crate::usecase::{Accounts, FORGOTTEN_QUEUE};

/// Counters that can be seen before they have counted anything.
const COUNTERS: [&str; 3] =
    ["accounts_refresh_reuse_total", "accounts_throttle_alone_total", "http_connections_refused_total"];

/// Gauges that can be seen before they were set.
const GAUGES: [&str; 2] = ["accounts_password_hashes_active", "accounts_password_hashes_waiting"];

/// Serves until a signal, or until something essential has failed.
///
/// # Errors
/// The service cannot start; the context says which step failed.
pub async fn serve(config: Config, telemetry: Telemetry) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new().context("install the signal handlers")?;
    files::raise_limit();
    let listeners = Listeners::bind(&config.listen)?;
    let connection = postgres::connection_config(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
    migrate::verify(&connection, &migrations::migrations::runner()).await.context("check the schema")?;
    telemetry.keep_up(lifecycle.tasks());
    telemetry.metrics().begin_at_zero(&COUNTERS, &GAUGES);
    let app = App::build(&config, Arc::new(SystemClock), telemetry.metrics(), lifecycle.tasks())?;
    app.run(&config, listeners, &telemetry, lifecycle.tasks())?;
    let code = lifecycle.run(config.leave, config.stop_deadline).await;
    telemetry.stop().await;
    Ok(code)
}

/// Brings the schema up to date.
///
/// # Errors
/// The database cannot be reached, or a migration failed.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = config.migrate.database(&config.postgres);
    let connection = postgres::connection_config(&database).context("ACCOUNTS_MIGRATE_DATABASE_URL")?;
    let report = migrate::run(&connection, migrations::migrations::runner()).await.context("migrate")?;
    for migration in report.applied_migrations() {
        tracing::info!(%migration, "migration applied");
    }
    tracing::info!(applied = report.applied_migrations().len(), "the schema is up to date");
    if let Some(role) = &config.migrate.role {
        migrate::grant(&connection, role, GRANTS)
            .await
            .context("grant the role that serves what it needs")?;
        tracing::info!(role, "granted");
    }
    Ok(())
}

/// Reads what `serve` would read, keys included, and touches nothing: no connection, no new file.
///
/// # Errors
/// What `serve` would stumble over.
pub fn check(config: &Config) -> anyhow::Result<()> {
    postgres::pool(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
    let migrating = config.migrate.database(&config.postgres);
    postgres::connection_config(&migrating).context("ACCOUNTS_MIGRATE_DATABASE_URL")?;
    match &config.keys {
        KeySource::File(path) if !path.exists() => Ok(()),
        source => keys(source).map(drop),
    }?;
    Surface::new(&config.grpc)?;
    Ok(())
}

/// Lists the signing keys, or puts others into their file, and says what was done.
///
/// # Errors
/// The keys cannot be read or changed.
pub fn keys_command(config: &Config, verb: cli::Keys) -> anyhow::Result<String> {
    let (now, life) = (SystemClock.now(), config.tokens.ttl);
    match (verb, &config.keys) {
        (cli::Keys::List, KeySource::File(path)) if !path.exists() => {
            anyhow::bail!("ACCOUNTS_SIGNING_KEY_FILE: there is none yet, the first `serve` makes it")
        }
        (cli::Keys::List, source) => Ok(crypto::list_keys(&keys(source)?, now, life)),
        (_, KeySource::Pem(_)) => {
            anyhow::bail!("the keys are in ACCOUNTS_SIGNING_KEY: change them where it comes from")
        }
        (cli::Keys::Rotate, KeySource::File(path)) => {
            let from = crypto::rotate_keys(path, now, config.key_lead, life).context("rotate the keys")?;
            Ok(format!("a new key is published, and signs from {from} on"))
        }
        (cli::Keys::Replace, KeySource::File(path)) => {
            crypto::replace_keys(path).context("replace the keys")?;
            Ok("a new key signs, all others are void".to_owned())
        }
    }
}

/// Does what an operator asks about users and their log-ins.
///
/// # Errors
/// [`Failure`](messenger_chassis::command::Failure); the configuration.
pub async fn care(config: &Config, task: Task, report: Report<impl Write>) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let mut care = Care {
        store: Store::new(postgres::pool(&config.postgres).context("ACCOUNTS_DATABASE_URL")?),
        notices: notices(config, &tasks)?,
        clock: Arc::new(SystemClock),
        report,
    };
    let done = care.run(task).await;
    // With the last sender the notices end, when they are told.
    drop(care);
    tasks.stop().cancel();
    tasks.join().await;
    Ok(done?)
}

/// The three listeners, bound.
struct Listeners {
    http: TcpListener,
    grpc: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    fn bind(listen: &Listen) -> anyhow::Result<Self> {
        Ok(Self {
            http: bind("http", listen.http).context("ACCOUNTS_HTTP_ADDR")?,
            grpc: bind("grpc", listen.grpc).context("ACCOUNTS_GRPC_ADDR")?,
            admin: bind("admin", listen.admin).context("ACCOUNTS_ADMIN_ADDR")?,
        })
    }
}

/// The service without its listeners.
struct App {
    accounts: Accounts,
    readiness: Readiness,
}

impl App {
    fn build(
        config: &Config,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let pool = postgres::pool(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
        metrics.observe(postgres::gauges(&pool));
        let notices = notices(config, tasks)?;
        let checked = pool.clone();
        let readiness = Readiness::new(tasks.leave().clone()).with("postgres", move || {
            let pool = checked.clone();
            async move { postgres::check(&pool).await }
        });
        let mailer = match &config.mail {
            Some(mail) => Mailer::start(mail, tasks)?,
            None => Mailer::off(),
        };
        let (forgotten, requests) = mpsc::channel(FORGOTTEN_QUEUE);
        let accounts = Accounts {
            store: Store::new(pool),
            hashes: PasswordHashes::new(&config.hashes).context("set up password hashing")?,
            tokens: Arc::new(Tokens::new(keys(&config.keys)?, config.tokens.clone())),
            notices,
            throttle: throttle(config)?,
            mailer,
            forgotten,
            verification: config.verification,
            clock,
            policy: config.passwords,
            sessions: config.sessions,
        };
        let answer = accounts.clone().answer_forgotten(requests, tasks.stop().clone());
        tasks.spawn_essential("forgotten passwords", answer);
        Ok(Self { accounts, readiness })
    }

    fn run(
        self,
        config: &Config,
        listeners: Listeners,
        telemetry: &Telemetry,
        tasks: &Tasks,
    ) -> anyhow::Result<()> {
        let (accounts, limits) = (self.accounts.clone(), config.requests);
        let rest = http::router(accounts, limits, config.http.trusted.clone(), &config.cors)
            .context("write the OpenAPI document")?;
        let admin = admin::router(self.readiness, telemetry.metrics().clone());
        let serve = messenger_chassis::http::serve;
        tasks.spawn_essential("http", serve(listeners.http, rest, config.http.clone(), tasks.clone()));
        tasks.spawn_essential("admin", serve(listeners.admin, admin, HttpLimits::default(), tasks.clone()));
        if let KeySource::File(path) = &config.keys {
            let watch = watch_keys(
                path.clone(),
                Arc::clone(&self.accounts.tokens),
                config.key_reload,
                tasks.stop().clone(),
            );
            tasks.spawn_essential("keys", watch);
        }
        self.accounts.keep_house(config.housekeeping, tasks);
        let calls = Surface::new(&config.grpc)?.serve(listeners.grpc, self.accounts, tasks.stop().clone());
        tasks.spawn_essential("grpc", async move {
            if let Err(error) = calls.await {
                tracing::error!(%error, "the gRPC listener failed");
            }
        });
        Ok(())
    }
}

fn notices(config: &Config, tasks: &Tasks) -> anyhow::Result<Notices> {
    match &config.redis_url {
        Some(url) => {
            Notices::start(url.expose_secret(), &config.redis_prefix, tasks).context("ACCOUNTS_REDIS_URL")
        }
        None => Ok(Notices::off()),
    }
}

fn throttle(config: &Config) -> anyhow::Result<Throttle> {
    match &config.redis_url {
        Some(url) => Throttle::shared(config.throttle, url.expose_secret(), &config.redis_prefix)
            .context("ACCOUNTS_REDIS_URL"),
        None => Ok(Throttle::local(config.throttle)),
    }
}

fn keys(source: &KeySource) -> anyhow::Result<Keys> {
    match source {
        KeySource::Pem(pem) => Keys::from_pem(pem.expose_secret()).context("ACCOUNTS_SIGNING_KEY"),
        KeySource::File(path) => load_or_create(Path::new(path)).context("ACCOUNTS_SIGNING_KEY_FILE"),
    }
}
