//! Keys of the mail.

use messenger_chassis::env::Env;

use crate::mail::{MailConfig, Mailer};

pub(super) fn read(env: &mut Env<'_>) -> Option<MailConfig> {
    let url = env.secret(
        "ACCOUNTS_MAIL_URL",
        "mail server: smtps://USER:PASSWORD@HOST, smtp+starttls://…, or log: for development; no mail without it",
    );
    let from = env.optional("ACCOUNTS_MAIL_FROM", "sender, as Messenger <no-reply@example.com>");
    let public_url =
        env.optional("ACCOUNTS_PUBLIC_URL", "web client's address, to which the links in letters lead");
    let timeout =
        env.millis("ACCOUNTS_MAIL_TIMEOUT_MS", 10_000, 100..=60_000, "time for one letter, milliseconds");
    let config = MailConfig {
        url: url?,
        from: from.unwrap_or_default(),
        public_url: public_url.unwrap_or_default(),
        timeout,
    };
    if let Err(problem) = Mailer::check(&config) {
        env.problem(problem.to_string());
    }
    Some(config)
}

pub(super) fn verification(env: &mut Env<'_>) -> bool {
    let text = env.text(
        "ACCOUNTS_EMAIL_VERIFICATION",
        "off",
        "on or off: a new e-mail counts once a letter to it was answered",
    );
    if text != "on" && text != "off" {
        env.problem("ACCOUNTS_EMAIL_VERIFICATION: must be on or off");
    }
    text == "on"
}
