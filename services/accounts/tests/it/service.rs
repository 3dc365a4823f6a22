//! A running accounts service of a test's own.

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use messenger_backing::Process;
use messenger_proto::accounts::accounts_service_client::AccountsServiceClient;
use messenger_support::{TestDatabase, database};
use nix::sys::signal::Signal;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::answer::Answer;

/// How long a start, a stop or a log line may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// A password that passes the policy.
pub(crate) const PASSWORD: &str = "correct horse";

/// What the other services show.
pub(crate) const TOKEN: &str = "5b9d2f7a1c3e4860b7d5a9f2e1c4083d";

/// Cheap hashes, free ports, no limits for the one address that all tests come from, logs that a program can read.
const SETTINGS: &[(&str, &str)] = &[
    ("ACCOUNTS_HTTP_ADDR", "127.0.0.1:0"),
    ("ACCOUNTS_GRPC_ADDR", "127.0.0.1:0"),
    ("ACCOUNTS_GRPC_TOKEN", TOKEN),
    ("ACCOUNTS_ADMIN_ADDR", "127.0.0.1:0"),
    ("ACCOUNTS_ARGON2_MEMORY_KIB", "64"),
    ("ACCOUNTS_ARGON2_ITERATIONS", "1"),
    ("ACCOUNTS_ARGON2_WAIT_MS", "20000"),
    ("ACCOUNTS_LOGIN_FREE_FAILURES", "0"),
    ("ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE", "0"),
    ("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "0"),
    ("ACCOUNTS_LOGIN_REDIS_MS", "5000"),
    ("ACCOUNTS_LOGIN_BREAKER_FAILURES", "0"),
    ("ACCOUNTS_REFRESHES_PER_MINUTE", "0"),
    ("ACCOUNTS_LOOK_UPS_PER_MINUTE", "0"),
    ("ACCOUNTS_SIGN_UPS_PER_HOUR", "0"),
    ("ACCOUNTS_DATABASE_CONNECTIONS", "4"),
    ("ACCOUNTS_LEAVE_MS", "0"),
    ("LOG_FORMAT", "json"),
    ("RUST_LOG", "debug"),
];

/// A user who has signed up and logged in.
pub(crate) struct LoggedIn {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl LoggedIn {
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{answer:?}");
        let text = |key: &str| answer.body[key].as_str().unwrap().to_owned();
        Self {
            id: answer.body["id"].as_i64().unwrap(),
            email: text("email"),
            token: text("token"),
            refresh_token: text("refreshToken"),
        }
    }

    /// Claim `sid` of the token.
    pub(crate) fn session(&self) -> uuid::Uuid {
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&self.token).unwrap();
        claims["sid"].as_str().unwrap().parse().unwrap()
    }
}

/// The process, its database and its key file; all gone when dropped.
pub(crate) struct Service {
    pub(crate) process: Process,
    pub(crate) log: Arc<Log>,
    /// URL of the database, as the service has it.
    pub(crate) url: String,
    http: String,
    grpc: String,
    admin: String,
    client: Client,
    /// Dropped after the process that uses them.
    _keys: KeyFolder,
    database: Option<TestDatabase>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A service on a migrated database of its own, as the role that serves, with some settings added.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = database().await;
        let [role, _] = database.roles().await;
        let owner = database.url_for("accounts");
        let migrate = [("ACCOUNTS_MIGRATE_DATABASE_URL", &*owner), ("ACCOUNTS_DATABASE_ROLE", &*role.name)];
        let mut service = Self::migrate_and_start(&database.url_as(&role, "accounts"), &migrate, settings);
        service.database = Some(database);
        service
    }

    /// A service on a database that somebody else holds.
    pub(crate) fn start_on(url: &str, settings: &[(&str, &str)]) -> Self {
        Self::migrate_and_start(url, &[], settings)
    }

    fn migrate_and_start(url: &str, migrate: &[(&str, &str)], settings: &[(&str, &str)]) -> Self {
        let keys = KeyFolder::new();
        let run = |subcommand| Run::new(subcommand, url, &keys).with(settings);
        let (status, log) = run("migrate").with(migrate).finish();
        assert!(status.success(), "migrate: {log}");
        let (process, log) = run("serve").spawn();
        let [http, grpc, admin] = ["http", "grpc", "admin"].map(|listener| log.address(listener));
        Self {
            process,
            log,
            url: url.to_owned(),
            http: format!("http://{http}"),
            grpc: format!("http://{grpc}"),
            admin: format!("http://{admin}"),
            client: Client::builder().timeout(PATIENCE).build().unwrap(),
            _keys: keys,
            database: None,
        }
    }

    /// The database of the service's own.
    pub(crate) fn database(&self) -> &TestDatabase {
        self.database.as_ref().unwrap()
    }

    /// `host:port` of REST, for bytes that no client library would send.
    pub(crate) fn http_address(&self) -> &str {
        self.http.trim_start_matches("http://")
    }

    pub(crate) fn grpc_url(&self) -> &str {
        &self.grpc
    }

    /// The calls, as another service makes them.
    pub(crate) async fn calls(&self) -> Calls {
        let channel = Channel::from_shared(self.grpc.clone()).unwrap().connect().await.unwrap();
        AccountsServiceClient::with_interceptor(channel, show_token as ShowToken)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.http))
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).bearer_auth(token).json(body)).await
    }

    pub(crate) async fn destroy(&self, token: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, "/profile/destroy").bearer_auth(token)).await
    }

    /// A path of the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        let response = self.client.get(format!("{}{path}", self.admin)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn sign_up(&self, email: &str, first: Option<&str>, last: Option<&str>) -> i64 {
        let mut body = json!({ "email": email, "password": PASSWORD });
        for (key, name) in [("firstName", first), ("lastName", last)] {
            if let Some(name) = name {
                body[key] = json!(name);
            }
        }
        let answer = self.post("/auth/sign-up", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_i64().unwrap()
    }

    pub(crate) async fn log_in(&self, email: &str) -> LoggedIn {
        LoggedIn::of(&self.post("/auth/login", &json!({ "email": email, "password": PASSWORD })).await)
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/auth/refresh", &json!({ "refreshToken": refresh_token })).await
    }

    pub(crate) async fn refreshed(&self, refresh_token: &str) -> LoggedIn {
        LoggedIn::of(&self.refresh(refresh_token).await)
    }

    pub(crate) async fn revoke(&self, token: &str, session: &str) -> Answer {
        let path = format!("/auth/sessions/{session}");
        Answer::of(self.request(Method::DELETE, &path).bearer_auth(token)).await
    }

    pub(crate) async fn log_out(&self, token: &str) -> Answer {
        Answer::of(self.request(Method::POST, "/auth/logout").bearer_auth(token)).await
    }

    pub(crate) async fn user(&self, email: &str, first: Option<&str>) -> LoggedIn {
        self.sign_up(email, first, None).await;
        self.log_in(email).await
    }
}

/// The client of the other services.
pub(crate) type Calls = AccountsServiceClient<InterceptedService<Channel, ShowToken>>;
type ShowToken = fn(tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status>;

fn show_token(mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
    request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    Ok(request)
}

/// One run of the service's program.
pub(crate) struct Run(Command);

impl Run {
    pub(crate) fn new(subcommand: &str, database_url: &str, keys: &KeyFolder) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_accounts"));
        command.arg(subcommand).env_clear().envs(SETTINGS.iter().copied());
        command.env("ACCOUNTS_DATABASE_URL", database_url).env("ACCOUNTS_SIGNING_KEY_FILE", keys.file());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self(command)
    }

    pub(crate) fn with(mut self, settings: &[(&str, &str)]) -> Self {
        self.0.envs(settings.iter().copied());
        self
    }

    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.0.arg(arg);
        self
    }

    /// Runs it to its end, which must be a good one: what it printed.
    pub(crate) fn output(mut self) -> String {
        let output = self.0.stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it to its end, however that is: exit code, standard output and standard error.
    pub(crate) fn told(mut self) -> (Option<i32>, String, String) {
        let output = self.0.stdout(Stdio::piped()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Runs it to its end: the exit status and all that it logged.
    pub(crate) fn finish(self) -> (ExitStatus, String) {
        let (mut process, log) = self.spawn();
        let status = process.wait(PATIENCE).unwrap().unwrap();
        (status, log.finished())
    }

    pub(crate) fn spawn(mut self) -> (Process, Arc<Log>) {
        let mut process = Process::spawn("accounts", &mut self.0, Signal::SIGKILL).unwrap();
        let log = Log::read(process.take_stderr().unwrap());
        (process, log)
    }
}

/// A folder for a key file, removed when dropped.
pub(crate) struct KeyFolder(PathBuf);

impl KeyFolder {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("accounts-it-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("signing.pem")
    }
}

impl Drop for KeyFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a process has written to standard error so far, line by line.
#[derive(Default)]
pub(crate) struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
}

impl Log {
    fn read(source: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                writer.lines.lock().unwrap().0.push(line);
                writer.grown.notify_all();
            }
            writer.lines.lock().unwrap().1 = true;
            writer.grown.notify_all();
        });
        log
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().0.join("\n")
    }

    /// Waits for a line that `wanted` accepts.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let unseen = |state: &mut (Vec<String>, bool)| !state.1 && !state.0.iter().any(|line| wanted(line));
        let state = self.lines.lock().unwrap();
        let (state, _) = self.grown.wait_timeout_while(state, PATIENCE, unseen).unwrap();
        let line = state.0.iter().find(|line| wanted(line)).cloned();
        line.unwrap_or_else(|| panic!("no {what} in the log:\n{}", state.0.join("\n")))
    }

    /// Everything, once the process has closed its standard error.
    fn finished(&self) -> String {
        let state = self.lines.lock().unwrap();
        let (state, late) = self.grown.wait_timeout_while(state, PATIENCE, |state| !state.1).unwrap();
        assert!(!late.timed_out(), "standard error stays open");
        state.0.join("\n")
    }

    /// Where a listener listens, as the process says.
    fn address(&self, listener: &str) -> String {
        let is_it = |event: &Value| event["message"] == "listening" && event["listener"] == listener;
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
        let line = self.wait_for(listener, |line| is_it(&event(line)));
        event(&line)["address"].as_str().unwrap().to_owned()
    }
}
