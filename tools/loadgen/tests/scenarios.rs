//! Every scenario, small, against the whole system as real processes. What is measured is not looked at, only that it was.

use std::process::{Output, Stdio};

use messenger_support::{Cluster, ClusterOptions};
use serde_json::Value;
use tokio::process::Command;

/// A system whose outboxes are soon full.
async fn cluster() -> Cluster {
    let settings = [
        ("GATEWAY_OUTBOX_BYTES", "131072"),
        ("GATEWAY_OUTBOX_SOFT_BYTES", "65536"),
        ("GATEWAY_WRITE_STALL_MS", "30000"),
        ("ACCOUNTS_ARGON2_QUEUE", "1000"),
    ];
    Cluster::start(ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() }).await
}

/// Runs a scenario: its JSON, and that it succeeded.
async fn measure(cluster: &Cluster, scenario: &[&str]) -> Value {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(scenario)
        .args(["--json", "--seconds", "2", "--warm-up", "1", "--sign-ups", "16"])
        .args(["--accounts", &cluster.rest()])
        .args(["--gateway", &cluster.url(0), "--gateway", &cluster.url(1)])
        .args(["--watch", &format!("gateway-1={}", cluster.gateway(0).pid())])
        .args(["--watch", &format!("gateway-2={}", cluster.gateway(1).pid())])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("the load generator");
    let (text, told) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{scenario:?}: {status}\n{told}\n{text}");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["scenario"]["name"], scenario[0]);
    assert_eq!(json["errors"], serde_json::json!({}), "{scenario:?}");
    json
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a count: {value}"))
}

#[tokio::test]
async fn messages_are_measured_while_history_is_read() {
    let cluster = cluster().await;
    let private = measure(&cluster, &["private", "--pairs", "2", "--in-flight", "2"]).await;
    assert_eq!(private["series"].as_array().map(Vec::len), Some(2));
    measure(&cluster, &["group", "--members", "5", "--senders", "2"]).await;
    let open = ["open", "--rate", "50", "--pairs", "2", "--readers", "2", "--reader-entries", "120"];
    let open = measure(&cluster, &open).await;
    assert!(count(&open["sendToAck"]["count"]) > 0 && count(&open["reads"]["rate"]["count"]) > 0, "{open}");
}

#[tokio::test]
async fn idle_sockets_are_opened_and_alive() {
    let cluster = cluster().await;
    for dialect in ["documented", "v2"] {
        let idle =
            measure(&cluster, &["idle", "--sockets", "40", "--at-once", "8", "--dialect", dialect]).await;
        assert_eq!((count(&idle["opened"]["count"]), count(&idle["alive"])), (40, 40));
        assert_eq!(count(&idle["handshake"]["count"]), 40);
        let samples = idle["samples"].as_array().expect("samples");
        assert_eq!(samples[0]["sockets"], 0);
        assert_eq!(samples[samples.len() - 1]["processes"].as_array().map(Vec::len), Some(2));
    }
}

#[tokio::test]
async fn everybody_comes_back_after_a_storm() {
    let cluster = cluster().await;
    let storm = ["storm", "--sockets", "40", "--every", "2", "--times", "2", "--pairs", "2", "--rate", "50"];
    let storm = measure(&cluster, &storm).await;
    let storms = storm["storms"].as_array().expect("storms");
    assert_eq!(storms.len(), 2);
    assert!(storms.iter().all(|storm| count(&storm["reconnect"]["count"]) == 40), "{storms:?}");
    assert!(count(&storm["ackCalm"]["count"]) > 0 && count(&storm["ackStorm"]["count"]) > 0, "{storm}");
}

#[tokio::test]
async fn readers_that_stall_are_told_or_closed() {
    let cluster = cluster().await;
    for (dialect, end) in [("documented", "closed"), ("v2", "told")] {
        let slow = ["slow", "--stalled", "5", "--dialect", dialect, "--pairs", "2", "--rate", "50"];
        let slow = measure(&cluster, &slow).await;
        assert_eq!((count(&slow["stalled"]), count(&slow[end])), (5, 5), "{slow}");
        assert!(count(&slow["deliverySlow"]["count"]) > 0, "{slow}");
    }
}

#[tokio::test]
async fn people_log_in_meanwhile() {
    let cluster = cluster().await;
    let logins = measure(&cluster, &["logins", "--at-once", "4", "--pairs", "2", "--rate", "50"]).await;
    assert!(count(&logins["logins"]["count"]) > 0 && count(&logins["ackLoaded"]["count"]) > 0, "{logins}");
}
