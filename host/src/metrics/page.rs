//! Writes the series of the metrics.

use std::fmt;

use berth_metrics::Snapshot;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::catalog::{Kind, Metric};

/// The page that is being written.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Writes a metric. `add` adds its series.
    pub(super) fn write(
        &mut self,
        metric: &Metric,
        add: impl FnOnce(&mut Series<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let kind = match metric.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let unit = metric.unit().map(|unit| match unit {
            "bytes" => Unit::Bytes,
            _ => Unit::Seconds,
        });
        let encoder = self
            .0
            .encode_descriptor(metric.base(), metric.help, unit.as_ref(), kind)?;
        add(&mut Series { encoder, metric })
    }

    /// Writes a metric with a single series without labels.
    pub(super) fn write_one(&mut self, metric: &Metric, value: impl Into<Value>) -> fmt::Result {
        self.write(metric, |series| series.add(&[], value))
    }
}

/// The series of one metric.
pub(super) struct Series<'a> {
    encoder: MetricEncoder<'a>,
    metric: &'a Metric,
}

/// The value of a counter or a gauge.
pub(super) enum Value {
    Count(u64),
    Amount(f64),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<f64> for Value {
    fn from(amount: f64) -> Self {
        Self::Amount(amount)
    }
}

impl Series<'_> {
    /// Adds a series of a counter or a gauge, with the values of the metric's labels, in their order.
    pub(super) fn add(&mut self, labels: &[&str], value: impl Into<Value>) -> fmt::Result {
        let (value, labels) = (value.into(), self.labels(labels));
        let is_counter = self.metric.kind == Kind::Counter;
        let mut encoder = self.encoder.encode_family(&labels)?;
        match (is_counter, value) {
            (true, Value::Count(count)) => encoder.encode_counter::<NoLabelSet, _, f64>(&count, None),
            (true, Value::Amount(amount)) => encoder.encode_counter::<NoLabelSet, _, f64>(&amount, None),
            (false, Value::Count(count)) => encoder.encode_gauge(&count),
            (false, Value::Amount(amount)) => encoder.encode_gauge(&amount),
        }
    }

    /// Adds a series of a histogram.
    pub(super) fn add_histogram(&mut self, labels: &[&str], snapshot: &Snapshot) -> fmt::Result {
        let labels = self.labels(labels);
        let mut encoder = self.encoder.encode_family(&labels)?;
        encoder.encode_histogram::<NoLabelSet>(snapshot.sum, snapshot.count, &snapshot.buckets, None)
    }

    fn labels(&self, values: &[&str]) -> Vec<(&'static str, String)> {
        debug_assert_eq!(self.metric.labels.len(), values.len(), "{}", self.metric.name);
        let labels = self.metric.labels.iter().zip(values);
        labels.map(|(name, value)| (*name, escaped(value))).collect()
    }
}

/// A label's value as the formats write it. The encoder writes it as it is.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_label() {
        assert_eq!(escaped("a\"} 1\nb\\"), r#"a\"} 1\nb\\"#);
    }
}
