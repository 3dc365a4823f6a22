//! The metrics of the process: recorded once, through the facade `metrics`, and read by whoever wants them: the admin
//! listener as Prometheus text, the push to a collector as what that text says.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the latency histograms' buckets, seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the buckets of histograms that count rows.
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

type Look = Box<dyn Fn() + Send + Sync>;

/// The metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    recorder: PrometheusHandle,
    looks: Arc<Mutex<Vec<Look>>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Installs the recorder of the process.
    pub(super) fn install() -> Result<Self, BuildError> {
        Ok(Self::of(builder()?.install_recorder()?))
    }

    /// Metrics that nothing is recorded in, for tests of what shows them.
    #[cfg(test)]
    pub(crate) fn unrecorded() -> Self {
        Self::of(PrometheusBuilder::new().build_recorder().handle())
    }

    fn of(recorder: PrometheusHandle) -> Self {
        Self { recorder, looks: Arc::default() }
    }

    /// Has `look` set its gauges each time before the metrics are read. For what is there to be looked at, and would cost
    /// something to keep up to date. Must not block, and must not keep alive what it looks at.
    pub fn observe(&self, look: impl Fn() + Send + Sync + 'static) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(look));
    }

    /// Shows these counters and gauges from the start, as zero: a counter that appears with its first event has not grown,
    /// as far as an alert can tell, and what has never been well is not there to be found ill.
    pub fn begin_at_zero(&self, counters: &[&'static str], gauges: &[&'static str]) {
        counters.iter().for_each(|name| metrics::counter!(*name).increment(0));
        gauges.iter().for_each(|name| metrics::gauge!(*name).increment(0));
    }

    /// The metrics as Prometheus text.
    pub fn render(&self) -> String {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|look| look());
        self.recorder.render()
    }

    /// Without this, histograms grow for as long as nobody reads them.
    pub(super) fn tidy_up(&self) {
        self.recorder.run_upkeep();
    }
}

pub(super) fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_observed_is_as_new_as_the_reading() {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics::of(recorder.handle());
        let length = Arc::new(Mutex::new(1.0));
        let looked_at = Arc::clone(&length);
        metrics.observe(move || metrics::gauge!("queue_length").set(*looked_at.lock().unwrap()));
        metrics::with_local_recorder(&recorder, || {
            assert!(metrics.render().contains("queue_length 1\n"));
            *length.lock().unwrap() = 2.0;
            assert!(metrics.render().contains("queue_length 2\n"));
        });
    }

    #[test]
    fn a_counter_and_a_gauge_can_be_seen_before_anything_has_happened() {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics::of(recorder.handle());
        metrics::with_local_recorder(&recorder, || metrics.begin_at_zero(&["things_total"], &["things"]));
        let text = metrics.render();
        assert!(text.contains("\nthings_total 0\n") && text.contains("\nthings 0\n"), "{text}");
    }
}
