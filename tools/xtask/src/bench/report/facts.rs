//! A scenario's figures and latencies under their names, for tables and plots that treat all scenarios alike.

use super::{Idle, Latency, Logins, Messages, Reading, Reads, Report, Slow, Storm};
use crate::bench::unit::{Unit, float};

/// One figure of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::bench) struct Fact {
    pub(in crate::bench) name: String,
    pub(in crate::bench) value: f64,
    pub(in crate::bench) unit: Unit,
}

impl Report {
    /// All latencies, each with what took so long.
    pub(in crate::bench) fn latencies(&self) -> Vec<(&'static str, &Latency)> {
        match self {
            Self::Messages(Messages { send_to_ack, send_to_delivery, reads, .. }) => {
                let reads = reads.iter().map(|reads| ("page of history", &reads.latency));
                [("send to reply", send_to_ack), ("send to delivery", send_to_delivery)]
                    .into_iter()
                    .chain(reads)
                    .collect()
            }
            Self::Idle(idle) => vec![("handshake", &idle.handshake)],
            Self::Storm(storm) => {
                let last = storm.storms.last().map(|storm| ("reconnect and resume", &storm.reconnect));
                let sends = [
                    ("send to reply, calm", &storm.ack_calm),
                    ("send to reply, in the storm", &storm.ack_storm),
                    ("send to delivery, calm", &storm.delivery_calm),
                    ("send to delivery, in the storm", &storm.delivery_storm),
                ];
                sends.into_iter().chain(last).collect()
            }
            Self::Slow(slow) => vec![
                ("send to reply, without", &slow.ack_calm),
                ("send to reply, beside them reading", &slow.ack_reading),
                ("send to reply, beside them stalled", &slow.ack_slow),
                ("send to delivery, without", &slow.delivery_calm),
                ("send to delivery, beside them reading", &slow.delivery_reading),
                ("send to delivery, beside them stalled", &slow.delivery_slow),
            ],
            Self::Logins(logins) => vec![
                ("send to reply, calm", &logins.ack_calm),
                ("send to reply, beside log-ins", &logins.ack_loaded),
                ("send to delivery, calm", &logins.delivery_calm),
                ("send to delivery, beside log-ins", &logins.delivery_loaded),
                ("log-in", &logins.login),
            ],
            Self::Reads(reads) => {
                vec![("chat list", &reads.chats.latency), ("page of history", &reads.page.latency)]
            }
        }
    }

    /// Figures that have no column in the table of messages. Latencies are not among them.
    pub(in crate::bench) fn facts(&self) -> Vec<Fact> {
        match self {
            Self::Messages(Messages { reads, .. }) => {
                reads.iter().map(|Reading { rate, .. }| pages(rate.per_second)).collect()
            }
            Self::Idle(idle) => of_idle(idle),
            Self::Storm(storm) => of_storm(storm),
            Self::Slow(Slow { stalled, closed, resident_bytes_per_stalled, .. }) => vec![
                fact("stalled readers", float(*stalled), Unit::Count),
                fact("of them closed by the gateways", float(*closed), Unit::Count),
                fact("memory for each at most", *resident_bytes_per_stalled, Unit::Kibibytes),
            ],
            Self::Logins(Logins { logins, refused, .. }) => vec![
                fact("log-ins", logins.per_second, Unit::PerSecond),
                fact("log-ins refused", refused.per_second, Unit::PerSecond),
            ],
            Self::Reads(Reads { entries, chats, page, .. }) => vec![
                fact("entries", float(*entries), Unit::Count),
                fact("chat lists", chats.rate.per_second, Unit::PerSecond),
                pages(page.rate.per_second),
            ],
        }
    }
}

impl Storm {
    /// The longest that it took until all were back, in seconds.
    pub(in crate::bench) fn slowest(&self) -> Option<f64> {
        self.storms.iter().map(|storm| storm.back_seconds).max_by(f64::total_cmp)
    }
}

fn of_idle(idle: &Idle) -> Vec<Fact> {
    vec![
        fact("sockets", float(idle.scenario.sockets), Unit::Count),
        fact("alive at the end", float(idle.alive), Unit::Count),
        fact("authenticated handshakes", idle.opened.per_second, Unit::PerSecond),
        fact("memory of the gateways for a socket", idle.resident_bytes_per_socket, Unit::Kibibytes),
    ]
}

fn of_storm(storm: &Storm) -> Vec<Fact> {
    let back =
        |(number, back): (usize, f64)| fact(&format!("storm {number}: all back after"), back, Unit::Seconds);
    (1..).zip(storm.storms.iter().map(|storm| storm.back_seconds)).map(back).collect()
}

fn pages(per_second: f64) -> Fact {
    fact("pages of history", per_second, Unit::PerSecond)
}

fn fact(name: &str, value: f64, unit: Unit) -> Fact {
    Fact { name: name.to_owned(), value, unit }
}
