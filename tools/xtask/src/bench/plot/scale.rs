//! Where a value stands on an axis, and which values are written there.

/// An axis from one value to another.
#[derive(Debug)]
pub(in crate::bench) struct Scale {
    kind: Kind,
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Log,
    /// Each further nine of a quantile takes as much room.
    Nines,
}

/// Ticks that a linear axis has at most, besides zero.
const TICKS_MAX: f64 = 5.0;
/// Round numbers of each ten on a logarithmic axis.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];
/// Steps between round numbers up to which all of them have ticks; beyond it the tens alone.
const ROUND_MAX: i32 = 7;
/// Computing with powers is not exact.
const TINY: f64 = 1e-9;
/// Where the largest of all stands: 1 has infinitely many nines.
const NINES_MAX: f64 = 5.0;
const QUANTILES: [(f64, &str); 7] =
    [(0.0, "0"), (0.5, "50"), (0.9, "90"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99"), (1.0, "max")];

impl Scale {
    /// From zero to a round number that is at least `max`.
    pub(in crate::bench) fn linear(max: f64) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let magnitude = 10_f64.powf((max / TICKS_MAX).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * magnitude);
        let step = steps.into_iter().find(|step| max / step <= TICKS_MAX + TINY).unwrap_or(max);
        let mut ticks = vec![(0.0, short(0.0))];
        let mut at = step;
        while at < max + step * (1.0 - TINY) {
            ticks.push((at, short(at)));
            at += step;
        }
        let to = ticks.last().map_or(max, |(value, _)| *value);
        Self { kind: Kind::Linear, from: 0.0, to, ticks }
    }

    /// Around positive values, with each ten as far from the next.
    pub(in crate::bench) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|value| *value > 0.0).collect();
        let low = values.iter().copied().min_by(f64::total_cmp).unwrap_or(1.0);
        let high = values.iter().copied().max_by(f64::total_cmp).unwrap_or(1.0);
        let start = low.log10().floor();
        let round =
            |index: i32| STEPS[index.rem_euclid(3) as usize] * 10_f64.powf(start + f64::from(index / 3));
        let first = (0..3).rev().find(|index| round(*index) <= low * (1.0 + TINY)).unwrap_or(0);
        let last = (first + 1..).find(|index| round(*index) >= high * (1.0 - TINY)).unwrap_or(first + 1);
        let every = if last - first <= ROUND_MAX { 1 } else { 3 };
        let ticks = (first..=last).filter(|index| index % every == 0);
        let ticks = ticks.map(|index| (round(index), short(round(index)))).collect();
        Self { kind: Kind::Log, from: round(first), to: round(last), ticks }
    }

    /// Each of these values has a tick; doubled ones are as far apart as others.
    pub(in crate::bench) fn doublings(values: &[f64]) -> Self {
        let ticks: Vec<_> = values.iter().map(|&value| (value, format!("{value}"))).collect();
        let (from, to) = (values.first().copied().unwrap_or(1.0), values.last().copied().unwrap_or(2.0));
        Self { kind: Kind::Log, from, to, ticks }
    }

    /// Quantiles from 0 to 1, with room for the rare ones.
    pub(in crate::bench) fn quantiles() -> Self {
        let ticks = QUANTILES.map(|(quantile, label)| (quantile, label.to_owned())).to_vec();
        Self { kind: Kind::Nines, from: 0.0, to: 1.0, ticks }
    }

    /// From 0 to 1: where a value stands between both ends. What is outside stands at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = |of: fn(f64) -> f64| (of(value) - of(self.from)) / (of(self.to) - of(self.from));
        let place = match self.kind {
            Kind::Linear => place(|value| value),
            Kind::Log => place(f64::log10),
            Kind::Nines => place(nines),
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    /// A value in words.
    pub(super) fn tell(&self, value: f64) -> String {
        match self.kind {
            Kind::Nines if value >= 1.0 => "max".to_owned(),
            Kind::Nines => format!("{} %", rounded(value * 100.0, 3)),
            Kind::Linear | Kind::Log => short(value),
        }
    }
}

fn nines(quantile: f64) -> f64 {
    if quantile >= 1.0 { NINES_MAX } else { (-(1.0 - quantile).log10()).min(NINES_MAX) }
}

/// Three digits and a letter for thousands or millions.
pub(in crate::bench) fn short(value: f64) -> String {
    let (scaled, letter) = match value.abs() {
        1e6.. => (value / 1e6, "M"),
        1e3.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{}{letter}", rounded(scaled, digits))
}

/// Without zeros at the end.
fn rounded(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks().iter().map(|(_, label)| &**label).collect()
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn a_linear_axis_ends_on_a_round_number() {
        assert_eq!(labels(&Scale::linear(38_597.0)), ["0", "10k", "20k", "30k", "40k"]);
        assert_eq!(labels(&Scale::linear(100.0)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Scale::linear(0.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        near(Scale::linear(38_597.0).place(10_000.0), 0.25);
        near(Scale::linear(10.0).place(11.0), 1.0);
    }

    #[test]
    fn a_logarithmic_axis_ends_on_round_numbers() {
        let scale = Scale::logarithmic([0.7, 130.0].into_iter());
        assert_eq!(labels(&scale), ["1", "10", "100"]);
        near(scale.place(0.5), 0.0);
        near(scale.place(200.0), 1.0);
        near(scale.place(10.0), 0.5);
        near(scale.place(0.0), 0.0);
        assert_eq!(labels(&Scale::logarithmic([2.0, 50.0].into_iter())), ["2", "5", "10", "20", "50"]);
        assert_eq!(labels(&Scale::logarithmic([0.3, 0.3].into_iter())), ["0.2", "0.5"]);
        assert_eq!(labels(&Scale::logarithmic(std::iter::empty())), ["1", "2"]);
    }

    #[test]
    fn each_doubling_is_as_wide() {
        let scale = Scale::doublings(&[32.0, 64.0, 128.0, 1024.0]);
        near(scale.place(64.0), 0.2);
        near(scale.place(128.0), 0.4);
        assert_eq!(labels(&scale), ["32", "64", "128", "1024"]);
    }

    #[test]
    fn each_nine_is_as_wide_and_the_largest_is_last() {
        let scale = Scale::quantiles();
        let at = |quantile| scale.place(quantile);
        near(at(0.99) - at(0.9), at(0.999) - at(0.99));
        near(at(0.0), 0.0);
        near(at(1.0), 1.0);
        assert!(at(0.9999) < 0.9);
        assert_eq!([scale.tell(0.9995), scale.tell(1.0)], ["99.95 %", "max"]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.05, 0.5, 2.5, 1_000.0, 12_345.0, 2_500_000.0].map(short),
            ["0.05", "0.5", "2.5", "1k", "12.3k", "2.5M"]
        );
    }
}
