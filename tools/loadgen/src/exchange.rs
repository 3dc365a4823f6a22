//! What private, group and open have in common: traffic for a measured time, and its result.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::figures::{Footer, Latencies, Latency, Rate, RateLine};
use crate::ledger::Breaches;
use crate::measure::{Errors, Phase, Timeline, nanos};
use crate::options::Scenario;
use crate::population::Member;
use crate::processes::{self, Usage};
use crate::readers::Reads;
use crate::report::Report;
use crate::run::Run;
use crate::stage::Conversation;
use crate::traffic::Traffic;

/// Counts and rates are of the measured time; breaches and errors of the whole run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exchange {
    pub(crate) run: String,
    pub(crate) scenario: Scenario,
    /// Gateways the users were spread over.
    pub(crate) gateways: usize,
    /// Measured time, in seconds.
    pub(crate) seconds: u64,
    /// Messages acknowledged in the measured time.
    pub(crate) stored: Rate,
    /// Messages delivered in the measured time, once for each listener.
    pub(crate) delivered: Rate,
    /// The same for each second.
    pub(crate) series: Vec<Second>,
    /// From when a message was due (closed loop: sent) to its acknowledgement.
    pub(crate) send_to_ack: Latency,
    /// From when a message was due (closed loop: sent) to each delivery.
    pub(crate) send_to_delivery: Latency,
    /// What was read meanwhile, where somebody reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reads: Option<Reads>,
    /// Messages of the open loop that were due but found no room in flight before the end.
    pub(crate) unsent: u64,
    pub(crate) breaches: Breaches,
    pub(crate) errors: Errors,
    /// What this program and the watched processes used in the measured time; none where `/proc` is not.
    pub(crate) processes: Vec<Usage>,
}

/// What happened in one second of the measured time, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Second {
    pub(crate) second: u64,
    pub(crate) stored: u64,
    pub(crate) delivered: u64,
}

/// Warms up, and measures for as long as the options say.
pub(crate) fn plan(run: &Run<'_>) -> Timeline {
    let [begin, end] = bounds(run);
    let timeline = Timeline::start();
    timeline.mark(begin, Some(Phase::Calm));
    timeline.mark(end, None);
    timeline.end_at(end);
    timeline
}

fn bounds(run: &Run<'_>) -> [u64; 2] {
    let (warm_up, seconds) = (run.options.warm_up, run.options.seconds);
    [warm_up, warm_up + seconds].map(|at| nanos(Duration::from_secs(at)))
}

/// Keeps to the plan, and waits for the last deliveries.
pub(crate) async fn perform(
    run: &Run<'_>,
    members: Vec<Member>,
    conversations: Vec<Conversation>,
    in_flight: usize,
    timeline: &Timeline,
) -> Result<Exchange> {
    let (warm_up, seconds) = (run.options.warm_up, run.options.seconds);
    let [begin, end] = bounds(run);
    let traffic = Traffic::start(run, members, conversations, in_flight, timeline.clone());
    let used = processes::measure(&run.options.watch, timeline, begin..end);
    let (outcome, processes) = tokio::join!(traffic.finish(run), used);
    let outcome = outcome?;
    let (acks, deliveries) = (outcome.acks.of(Phase::Calm), outcome.deliveries.of(Phase::Calm));
    #[expect(clippy::cast_precision_loss, reason = "a number of seconds below a thousand")]
    let rate = |count| Rate::of(count, seconds as f64);
    let series = (warm_up..warm_up + seconds).zip(1..).map(|(at, second)| Second {
        second,
        stored: outcome.acks.in_second(at),
        delivered: outcome.deliveries.in_second(at),
    });
    Ok(Exchange {
        run: run.name.clone(),
        scenario: run.scenario,
        gateways: run.options.gateway.len(),
        seconds,
        stored: rate(acks.in_phase),
        delivered: rate(deliveries.in_phase),
        series: series.collect(),
        send_to_ack: Latency::of(&acks.latency),
        send_to_delivery: Latency::of(&deliveries.latency),
        reads: None,
        unsent: outcome.unsent,
        breaches: outcome.breaches,
        errors: outcome.errors,
        processes,
    })
}

impl Exchange {
    pub(crate) fn report(&self) -> Result<Report> {
        Report::of(self, self.breaches == Breaches::default() && self.stored.count > 0)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, {} gateway(s), {} s measured", self.scenario, self.gateways, self.seconds)?;
        write!(f, "{}", RateLine("stored", self.stored, "messages/s"))?;
        write!(f, "{}", RateLine("delivered", self.delivered, "messages/s"))?;
        let mut rows = vec![("send to ack", &self.send_to_ack), ("send to delivery", &self.send_to_delivery)];
        if let Some(reads) = &self.reads {
            write!(f, "{}", RateLine("read", reads.rate, "pages/s"))?;
            rows.push(("page", &reads.latency));
        }
        write!(f, "{}", Latencies(&rows))?;
        writeln!(f, "  unsent {}", self.unsent)?;
        let Self { breaches, processes, errors, .. } = self;
        write!(f, "{}", Footer { breaches: Some(*breaches), processes, errors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Meter;
    use crate::private::Private;

    fn exchange() -> Exchange {
        let mut meter = Meter::new();
        meter.took(30_250_000);
        let latency = Latency::of(&meter.latency);
        let rate = Rate { count: 100, per_second: 10.0 };
        Exchange {
            run: "r".to_owned(),
            scenario: Scenario::Private(Private { pairs: 2, in_flight: 3 }),
            gateways: 2,
            seconds: 10,
            stored: rate,
            delivered: rate,
            series: vec![Second { second: 1, stored: 12, delivered: 11 }],
            send_to_ack: latency.clone(),
            send_to_delivery: latency,
            reads: None,
            unsent: 0,
            breaches: Breaches::default(),
            errors: Errors::new(),
            processes: Vec::new(),
        }
    }

    #[test]
    fn the_json_has_stable_names() {
        let json = serde_json::to_value(exchange()).expect("JSON");
        assert_eq!(json["scenario"], serde_json::json!({"name": "private", "pairs": 2, "inFlight": 3}));
        assert_eq!(json["sendToDelivery"]["count"], 1);
        assert_eq!(json["stored"]["perSecond"], 10.0);
        assert_eq!(json["breaches"]["lost"], 0);
        assert_eq!(json["series"][0], serde_json::json!({"second": 1, "stored": 12, "delivered": 11}));
    }

    #[test]
    fn one_breach_breaks_the_promise() {
        let mut exchange = exchange();
        assert!(exchange.report().expect("a report").kept_the_promise);
        exchange.breaches.lost = 1;
        assert!(!exchange.report().expect("a report").kept_the_promise);
    }
}
