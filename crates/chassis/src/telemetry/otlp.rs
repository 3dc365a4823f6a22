//! The metrics in the form of OTLP. They keep their names and labels, so that a query does not care which way they came.

use std::borrow::Cow;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::exposition::{Family, Kind, Sample, families};

/// The time that the figures are of, nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// When counting began.
    pub(super) from: u64,
    /// When it was looked.
    pub(super) to: u64,
}

/// What a collector is told of the process that bears these attributes.
pub(super) fn request(text: &str, attributes: &[(&str, &str)], span: Span) -> ExportMetricsServiceRequest {
    let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    let metrics = families(text).iter().map(|family| metric(family, span)).collect();
    let resource = Resource { attributes, ..Resource::default() };
    let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
    let all = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }
}

fn metric(family: &Family<'_>, span: Span) -> Metric {
    // Ours count from the start: a push that is lost is made good by the next.
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let numbers = || family.samples.iter().map(|sample| number(sample, span)).collect();
    let data = match family.kind {
        Kind::Counter => {
            Data::Sum(Sum { data_points: numbers(), aggregation_temporality, is_monotonic: true })
        }
        Kind::Gauge => Data::Gauge(Gauge { data_points: numbers() }),
        Kind::Histogram => {
            Data::Histogram(Histogram { data_points: points(&family.samples, span), aggregation_temporality })
        }
    };
    Metric { name: family.name.to_owned(), data: Some(data), ..Metric::default() }
}

fn number(sample: &Sample<'_>, span: Span) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(&sample.labels),
        start_time_unix_nano: span.from,
        time_unix_nano: span.to,
        value: Some(Number::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    }
}

/// The lines of one series follow each other, and its count comes last.
fn points(samples: &[Sample<'_>], span: Span) -> Vec<HistogramDataPoint> {
    let (mut points, mut point, mut below) = (Vec::new(), HistogramDataPoint::default(), 0);
    for sample in samples {
        match sample.suffix {
            "_bucket" => {
                let bound = sample.labels.iter().find(|(key, _)| *key == "le");
                let bound = bound.and_then(|(_, bound)| bound.parse::<f64>().ok());
                point.explicit_bounds.extend(bound.filter(|bound| bound.is_finite()));
                point.bucket_counts.push(whole(sample.value).saturating_sub(below));
                below = whole(sample.value);
            }
            "_sum" => point.sum = Some(sample.value),
            "_count" => {
                point.count = whole(sample.value);
                point.attributes = attributes(&sample.labels);
                (point.start_time_unix_nano, point.time_unix_nano) = (span.from, span.to);
                points.push(std::mem::take(&mut point));
                below = 0;
            }
            _ => {}
        }
    }
    points
}

/// A count, which text and floating-point numbers carry exactly.
#[expect(clippy::cast_possible_truncation, reason = "a count of events")]
fn whole(count: f64) -> u64 {
    count as u64
}

fn attributes(labels: &[(&str, Cow<'_, str>)]) -> Vec<KeyValue> {
    labels.iter().map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::recorder::builder;

    const SPAN: Span = Span { from: 1_000, to: 2_000 };

    fn exported() -> Vec<Metric> {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("sends_total", "result" => "stored").increment(3);
            metrics::gauge!("sockets").set(2.0);
            for seconds in [0.0001, 0.003, 0.003, 60.0] {
                metrics::histogram!("wait_seconds", "way" => "here").record(seconds);
            }
            metrics::histogram!("wait_seconds", "way" => "there").record(0.2);
        });
        let request = request(&recorder.handle().render(), &[("service.name", "x")], SPAN);
        let [all] = &request.resource_metrics[..] else { panic!("{request:?}") };
        assert_eq!(all.resource.as_ref().unwrap().attributes, [attribute("service.name", "x")]);
        all.scope_metrics[0].metrics.clone()
    }

    fn data(metrics: &[Metric], name: &str) -> Data {
        metrics.iter().find(|metric| metric.name == name).unwrap().data.clone().unwrap()
    }

    #[test]
    fn a_counter_is_a_sum_that_only_grows_and_a_gauge_a_gauge() {
        let metrics = exported();
        let Data::Sum(sends) = data(&metrics, "sends_total") else { panic!("{metrics:?}") };
        assert!(sends.is_monotonic);
        assert_eq!(sends.aggregation_temporality, AggregationTemporality::Cumulative as i32);
        let [point] = &sends.data_points[..] else { panic!("{sends:?}") };
        assert_eq!(point.value, Some(Number::AsDouble(3.0)));
        assert_eq!(point.attributes, [attribute("result", "stored")]);
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1_000, 2_000));
        let Data::Gauge(sockets) = data(&metrics, "sockets") else { panic!("{metrics:?}") };
        assert_eq!(sockets.data_points[0].value, Some(Number::AsDouble(2.0)));
    }

    #[test]
    fn a_histogram_keeps_every_count_in_its_bucket_and_its_series_apart() {
        let metrics = exported();
        let Data::Histogram(waits) = data(&metrics, "wait_seconds") else { panic!("{metrics:?}") };
        assert_eq!(waits.data_points.len(), 2);
        let of = |way| waits.data_points.iter().find(|point| point.attributes == [attribute("way", way)]);
        let here = of("here").unwrap();
        assert_eq!(here.bucket_counts.len(), here.explicit_bounds.len() + 1);
        assert_eq!(here.bucket_counts.iter().sum::<u64>(), here.count);
        assert_eq!((here.bucket_counts[0], here.bucket_counts[3], here.bucket_counts[14]), (1, 2, 1));
        assert_eq!((here.explicit_bounds[0], here.explicit_bounds[3]), (0.0005, 0.005));
        assert!((here.sum.unwrap() - 60.0061).abs() < 1e-9);
        let there = of("there").unwrap();
        assert_eq!((there.count, there.bucket_counts[8]), (1, 1));
    }
}
