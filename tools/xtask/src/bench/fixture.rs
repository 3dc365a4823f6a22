//! A result as a full run has it, made of the JSON that the load generator prints.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::limits::{Inserts, Limits, Path, Publish, Timed};
use super::load::{Load, Step};
use super::origin::Origin;
use super::outcome::{Conditions, Outcome};
use super::plan;
use super::report::Report;

const MEBIBYTE: u64 = 1024 * 1024;

/// With everything that a full run measures.
pub(super) fn outcome() -> Outcome {
    let timed = |per_second, p50, p99| Timed { per_second, p50, p99 };
    let postgres = Inserts {
        single_one_connection: 4_000.0,
        single_eight_connections: 16_000.0,
        batched: 160_000.0,
        send_messages: 40_000.0,
    };
    let limits = Limits {
        fsync: timed(4_200.0, 230, 700),
        commit: timed(2_000.0, 480, 1_100),
        postgres,
        echo: timed(123_456.0, 2_000, 9_990),
        redis: Publish { per_second: 410_000.0 },
        path: Some(Path { timed: timed(2_500.0, 400, 900), cpu_micros: 250.0 }),
        paced: Some(Path { timed: timed(999.0, 500, 2_100), cpu_micros: 308.0 }),
    };
    let conditions =
        Conditions { profile: "up".to_owned(), seconds: 10, gateways: 2, full: true, only: None };
    let origin = Origin {
        at: Timestamp::from_second(1_785_000_000).expect("a time"),
        commit: Some("6f6c663".to_owned()),
        processors: 2,
        model: Some("Some CPU".to_owned()),
        memory: Some(8_192 * MEBIBYTE),
    };
    let loads = vec![
        messages(plan::PRIVATE, "private", [20_000, 20_000], 8_000, [1.9, 3.7]),
        messages(plan::ONE_IN_FLIGHT, "private", [1_800, 1_800], 600, [0.6, 1.1]),
        messages("group of 100, 4 senders x 4 in flight", "group", [3_400, 336_600], 4_900, [4.6, 1.2]),
        messages(plan::OPEN, "open", [1_000, 1_000], 2_200, [1.5, 2.3]),
        messages(plan::GROUP_OF_500, "group", [200, 99_800], 18_000, [7.0, 0.4]),
        messages(plan::HOT_GROUP, "group", [3_100, 306_900], 60_000, [6.0, 1.5]),
        reading(messages(plan::OPEN_AND_READ, "open", [2_000, 2_000], 3_300, [2.4, 4.0])),
        load(plan::IDLE, &idle()),
        load(plan::STORM, &storm()),
        load(plan::SLOW, &slow()),
        load(plan::SLOW_DOCUMENTED, &slow()),
        load(plan::READS, &reads(200_000)),
        load(plan::READS_OF_MANY, &reads(10_000_000)),
        load(plan::LOGINS, &logins()),
    ];
    let steps = (0_u32..).zip(plan::STEPS);
    let step = |(index, in_flight): (u32, u32)| {
        let stored = 7_000 + 6_500 * u64::from(index);
        let mut load =
            messages("step", "private", [stored, stored], 900 * u64::from(1 + index * index), [1.0, 2.0]);
        load.name = format!("{}, {in_flight}", plan::THROUGHPUT_OVER_LOAD);
        load.rows_per_statement = Some(f64::from(in_flight) * 1.7);
        Step { in_flight: plan::STEP_PAIRS * in_flight, load }
    };
    Outcome { conditions, origin, limits, loads, series: steps.map(step).collect(), failures: Vec::new() }
}

/// Ten seconds with these messages stored and delivered a second.
fn messages(name: &str, kind: &str, rates: [u64; 2], p50: u64, cpu: [f64; 2]) -> Load {
    let [stored, delivered] = rates;
    let second = |second: u64| {
        let wave = 100 + second * 7 % 13 - 6;
        json!({"second": second, "stored": stored * wave / 100, "delivered": delivered * (200 - wave) / 100})
    };
    let json = json!({
        "run": "0123abcd", "scenario": {"name": kind, "pairs": 32, "inFlight": 8}, "gateways": 2, "seconds": 10,
        "stored": rate(stored), "delivered": rate(delivered),
        "sendToAck": latency(p50 * 3 / 4), "sendToDelivery": latency(p50),
        "series": (1..=10).map(second).collect::<Vec<_>>(),
        "unsent": 0, "breaches": breaches(), "errors": {}, "processes": processes(cpu),
    });
    load(name, &json)
}

fn reading(mut load: Load) -> Load {
    let Report::Messages(messages) = &mut load.report else { panic!("no messages") };
    messages.reads = serde_json::from_value(reads_of(900, 1_100)).expect("reads");
    load
}

fn load(name: &str, json: &Value) -> Load {
    let report = Report::read(json).expect("a result of the load generator");
    Load { name: name.to_owned(), rows_per_statement: Some(12.5), report }
}

fn idle() -> Value {
    let sample = |step: u64| {
        let sockets = step * 1_000;
        let memory = |name: &str, base: u64, each: u64| json!({"name": name, "residentBytes": base * MEBIBYTE + sockets * each});
        json!({"sockets": sockets, "processes": [
            memory("gateway-1", 24, 4_600), memory("gateway-2", 23, 4_700), memory("postgres", 210, 20), memory("loadgen", 9, 9_000),
        ]})
    };
    json!({
        "scenario": {"name": "idle", "sockets": 20_000}, "gateways": 2, "opened": rate(4_100), "handshake": latency(12_000),
        "held": 10, "samples": (0..=20).map(sample).collect::<Vec<_>>(), "residentBytesPerSocket": 9_300.5,
        "alive": 20_000, "errors": {},
    })
}

fn storm() -> Value {
    let storm = |seconds: f64| json!({"backSeconds": seconds, "reconnect": latency(900_000)});
    json!({
        "scenario": {"name": "storm"}, "sockets": 10_000, "unsent": 0, "storms": [storm(4.2), storm(3.9), storm(4.6)],
        "ackCalm": latency(1_800), "ackStorm": latency(30_000), "deliveryCalm": latency(2_100),
        "deliveryStorm": latency(34_000), "breaches": breaches(), "errors": {}, "processes": processes([9.0, 4.0]),
    })
}

fn slow() -> Value {
    json!({
        "scenario": {"name": "slow"}, "stalled": 1_000, "closed": 12, "residentBytesPerStalled": 280_000.0,
        "ackCalm": latency(1_700), "ackReading": latency(1_700), "ackSlow": latency(1_800), "unsent": 0,
        "deliveryCalm": latency(1_000), "deliveryReading": latency(2_000), "deliverySlow": latency(2_200), "breaches": breaches(), "errors": {},
        "processes": processes([5.0, 2.0]),
    })
}

fn logins() -> Value {
    json!({
        "scenario": {"name": "logins"}, "logins": rate(60), "refused": rate(4), "login": latency(520_000), "unsent": 0, "ackCalm": latency(2_000),
        "ackLoaded": latency(3_000), "deliveryCalm": latency(2_300), "deliveryLoaded": latency(3_300),
        "breaches": breaches(), "errors": {"refused": 40}, "processes": processes([2.0, 2.0]),
    })
}

fn reads(entries: u64) -> Value {
    json!({
        "scenario": {"name": "reads"}, "entries": entries, "conversations": 200_000, "chatsOfUser": 2_000,
        "chats": reads_of(2_400, 1_500), "page": reads_of(5_200, 800), "errors": {}, "processes": processes([3.0, 6.0]),
    })
}

fn reads_of(per_second: u64, p50: u64) -> Value {
    json!({"rate": rate(per_second), "latency": latency(p50)})
}

fn rate(per_second: u64) -> Value {
    json!({"count": per_second * 10, "perSecond": per_second})
}

fn breaches() -> Value {
    json!({"lost": 0, "duplicated": 0, "reordered": 0, "misplaced": 0})
}

fn latency(p50: u64) -> Value {
    let curve = [
        (0.0, 40),
        (0.1, 65),
        (0.25, 82),
        (0.5, 100),
        (0.75, 118),
        (0.9, 140),
        (0.95, 160),
        (0.99, 220),
        (0.995, 260),
        (0.999, 420),
        (0.9995, 500),
        (0.9999, 800),
        (1.0, 1_100),
    ];
    let at = |per_cent: u64| p50 * per_cent / 100;
    json!({
        "p50": p50, "p90": at(140), "p99": at(220), "p999": at(420), "max": at(1_100), "mean": at(104), "count": 10_000,
        "curve": curve.map(|(quantile, per_cent)| json!([quantile, at(per_cent)])),
    })
}

/// Seconds of CPU of each gateway, and of PostgreSQL.
fn processes(cpu: [f64; 2]) -> Value {
    let usage = |name: &str, cpu: f64, mebibytes: u64| json!({"name": name, "cpuSeconds": cpu, "residentBytes": mebibytes * MEBIBYTE});
    let [gateway, postgres] = cpu;
    json!([
        usage("accounts", 0.01, 20),
        usage("gateway-1", gateway, 30),
        usage("gateway-2", gateway, 31),
        usage("postgres", postgres, 250),
        usage("redis", 0.2, 9),
        usage("loadgen", 4.0, 60),
    ])
}
