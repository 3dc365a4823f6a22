//! A mail server of a test's own: it speaks enough SMTP to be sent mail, and can refuse it or keep silent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::service::PATIENCE;

/// How it treats whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Takes every mail.
    Takes,
    /// Answers every recipient with this line.
    Refuses(&'static str),
    /// Says nothing at all.
    Silent,
}

/// One mail, as it came.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) text: String,
}

impl Mail {
    /// What follows `#token=` in the link of this kind.
    pub(crate) fn token(&self, kind: &str) -> String {
        let link = format!("https://chat.x.io/{kind}#token=");
        let rest = self.text.split_once(&link).unwrap_or_else(|| panic!("no link: {}", self.text)).1;
        rest.chars().take_while(char::is_ascii_alphanumeric).collect()
    }
}

pub(crate) struct MailServer {
    url: String,
    mails: Receiver<Mail>,
    manners: Arc<Mutex<Manners>>,
    commands: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// Listens until the end of the test.
    pub(crate) fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = listener.local_addr().unwrap().to_string();
        let (sender, mails) = channel();
        let server = Self { url, mails, manners: Arc::new(Mutex::new(manners)), commands: Arc::default() };
        let (manners, commands) = (Arc::clone(&server.manners), Arc::clone(&server.commands));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (manners, commands) = (*manners.lock().unwrap(), Arc::clone(&commands));
                let sender = sender.clone();
                std::thread::spawn(move || converse(&stream, manners, &commands, &sender));
            }
        });
        server
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.url
    }

    /// How it treats those who connect from now on.
    pub(crate) fn set(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }

    /// The next mail.
    #[track_caller]
    pub(crate) fn mail(&self) -> Mail {
        self.mails.recv_timeout(PATIENCE).unwrap()
    }

    /// Whether none has come that nobody has asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.mails.try_recv().is_err()
    }

    /// What clients have said, but for the mails themselves.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }
}

/// Errors mean that the client has gone.
fn converse(
    stream: &TcpStream,
    manners: Manners,
    commands: &Mutex<Vec<String>>,
    mails: &Sender<Mail>,
) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let answer = |line: &str| (&*stream).write_all(format!("{line}\r\n").as_bytes()).ok();
    if manners == Manners::Silent {
        // Until the client has had enough.
        while lines.next()?.is_ok() {}
        return None;
    }
    answer("220 mail.test")?;
    let mut to = String::new();
    loop {
        let line = lines.next()?.ok()?;
        commands.lock().unwrap().push(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match (word.as_str(), manners) {
            ("EHLO", _) => answer("250-mail.test\r\n250 8BITMIME")?,
            ("RCPT", Manners::Refuses(refusal)) => answer(refusal)?,
            ("RCPT", _) => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                answer("250 ok")?;
            }
            ("DATA", _) => {
                answer("354 go on")?;
                let mut text = String::new();
                loop {
                    let line = lines.next()?.ok()?;
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
                // Long lines are folded for the way (RFC 2045, 6.7).
                let text = text.replace("=\n", "").replace("=3D", "=");
                mails.send(Mail { to: to.clone(), text }).ok()?;
                answer("250 taken")?;
            }
            ("QUIT", _) => return answer("221 bye"),
            _ => answer("250 ok")?,
        }
    }
}
