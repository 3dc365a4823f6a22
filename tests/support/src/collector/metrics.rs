//! The metrics that were pushed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::{attribute, text};

/// One series, as its process pushed it last.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name of the metric.
    pub name: String,
    /// Name of the service.
    pub service: String,
    /// Process of the service: its machine and number.
    pub instance: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Of a histogram the number of what was measured.
    pub value: f64,
}

#[derive(Debug, Default)]
pub(super) struct Points {
    /// By process: a push replaces the one before it.
    last: Mutex<BTreeMap<String, Vec<Point>>>,
    grown: watch::Sender<()>,
}

impl Points {
    pub(super) async fn wait_for<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Point]) -> Option<T>,
    ) -> Result<T> {
        let mut grown = self.grown.subscribe();
        let search = async {
            loop {
                grown.borrow_and_update();
                if let Some(found) = wanted(&self.all()) {
                    return Ok(found);
                }
                grown.changed().await?;
            }
        };
        let found = tokio::time::timeout(limit, search).await;
        found.with_context(|| format!("not among these points: {:#?}", self.all()))?
    }

    fn all(&self) -> Vec<Point> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).values().flatten().cloned().collect()
    }
}

#[tonic::async_trait]
impl MetricsService for Points {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for pushed in request.into_inner().resource_metrics {
            let resource = pushed.resource.unwrap_or_default();
            let [service, instance] =
                ["service.name", "service.instance.id"].map(|key| attribute(&resource, key));
            let metrics = pushed.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            let points = metrics.flat_map(|metric| points(&metric, &service, &instance)).collect();
            self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(instance, points);
        }
        self.grown.send_replace(());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn points(metric: &Metric, service: &str, instance: &str) -> Vec<Point> {
    let point = |attributes: &[KeyValue], value| Point {
        name: metric.name.clone(),
        service: service.to_owned(),
        instance: instance.to_owned(),
        labels: attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect(),
        value,
    };
    let number = |from: &NumberDataPoint| point(&from.attributes, number(from.value));
    let histogram = |from: &HistogramDataPoint| point(&from.attributes, from.count as f64);
    match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.iter().map(number).collect(),
        Some(Data::Gauge(gauge)) => gauge.data_points.iter().map(number).collect(),
        Some(Data::Histogram(all)) => all.data_points.iter().map(histogram).collect(),
        _ => Vec::new(),
    }
}

fn number(value: Option<Value>) -> f64 {
    match value {
        Some(Value::AsDouble(value)) => value,
        Some(Value::AsInt(value)) => value as f64,
        None => f64::NAN,
    }
}
