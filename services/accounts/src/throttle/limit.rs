//! What is counted, under a key that tells nothing.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};

use super::Throttle;
use crate::domain::{Bearer, Email, Rate, Rule, UserId};

/// Bytes of a key: enough that no two things ever share one.
const KEY_BYTES: usize = 16;

/// A key as it is kept.
pub(super) type Key = [u8; KEY_BYTES];

/// Kinds of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One account from one address, or in one session.
    Pair,
    /// One address.
    Address,
    /// One account.
    Account,
    /// All log-ins, of all accounts and addresses.
    Breaker,
    /// Refreshes from one address.
    Refreshes,
    /// Look-ups of other users by one user.
    LookUps,
    /// Sign-ups from one address.
    SignUps,
    /// Letters asked for from one address.
    MailFrom,
    /// Letters to one user.
    MailTo,
}

impl What {
    /// Its name in metrics and keys.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Address => "address",
            Self::Account => "account",
            Self::Breaker => "breaker",
            Self::Refreshes => "refreshes",
            Self::LookUps => "look_ups",
            Self::SignUps => "sign_ups",
            Self::MailFrom => "mail_from",
            Self::MailTo => "mail_to",
        }
    }

    /// Whether it does not hold for an address from which the account's user has logged in before.
    pub fn spares_known(self) -> bool {
        matches!(self, Self::Account | Self::Breaker)
    }
}

/// One thing that is counted, and by which rule.
#[derive(Debug, Clone)]
pub struct Limit {
    what: What,
    key: Key,
    rule: Rule,
}

impl Limit {
    pub(super) fn new(what: What, of: &[&str], rule: Rule) -> Self {
        let mut text = what.label().to_owned();
        for part in of {
            // No part contains a control character.
            text.push('\n');
            text.push_str(part);
        }
        let mut key = Key::default();
        for (byte, hashed) in key.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
            *byte = *hashed;
        }
        Self { what, key, rule }
    }

    /// What is limited.
    pub fn what(&self) -> What {
        self.what
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }
}

impl Throttle {
    /// What limits a log-in from an address.
    pub fn log_in(&self, email: &Email, address: IpAddr) -> Vec<Limit> {
        let (account, from, config) = (email.canonical(), address.to_string(), self.config());
        let rate = |what, of: &str, rate| Limit::new(what, &[of], Rule::Rate(rate));
        let limits = [
            config.pair.map(|rule| Limit::new(What::Pair, &[account, &from], Rule::Doubling(rule))),
            config.address.map(|limit| rate(What::Address, &from, limit)),
            config.account.map(|limit| rate(What::Account, account, limit)),
            config.breaker.map(|rule| Limit::new(What::Breaker, &[], Rule::Breaker(rule))),
        ];
        limits.into_iter().flatten().collect()
    }

    /// What limits guesses of the password by somebody who is logged in. Counted by session: whoever has stolen a token
    /// gets no further by changing his address, and does not keep the user from another device.
    pub fn own_password(&self, bearer: &Bearer) -> Vec<Limit> {
        let (user, session) = (bearer.user_id.to_string(), bearer.session_id.to_string());
        let pair = |rule| Limit::new(What::Pair, &["session", &user, &session], Rule::Doubling(rule));
        self.config().pair.map(pair).into_iter().collect()
    }

    /// What limits refreshes from an address.
    pub fn refresh(&self, address: IpAddr) -> Vec<Limit> {
        one(What::Refreshes, &address.to_string(), self.config().refreshes)
    }

    /// What limits look-ups by a user.
    pub fn look_up(&self, user: UserId) -> Vec<Limit> {
        one(What::LookUps, &user.to_string(), self.config().look_ups)
    }

    /// What limits sign-ups from an address.
    pub fn sign_up(&self, address: IpAddr) -> Vec<Limit> {
        one(What::SignUps, &address.to_string(), self.config().sign_ups)
    }

    /// What limits letters that somebody asks for.
    pub fn mail_from(&self, address: IpAddr) -> Vec<Limit> {
        one(What::MailFrom, &address.to_string(), self.config().mail_from)
    }

    /// What limits letters to a user, whoever asks for them.
    pub fn mail_to(&self, user: UserId) -> Vec<Limit> {
        one(What::MailTo, &user.to_string(), self.config().mail_to)
    }
}

fn one(what: What, of: &str, rate: Option<Rate>) -> Vec<Limit> {
    rate.map(|rate| Limit::new(what, &[of], Rule::Rate(rate))).into_iter().collect()
}
