//! The command line, and the log-in it leads to.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use clap::Parser;
use messenger_client::rest::{Accounts, LoggedIn, NewUser, RestError};
use messenger_client::session::{Gateway, Grant, Renewal};
use messenger_client::socket;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::names::Names;

/// Chat in the terminal: arriving messages show up above what you type, and lost connections come back.
///
/// Works with a pipe too: each line of the input is a command or a message, and the program ends after the
/// last one is stored.
#[derive(Parser)]
#[command(
    name = "chat",
    after_help = "Inside, /help lists the commands.\n\n\
    Example: chat --email ann@example.com --sign-up --first-name Ann"
)]
pub(crate) struct Options {
    /// Address of the messenger.
    #[arg(long, default_value = "http://localhost:3000", value_name = "URL")]
    url: String,
    /// Address of one gateway, when it is not the messenger's: ws://localhost:3200, for example.
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// E-mail address to log in with; asked for when missing.
    #[arg(long)]
    email: Option<String>,
    /// Password; asked for without echo when missing. Other users of this machine can see it on the command
    /// line.
    #[arg(long)]
    password: Option<String>,
    /// Make the user first when there is none with this address.
    #[arg(long)]
    sign_up: bool,
    /// First name of the user to make; others see it.
    #[arg(long, requires = "sign_up", value_name = "NAME")]
    first_name: Option<String>,
    /// Last name of the user to make.
    #[arg(long, requires = "sign_up", value_name = "NAME")]
    last_name: Option<String>,
}

impl Options {
    /// The way to the services; asks for what is missing.
    pub(crate) fn link(&self) -> Result<Gateway> {
        let accounts = Accounts::new(&self.url)?;
        let url = match &self.gateway {
            Some(url) => url.clone(),
            None => gateway_of(&self.url).context("--url does not lead to a gateway; give --gateway")?,
        };
        let email = match &self.email {
            Some(email) => email.clone(),
            None => ask("E-mail: ")?,
        };
        let password = match &self.password {
            Some(password) => password.clone().into(),
            None => ask_secretly("Password: ")?,
        };
        let (renewal, options) = (Renewal::default(), socket::Options::default());
        Ok(Gateway { accounts, email, password, renewal, url, options })
    }

    /// Logs in, after signing up where that is asked for and needed. The link renews this log-in from then on.
    pub(crate) async fn log_in(&self, link: &mut Gateway) -> Result<(Grant, Names)> {
        let login = match link.accounts.log_in(&link.email, &link.password).await {
            Err(RestError::Refused { status: 404, .. }) if self.sign_up => self.make_user(link).await?,
            Err(error @ RestError::Refused { status: 404, .. }) => {
                bail!("{error}. Give --sign-up to make a new user.")
            }
            login => login?,
        };
        link.renewal = Renewal::of(&login);
        let names = Names::new(login.id, login.first_name.as_deref());
        Ok((login.into(), names))
    }

    async fn make_user(&self, link: &Gateway) -> Result<LoggedIn> {
        let user = NewUser {
            email: &link.email,
            password: link.password.expose_secret(),
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
        };
        link.accounts.sign_up(&user).await.context("cannot sign up")?;
        Ok(link.accounts.log_in(&link.email, &link.password).await?)
    }
}

/// The gateway behind the same address: `ws` for `http`, `wss` for `https`.
fn gateway_of(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).ok()?;
    Some(url.into())
}

fn ask(question: &str) -> Result<String> {
    if io::stdin().is_terminal() {
        let mut out = io::stdout().lock();
        write!(out, "{question}")?;
        out.flush()?;
    }
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("the input ended before it answered \"{}\"", question.trim_end());
    }
    Ok(line.trim().to_owned())
}

fn ask_secretly(question: &str) -> Result<SecretString> {
    if io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(question)?.into());
    }
    ask(question).map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
        assert!(Options::try_parse_from(["chat", "--first-name", "Ann"]).is_err(), "needs --sign-up");
    }

    #[test]
    fn the_gateway_shares_the_address() {
        assert_eq!(gateway_of("http://localhost:3000").as_deref(), Some("ws://localhost:3000/"));
        assert_eq!(gateway_of("https://chat.example").as_deref(), Some("wss://chat.example/"));
        assert_eq!(gateway_of("localhost"), None);
    }
}
