//! The composition root: the one file that sees all rooms. Startup reads as a list; every listener is bound before
//! anything is served.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use messenger_chassis::admin::{self, Readiness};
use messenger_chassis::clock::{Clock, SystemClock};
use messenger_chassis::http::{HttpLimits, bind};
use messenger_chassis::lifecycle::{Lifecycle, Tasks};
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{migrate, postgres};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::config::{Config, KeySource, Listen};
use crate::crypto::{Keys, PasswordHashes, Tokens, load_or_create};
use crate::notices::Notices;
use crate::store::{Store, migrations};
use crate::usecase::Accounts;
use crate::{grpc, http};

/// Serves until a signal, or until something essential has failed.
///
/// # Errors
/// The service cannot start; the context says which step failed.
pub async fn serve(config: Config, telemetry: Telemetry) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new().context("install the signal handlers")?;
    let listeners = Listeners::bind(&config.listen)?;
    let connection = postgres::connection_config(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
    migrate::verify(&connection, &migrations::migrations::runner()).await.context("check the schema")?;
    telemetry.keep_up(lifecycle.tasks());
    let app = App::build(&config, Arc::new(SystemClock), lifecycle.tasks())?;
    app.run(&config, listeners, &telemetry, lifecycle.tasks())?;
    let code = lifecycle.run(config.stop_deadline).await;
    telemetry.stop();
    Ok(code)
}

/// Brings the schema up to date.
///
/// # Errors
/// The database cannot be reached, or a migration failed.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let connection = postgres::connection_config(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
    let report = migrate::run(&connection, migrations::migrations::runner()).await.context("migrate")?;
    for migration in report.applied_migrations() {
        tracing::info!(%migration, "migration applied");
    }
    tracing::info!(applied = report.applied_migrations().len(), "the schema is up to date");
    Ok(())
}

/// Reads what `serve` would read, keys included, and touches nothing: no connection, no new file.
///
/// # Errors
/// What `serve` would stumble over.
pub fn check(config: &Config) -> anyhow::Result<()> {
    postgres::pool(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
    match &config.keys {
        KeySource::File(path) if !path.exists() => Ok(()),
        source => keys(source).map(drop),
    }
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
    fn build(config: &Config, clock: Arc<dyn Clock>, tasks: &Tasks) -> anyhow::Result<Self> {
        let pool = postgres::pool(&config.postgres).context("ACCOUNTS_DATABASE_URL")?;
        let notices = match &config.redis_url {
            Some(url) => Notices::start(url.expose_secret(), &config.redis_prefix, tasks)
                .context("ACCOUNTS_REDIS_URL")?,
            None => Notices::off(),
        };
        let checked = pool.clone();
        let readiness = Readiness::new(tasks.stop().clone()).with("postgres", move || {
            let pool = checked.clone();
            async move { postgres::check(&pool).await }
        });
        let accounts = Accounts {
            store: Store::new(pool),
            hashes: PasswordHashes::new(&config.hashes).context("set up password hashing")?,
            tokens: Arc::new(Tokens::new(keys(&config.keys)?, config.tokens.clone())?),
            notices,
            clock,
            policy: config.passwords,
            sessions_max: config.sessions_max,
        };
        Ok(Self { accounts, readiness })
    }

    fn run(
        self,
        config: &Config,
        listeners: Listeners,
        telemetry: &Telemetry,
        tasks: &Tasks,
    ) -> anyhow::Result<()> {
        let rest =
            http::router(self.accounts.clone(), config.requests).context("write the OpenAPI document")?;
        let admin = admin::router(self.readiness, telemetry.metrics());
        let serve = messenger_chassis::http::serve;
        tasks.spawn_essential("http", serve(listeners.http, rest, config.http, tasks.clone()));
        tasks.spawn_essential("admin", serve(listeners.admin, admin, HttpLimits::default(), tasks.clone()));
        let calls = grpc::serve(listeners.grpc, self.accounts, tasks.stop().clone());
        tasks.spawn_essential("grpc", async move {
            if let Err(error) = calls.await {
                tracing::error!(%error, "the gRPC listener failed");
            }
        });
        Ok(())
    }
}

fn keys(source: &KeySource) -> anyhow::Result<Keys> {
    match source {
        KeySource::Pem(pem) => Keys::from_pem(pem.expose_secret()).context("ACCOUNTS_SIGNING_KEY"),
        KeySource::File(path) => load_or_create(Path::new(path)).context("ACCOUNTS_SIGNING_KEY_FILE"),
    }
}
