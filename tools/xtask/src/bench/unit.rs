//! Figures for people, and what they are counted in.

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    PerSecond,
    /// Processor time, in microseconds.
    Micros,
    /// Microseconds, shown as milliseconds.
    Millis,
    Seconds,
    /// Bytes, shown as KiB.
    Kibibytes,
    /// Bytes, shown as MiB.
    Mebibytes,
    /// One figure for each of another.
    Ratio,
}

impl Unit {
    /// The figure alone; whoever shows it says the unit elsewhere.
    pub(super) fn number(self, value: f64) -> String {
        match self {
            Self::Count | Self::PerSecond => whole(value),
            Self::Micros if value < 100.0 => format!("{value:.1}"),
            Self::Micros => whole(value),
            Self::Millis => format!("{:.2}", value / 1e3),
            Self::Seconds | Self::Ratio => format!("{value:.2}"),
            Self::Kibibytes => format!("{:.1}", value / 1024.0),
            Self::Mebibytes => whole(value / (1024.0 * 1024.0)),
        }
    }

    /// With its unit.
    pub(super) fn show(self, value: f64) -> String {
        format!("{}{}", self.number(value), self.suffix())
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Count | Self::Ratio => "",
            Self::PerSecond => "/s",
            Self::Micros => " µs",
            Self::Millis => " ms",
            Self::Seconds => " s",
            Self::Kibibytes => " KiB",
            Self::Mebibytes => " MiB",
        }
    }
}

/// Rounded, with commas between thousands.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Change in per cent; nothing without a value to compare with.
pub(super) fn change(now: f64, before: Option<f64>) -> Option<String> {
    let before = before.filter(|before| *before > 0.0)?;
    Some(format!("{:+.0} %", (now / before - 1.0) * 100.0))
}

pub(super) fn float(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people is not exact")]
    let float = number as f64;
    float
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let texts = [0.4, 999.0, 1_000.0, 1_234_567.0].map(whole);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [5.0, 1_005.0, 59_990.0].map(|micros| Unit::Millis.number(micros)),
            ["0.01", "1.00", "59.99"]
        );
        assert_eq!(Unit::Kibibytes.show(9.5 * 1024.0), "9.5 KiB");
        assert_eq!(Unit::Micros.show(44.04), "44.0 µs");
        assert_eq!(Unit::Micros.show(1_250.4), "1,250 µs");
        assert_eq!(Unit::PerSecond.show(38_597.2), "38,597/s");
    }

    #[test]
    fn changes_are_in_per_cent() {
        assert_eq!(change(110.0, Some(100.0)).as_deref(), Some("+10 %"));
        assert_eq!(change(50.0, Some(100.0)).as_deref(), Some("-50 %"));
        assert_eq!(change(50.0, Some(0.0)), None);
        assert_eq!(change(50.0, None), None);
    }
}
