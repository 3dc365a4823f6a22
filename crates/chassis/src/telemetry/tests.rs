//! The subscriber as the services have it, without being the process's own.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::*;

/// Keeps what is logged.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn config(pairs: &'static [(&'static str, &'static str)]) -> TelemetryConfig {
    let lookup =
        |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
    TelemetryConfig::read(&mut Env::new(&lookup))
}

/// A provider that sends nothing anywhere.
fn keeping(share: Sampler) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_sampler(share).build()
}

/// Runs `task` under the subscriber of this configuration and returns what was logged. One at a time, as in a service: as
/// long as there are several, a span counts as wanted when one of them wants it.
fn logged(config: &TelemetryConfig, provider: Option<&SdkTracerProvider>, task: impl FnOnce()) -> String {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = subscriber(config, provider, move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, task);
    lines.text()
}

fn traced_span() -> Span {
    tracing::info_span!(target: TRACED, "send", otel.kind = "client", rows = 7)
}

#[test]
fn what_no_log_shows_is_not_even_looked_at() {
    let (info, debug) =
        (config(&[("RUST_LOG", "info")]), config(&[("RUST_LOG", "warn,messenger_chassis=debug")]));
    for (config, most) in [(info, LevelFilter::INFO), (debug, LevelFilter::DEBUG)] {
        let subscriber = subscriber(&config, None, std::io::sink).unwrap();
        assert_eq!(subscriber.max_level_hint(), Some(most));
    }
}

#[test]
fn without_a_collector_nothing_is_made_of_a_span_of_a_trace() {
    for filter in [&[("RUST_LOG", "info")], &[("RUST_LOG", "trace")]] {
        logged(&config(filter), None, || {
            assert!(traced_span().is_disabled());
            assert!(!is_kept(&traced_span()) && traceparent(&traced_span()).is_none());
            assert!(!tracing::info_span!("request").is_disabled(), "the log shows it");
        });
    }
    logged(&config(&[]), Some(&keeping(Sampler::AlwaysOn)), || {
        assert!(!traced_span().is_disabled());
        assert!(is_kept(&traced_span()) && traceparent(&traced_span()).is_some());
    });
    logged(&config(&[]), Some(&keeping(Sampler::AlwaysOff)), || {
        assert!(!traced_span().is_disabled() && !is_kept(&traced_span()));
    });
}

#[test]
fn a_line_of_json_names_the_trace_that_is_kept_and_no_other() {
    let json = config(&[("LOG_FORMAT", "json")]);
    let write = || {
        traced_span().in_scope(|| tracing::info!(answer = 42, "inside"));
        tracing::info!("outside");
    };
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let traced = lines(&logged(&json, Some(&keeping(Sampler::AlwaysOn)), write));
    let [inside, outside] = &traced[..] else { panic!("{traced:?}") };
    let (trace, rest) =
        inside.strip_prefix(r#"{"trace_id":""#).unwrap().split_once(r#"","span_id":""#).unwrap();
    let (span, rest) = rest.split_once(r#"","#).unwrap();
    assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()), "{inside}");
    assert!(span.len() == 16 && span.bytes().all(|byte| byte.is_ascii_hexdigit()), "{inside}");
    assert!(rest.starts_with(r#""timestamp""#) && rest.contains(r#""answer":42"#), "{inside}");
    assert!(!outside.contains("trace_id"), "{outside}");
    for provider in [None, Some(keeping(Sampler::AlwaysOff))] {
        assert!(!logged(&json, provider.as_ref(), write).contains("trace_id"));
    }
    assert!(!logged(&config(&[]), Some(&keeping(Sampler::AlwaysOn)), write).contains("trace_id"));
}

#[test]
fn each_signal_may_have_a_collector_of_its_own() {
    let both = config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a")]);
    assert_eq!(both.traces.as_deref(), Some("http://a"));
    let pushed = both.metrics.unwrap();
    assert_eq!((pushed.endpoint.as_str(), pushed.every), ("http://a", Duration::from_mins(1)));
    let traces = config(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b")]);
    assert_eq!((traces.traces.as_deref(), traces.metrics), (Some("http://b"), None));
    let metrics = config(&[
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    ]);
    assert_eq!(metrics.traces, None);
    let pushed = metrics.metrics.unwrap();
    assert_eq!((pushed.endpoint.as_str(), pushed.every), ("http://c", Duration::from_secs(5)));
}
