use super::*;
use crate::domain::{Email, UserId};

const TOKEN: &str = "0123456789abcdef";

fn letter(to: &str, purpose: Purpose) -> Letter {
    let (user, to) = (UserId::new(7).unwrap(), Email::parse(to).unwrap());
    Letter { user, to, purpose, token: Some(TOKEN.to_owned().into()) }
}

fn written(to: &str) -> Option<String> {
    let writer = Writer::new("Messenger <no-reply@x.io>", "https://chat.x.io/").unwrap();
    let mail = writer.write(&letter(to, Purpose::ResetPassword)).ok()?;
    Some(String::from_utf8(mail.formatted()).unwrap())
}

#[test]
fn ways_are_told_by_urls_and_none_is_in_the_clear_but_to_this_machine() {
    let check = |url: &str, good: bool| assert_eq!(Way::parse(url).is_ok(), good, "{url}");
    for url in
        ["log:", "smtps://u:p@mail.x.io", "smtp+starttls://mail.x.io:587", "smtp+plain://127.0.0.1:2525"]
    {
        check(url, true);
    }
    for url in [
        "",
        "log",
        "mail.x.io",
        "smtp://mail.x.io",
        "smtp+plain://mail.x.io",
        "smtp+plain://127.0.0.1@mail.x.io",
        "smtp+plain://localhost.x.io:25",
        "smtps://mail.x.io?tls=opportunistic",
        "smtp+starttls://mail.x.io?tls=opportunistic",
        "smtp+starttls://mail.x.io#x",
        "https://mail.x.io",
    ] {
        check(url, false);
    }
}

#[test]
fn a_letter_has_the_heads_that_it_needs_and_a_link() {
    let text = written("Ann@BÜCHER.example").unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    // Long lines are folded for the way (RFC 2045, 6.7).
    let body = body.replace("=\r\n", "").replace("=3D", "=");
    let mut names: Vec<_> = head.lines().map(|line| line.split(':').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Subject", "To"]
    );
    assert!(head.contains("To: Ann@xn--bcher-kva.example"), "{head}");
    assert!(body.contains(&format!("https://chat.x.io/reset-password#token={TOKEN}")), "{body}");
}

#[test]
fn no_address_brings_a_head_of_its_own() {
    for to in [
        "ann@x.io\r\nBcc: bob@x.io",
        "ann\r\nBcc:bob@x.io",
        "ann@x.io,bob@x.io",
        "ann@x.io\n\nhello",
        "ann\0@x.io",
    ] {
        assert!(Email::parse(to).is_err(), "{to:?}");
    }
    for to in ["ann{bcc=bob}@x.io", "ann!#$%&'*+/=?^_`{|}~@x.io", "анна@x.io", "=?utf-8?q?a?=@x.io"] {
        let Some(text) = written(to) else { continue };
        let head = text.split_once("\r\n\r\n").unwrap().0;
        assert_eq!(head.lines().filter(|line| !line.starts_with(' ')).count(), 7, "{head}");
        assert_eq!(head.lines().filter(|line| line.starts_with("To:")).count(), 1, "{head}");
    }
}

#[test]
fn senders_and_links_are_checked_at_the_start() {
    let check = |from: &str, url: &str| Writer::new(from, url).err();
    assert_eq!(check("no-reply@x.io", "http://localhost:3000"), None);
    for from in ["", "nobody", "a@x.io\r\nBcc: b@x.io", "A <a@x.io>\r\nBcc: b@x.io"] {
        assert_eq!(check(from, "https://x.io"), Some(MailSetupError::From), "{from:?}");
    }
    for url in ["", "x.io", "https://", "javascript:alert(1)", "https://x.io/\r\nhello", "https://x.io/#a"] {
        assert_eq!(check("no-reply@x.io", url), Some(MailSetupError::PublicUrl), "{url:?}");
    }
}

#[test]
fn a_letter_does_not_print_its_token_or_address() {
    let text = format!("{:?}", letter("ann@x.io", Purpose::VerifyEmail));
    assert!(!text.contains(TOKEN) && !text.contains("ann"), "{text}");
}

#[test]
fn a_full_queue_drops_and_never_waits() {
    let (sender, mut receiver) = mpsc::channel(1);
    let mailer = Mailer { queue: Some(sender) };
    mailer.send(letter("ann@x.io", Purpose::VerifyEmail));
    mailer.send(letter("bob@x.io", Purpose::VerifyEmail));
    assert_eq!(receiver.try_recv().unwrap().to.as_typed(), "ann@x.io");
    assert!(receiver.try_recv().is_err());
    assert!(!Mailer::off().is_on());
}
