use super::*;
use crate::bench::fixture::outcome;

/// To look at it: `BENCH_PAGE=/tmp/page.html cargo test -p xtask page`.
#[test]
fn the_page_has_everything_and_needs_nothing() {
    let (now, mut before) = (outcome(), outcome());
    for load in &mut before.loads {
        if let crate::bench::report::Report::Messages(messages) = &mut load.report {
            messages.stored.per_second *= 0.8;
            messages.send_to_delivery.curve.iter_mut().for_each(|point| point.1 = point.1 * 5 / 4);
        }
    }
    before.series.iter_mut().for_each(|step| step.load.rows_per_statement = Some(20.0));
    let html = html(&now, Some(&before));
    if let Some(file) = std::env::var_os("BENCH_PAGE") {
        std::fs::write(file, &html).expect("write the page");
    }
    for title in [
        "Targets",
        "Messages",
        "Latency by percentile",
        "Throughput over load",
        "Memory over sockets",
        "Batch size",
        "Server CPU by process",
        "Second by second",
        "Raised limits",
        "compared with",
    ] {
        assert!(html.contains(title), "no {title}");
    }
    let from_outside = ["http:", "https:", "src=", "href=", "@import", "url(", "<script", "<link"];
    assert!(from_outside.iter().all(|word| !html.contains(word)), "it needs something from outside");
    assert!(!html.contains("NaN") && !html.contains("inf\""), "a figure is none");
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
}

#[test]
fn a_short_run_has_no_empty_sections() {
    let mut outcome = outcome();
    outcome.loads.truncate(4);
    outcome.series.clear();
    let html = html(&outcome, None);
    for title in ["Throughput over load", "Sockets, readers", "compared with"] {
        assert!(!html.contains(title), "{title}");
    }
    assert!(html.contains("Latency by percentile"));
}

#[test]
fn what_could_not_be_measured_is_told() {
    let mut outcome = outcome();
    outcome.failures.push("storm: <none>".to_owned());
    assert!(html(&outcome, None).contains("Not measured: storm: &lt;none&gt;"));
}
