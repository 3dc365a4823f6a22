//! Mail through one door: letters are handed in and leave by themselves.
//!
//! No request waits for a mail server: a letter goes into a bounded queue, a task of its own sends it and tries again for
//! a while; what does not fit or is refused for good is dropped and counted. Knows letters and servers, nothing of tokens
//! but their text, and no user but by his address.

mod letter;
mod post;
mod way;

use std::fmt;
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc;

pub use letter::{Letter, Purpose};

use self::letter::Writer;
use self::post::Post;
use self::way::Way;

/// Letters that may wait, those that are tried again included.
const QUEUE: usize = 1_000;

/// How mail leaves.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// `smtps://`, `smtp+starttls://`, `smtp+plain://` to this machine, or `log:`.
    pub url: SecretString,
    /// The sender, as `Messenger <no-reply@example.com>`.
    pub from: String,
    /// Where the links in letters lead to, without a slash at its end.
    pub public_url: String,
    /// How long a server may take for one letter.
    pub timeout: Duration,
}

/// Why there can be no mail. No value is repeated: the URL holds a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MailSetupError {
    /// The URL cannot be used.
    #[error(
        "ACCOUNTS_MAIL_URL: must be smtps://, smtp+starttls://, smtp+plain:// to this machine alone, or log:, \
         without a query"
    )]
    Url,
    /// The sender is no address.
    #[error("ACCOUNTS_MAIL_FROM: must be an address, with or without a name before it")]
    From,
    /// The links would lead nowhere.
    #[error("ACCOUNTS_PUBLIC_URL: must be http:// or https://, without blanks")]
    PublicUrl,
}

/// Where letters are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    queue: Option<mpsc::Sender<Letter>>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("on", &self.is_on()).finish()
    }
}

impl Mailer {
    /// No mail server is configured: letters go nowhere.
    pub fn off() -> Self {
        Self { queue: None }
    }

    /// Sends from a task of its own that ends when the last copy of this handle is gone. Nothing is connected yet.
    ///
    /// # Errors
    /// See [`MailSetupError`].
    pub fn start(config: &MailConfig, tasks: &Tasks) -> Result<Self, MailSetupError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = Writer::new(&config.from, &config.public_url)?;
        let way = Way::parse(config.url.expose_secret()).map_err(|_| MailSetupError::Url)?;
        let post = Post::new(writer, way, config.timeout);
        tasks.spawn_essential("mail", post.run(receiver, tasks.stop().clone()));
        Ok(Self { queue: Some(sender) })
    }

    /// Checks what [`Mailer::start`] would stumble over.
    ///
    /// # Errors
    /// See [`MailSetupError`].
    pub fn check(config: &MailConfig) -> Result<(), MailSetupError> {
        Writer::new(&config.from, &config.public_url)?;
        Way::parse(config.url.expose_secret()).map(drop).map_err(|_| MailSetupError::Url)
    }

    /// Whether letters go anywhere.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Hands a letter in and returns at once.
    pub fn send(&self, letter: Letter) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(letter).is_err() {
            metrics::counter!("accounts_mails_total", "result" => "dropped").increment(1);
        }
    }
}

#[cfg(test)]
mod tests;
