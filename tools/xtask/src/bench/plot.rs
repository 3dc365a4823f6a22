//! Plots as SVG that needs nothing from outside; the page's style gives the colours by class.
//!
//! All are as wide as a phone, so that their letters keep their size: wider screens show several side by side.

mod bars;
mod scale;

use std::fmt::Write as _;

use super::table::escape;

pub(super) use bars::{Bar, Bars};
pub(super) use scale::{Scale, short};

/// Colours that the style has; more lines than these begin again.
const COLOURS: usize = 8;
/// The one of them that says nothing.
const GREY: usize = 5;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 348.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 190.0;
/// Lines with more points have no dots.
const DOTS_MAX: usize = 40;

/// Lines over two axes.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug)]
pub(super) struct Axis {
    /// What it counts, and in which unit.
    pub(super) title: &'static str,
    pub(super) scale: Scale,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// Lines of one colour belong together.
    pub(super) colour: usize,
    /// What it is: measured now, measured before, or a limit. All that was measured before is named once.
    pub(super) kind: Kind,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Now,
    Before,
    Limit,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Before => "before",
            Self::Limit => "limit",
        }
    }
}

impl Chart {
    /// The plot with its title and legend.
    pub(super) fn html(&self) -> String {
        let mut svg = self.frame();
        let colour = |line: &Line| line.colour % COLOURS;
        for line in &self.lines {
            let points = line.points.iter().map(|&(x, y)| format!("{:.1},{:.1}", self.x(x), self.y(y)));
            let points = points.collect::<Vec<_>>().join(" ");
            // A string never fails to grow.
            let _ = write!(
                svg,
                "<polyline class=\"{} c{}\" points=\"{points}\"/>",
                line.kind.class(),
                colour(line)
            );
        }
        for line in self.lines.iter().filter(|line| line.kind == Kind::Now && line.points.len() <= DOTS_MAX) {
            for &(x, y) in &line.points {
                let told = format!("{}: {} at {}", line.name, self.y.scale.tell(y), self.x.scale.tell(x));
                let _ = write!(
                    svg,
                    "<circle class=\"c{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.4\"><title>{}</title></circle>",
                    colour(line),
                    self.x(x),
                    self.y(y),
                    escape(&told)
                );
            }
        }
        let named = self.lines.iter().filter(|line| line.kind != Kind::Before);
        let before = self.lines.iter().find(|line| line.kind == Kind::Before);
        let before = before.map(|line| (&*line.name, GREY, line.kind));
        let legend = named.map(|line| (&*line.name, colour(line), line.kind)).chain(before);
        figure(&self.title, WIDTH, HEIGHT, &svg, legend)
    }

    /// Grid, axes, their numbers and titles.
    fn frame(&self) -> String {
        let mut svg = String::new();
        for (value, label) in self.y.scale.ticks() {
            let y = self.y(*value);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 3.5
            );
        }
        for (value, label) in self.x.scale.ticks() {
            let x = self.x(*value);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                BOTTOM + 15.0
            );
        }
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{LEFT},{TOP}V{BOTTOM}H{RIGHT}\"/>\
             <text class=\"name\" x=\"4\" y=\"12\">{}</text>\
             <text class=\"name\" x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            self.y.title,
            BOTTOM + 33.0,
            self.x.title
        );
        svg
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.scale.place(value) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - self.y.scale.place(value) * (BOTTOM - TOP)
    }
}

/// A drawing with its title above and its legend below.
fn figure<'a>(
    title: &str,
    width: f64,
    height: f64,
    svg: &str,
    legend: impl Iterator<Item = (&'a str, usize, Kind)>,
) -> String {
    let legend: String = legend
        .map(|(name, colour, kind)| {
            format!("<li><i class=\"{} c{colour}\"></i>{}</li>", kind.class(), escape(name))
        })
        .collect();
    let title = escape(title);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">{svg}</svg>\
         <ul class=\"legend\">{legend}</ul></figure>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_lines_where_the_axes_say() {
        let line = |name: &str, kind| Line {
            name: name.to_owned(),
            colour: 9,
            kind,
            points: vec![(0.0, 0.0), (10.0, 100.0)],
        };
        let chart = Chart {
            title: "a < b".to_owned(),
            x: Axis { title: "seconds", scale: Scale::linear(10.0) },
            y: Axis { title: "stored", scale: Scale::linear(100.0) },
            lines: vec![line("now", Kind::Now), line("the result before", Kind::Before)],
        };
        let html = chart.html();
        assert!(html.contains("<figcaption>a &lt; b</figcaption>"), "{html}");
        assert!(html.contains("<polyline class=\"now c1\" points=\"46.0,190.0 348.0,24.0\"/>"), "{html}");
        assert_eq!(html.matches("<circle").count(), 2, "dots of what is measured now only: {html}");
        assert!(html.contains("<title>now: 100 at 10</title>"), "{html}");
        assert!(html.contains("<i class=\"before c5\"></i>the result before"), "{html}");
    }
}
