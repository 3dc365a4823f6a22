//! Reads the Prometheus text that our own recorder writes. It is the one form in which the recorder gives its metrics away.

use std::borrow::Cow;

/// What a family's samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric with all its series.
#[derive(Debug, PartialEq)]
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) samples: Vec<Sample<'a>>,
}

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// What follows the family's name: `_bucket`, `_sum` or `_count` of a histogram, else nothing.
    pub(super) suffix: &'a str,
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: f64,
}

/// The families, in their order. Lines that are none of ours are passed over.
pub(super) fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ").and_then(family) {
            families.push(family);
        } else if let Some(family) = families.last_mut()
            && let Some(sample) = sample(line, family.name)
        {
            family.samples.push(sample);
        }
    }
    families
}

fn family(declaration: &str) -> Option<Family<'_>> {
    let (name, kind) = declaration.split_once(' ')?;
    let kind = match kind {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        _ => return None,
    };
    Some(Family { name, kind, samples: Vec::new() })
}

/// Reads `name_suffix{key="value",…} 1.5`.
fn sample<'a>(line: &'a str, family: &str) -> Option<Sample<'a>> {
    let rest = line.strip_prefix(family)?;
    let (suffix, rest) = rest.split_at(rest.find(['{', ' '])?);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    Some(Sample { suffix, labels, value: value.trim().parse().ok()? })
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels up to the closing brace, and what comes behind it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        let (key, behind) = rest.split_once("=\"")?;
        let (value, behind) = behind.split_at(end_of_value(behind)?);
        labels.push((key, unescaped(value)));
        match behind.strip_prefix("\",") {
            Some(more) => rest = more,
            None => return Some((labels, behind.strip_prefix("\"}")?)),
        }
    }
}

/// Where the first quotation mark is that no backslash escapes.
fn end_of_value(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            letter => text.push(letter),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::recorder::builder;

    #[test]
    fn what_the_recorder_writes_is_read_as_it_was_recorded() {
        let recorder = builder().unwrap().build_recorder();
        let odd = "a \"b\" \\ {c},d=\"e\"\nf";
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("plain_total").increment(7);
            metrics::counter!("odd_total", "one" => odd, "two" => "").increment(1);
            metrics::gauge!("level").set(-1.5);
            metrics::histogram!("wait_seconds", "way" => "x").record(0.003);
        });
        let text = recorder.handle().render();
        let families = families(&text);
        let find = |name| families.iter().find(|family| family.name == name).expect(name);
        assert_eq!(families.len(), 4, "{text}");
        assert_eq!((find("plain_total").kind, find("plain_total").samples[0].value), (Kind::Counter, 7.0));
        let mut labels = find("odd_total").samples[0].labels.clone();
        labels.sort();
        assert_eq!(labels, [("one", Cow::from(odd)), ("two", Cow::from(""))]);
        assert_eq!((find("level").kind, find("level").samples[0].value), (Kind::Gauge, -1.5));
        let waits = find("wait_seconds");
        let value = |suffix, bound: &str| {
            let has = |sample: &&Sample<'_>| {
                sample.suffix == suffix && sample.labels.iter().any(|(_, value)| value == bound)
            };
            waits.samples.iter().find(has).map(|sample| sample.value)
        };
        assert_eq!(waits.kind, Kind::Histogram);
        assert_eq!(value("_bucket", "0.0025"), Some(0.0));
        assert_eq!(value("_bucket", "0.005"), Some(1.0));
        assert_eq!(value("_bucket", "+Inf"), Some(1.0));
        assert_eq!((value("_sum", "x"), value("_count", "x")), (Some(0.003), Some(1.0)));
    }

    #[test]
    fn lines_that_cannot_be_read_are_passed_over() {
        for line in ["x", "x{", "x{a=\"b", "x{a=\"b\"", "x{a=\"b\"}", "x one", "y 1", "# HELP x y", ""] {
            let text = format!("# TYPE x gauge\n{line}\nx 2\n");
            assert_eq!(families(&text)[0].samples.len(), 1, "{line}");
        }
    }
}
