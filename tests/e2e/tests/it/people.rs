//! Who takes part in a test, and where.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use messenger_client::rest::{Accounts, NewUser};
use messenger_client::session::{Gateway, Grant, Renewal};
use messenger_client::socket::{Connection, Handshake, Options, RawConnection};
use messenger_support::{Cluster, ClusterOptions};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use crate::socket::Socket;

/// Within this, whatever must happen has happened, on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// How often a state is looked at that nobody tells of.
pub(crate) const LOOK: Duration = Duration::from_millis(10);
/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse";

/// The cluster of three gateways that all tests share which change nothing but their own users' chats.
pub(crate) async fn shared() -> Shared {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    Shared::start(&CLUSTER, ClusterOptions { gateways: 3, ..ClusterOptions::default() }).await
}

/// A share in a cluster that ends with the process; a test that fails shows its logs.
pub(crate) struct Shared(&'static Cluster);

impl Shared {
    /// A share in the cluster of `cell`; the first one starts it.
    pub(crate) async fn start(cell: &'static OnceCell<Cluster>, options: ClusterOptions<'_>) -> Self {
        Self(cell.get_or_init(|| Cluster::start(options)).await)
    }
}

impl Deref for Shared {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.show_logs();
        }
    }
}

/// Signs people up.
pub(crate) struct People {
    pub(crate) accounts: Accounts,
}

/// Somebody who has signed up and logged in.
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) token: SecretString,
    lifetime: Duration,
    renewal: Renewal,
}

impl People {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        Self { accounts: Accounts::new(&cluster.rest()).unwrap() }
    }

    /// Somebody new whose first name this is.
    pub(crate) async fn join(&self, name: &str) -> Person {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let email = format!("{}.{number}@mail.com", name.to_lowercase());
        let user = NewUser { email: &email, password: PASSWORD, first_name: Some(name), last_name: None };
        self.accounts.sign_up(&user).await.unwrap();
        let login = self.accounts.log_in(&email, &SecretString::from(PASSWORD)).await.unwrap();
        let lifetime = Duration::from_secs(login.expires_in.unwrap());
        let renewal = Renewal::of(&login);
        Person { id: login.id, name: name.to_owned(), email, token: login.token, lifetime, renewal }
    }
}

impl Person {
    pub(crate) fn token(&self) -> &str {
        self.token.expose_secret()
    }

    /// A socket on which frames are written out.
    pub(crate) async fn socket(&self, cluster: &Cluster, gateway: usize) -> Socket {
        let handshake = Handshake::new(cluster.url(gateway)).bearer(self.token()).unwrap();
        Socket(RawConnection::open(&handshake, &Options::default()).await.unwrap())
    }

    /// A socket with typed requests.
    pub(crate) async fn connect(&self, cluster: &Cluster, gateway: usize) -> Connection {
        let handshake = Handshake::new(cluster.url(gateway)).bearer(self.token()).unwrap();
        let options = Options { request_timeout: SOON, ..Options::default() };
        Connection::open_with(&handshake, &options).await.unwrap()
    }

    /// The way back in for a session that outlives its sockets.
    pub(crate) fn link(&self, cluster: &Cluster, gateway: usize) -> (Gateway, Grant) {
        let link = Gateway {
            accounts: Accounts::new(&cluster.rest()).unwrap(),
            email: self.email.clone(),
            password: PASSWORD.into(),
            renewal: self.renewal.clone(),
            url: cluster.url(gateway),
            options: Options::default(),
        };
        (link, Grant::new(self.id, self.token.clone(), self.lifetime))
    }
}
