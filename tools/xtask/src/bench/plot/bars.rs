//! Stacked bars, one below the other.

use std::fmt::Write as _;

use super::{COLOURS, Kind, Scale, WIDTH, figure, short};
use crate::bench::table::escape;

const LEFT: f64 = 4.0;
/// Right of it stands the sum.
const RIGHT: f64 = 300.0;
/// Room for a bar and its name above it.
const STEP: f64 = 34.0;
const THICK: f64 = 13.0;

/// Bars of one unit.
#[derive(Debug)]
pub(in crate::bench) struct Bars {
    /// With the unit.
    pub(in crate::bench) title: String,
    /// Names of the parts, in the order of each bar's.
    pub(in crate::bench) parts: Vec<String>,
    pub(in crate::bench) bars: Vec<Bar>,
}

#[derive(Debug)]
pub(in crate::bench) struct Bar {
    pub(in crate::bench) name: String,
    pub(in crate::bench) parts: Vec<f64>,
}

impl Bar {
    fn sum(&self) -> f64 {
        self.parts.iter().sum()
    }
}

impl Bars {
    pub(in crate::bench) fn html(&self) -> String {
        let most = self.bars.iter().map(Bar::sum).max_by(f64::total_cmp).unwrap_or(0.0);
        let scale = Scale::linear(most);
        let x = |value: f64| LEFT + scale.place(value) * (RIGHT - LEFT);
        let mut svg = String::new();
        let mut top = 0.0;
        for bar in &self.bars {
            // A string never fails to grow.
            let _ = write!(
                svg,
                "<text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>",
                top + 12.0,
                escape(&bar.name)
            );
            let mut from = 0.0;
            for (index, (value, part)) in bar.parts.iter().zip(&self.parts).enumerate() {
                let _ = write!(
                    svg,
                    "<rect class=\"c{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{THICK}\">\
                     <title>{}: {}</title></rect>",
                    index % COLOURS,
                    x(from),
                    top + 17.0,
                    x(from + value) - x(from),
                    escape(part),
                    short(*value)
                );
                from += value;
            }
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x(from) + 5.0,
                top + 28.0,
                short(from)
            );
            top += STEP;
        }
        let legend = self.parts.iter().enumerate().map(|(index, part)| (&**part, index % COLOURS, Kind::Now));
        figure(&self.title, WIDTH, top + 4.0, &svg, legend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_one_after_the_other() {
        let bars = Bars {
            title: "CPU, s".to_owned(),
            parts: vec!["gateway-1".to_owned(), "postgres".to_owned()],
            bars: vec![Bar { name: "private".to_owned(), parts: vec![5.0, 5.0] }],
        };
        let html = bars.html();
        assert!(html.contains("<rect class=\"c0\" x=\"4.0\" y=\"17.0\" width=\"148.0\""), "{html}");
        assert!(html.contains("<rect class=\"c1\" x=\"152.0\" y=\"17.0\" width=\"148.0\""), "{html}");
        assert!(html.contains("<title>postgres: 5</title>"), "{html}");
        assert!(html.contains(">10</text>"), "the sum: {html}");
    }
}
