//! Line charts as inline SVG. Colours are classes `s0` to `s9` of the page, so that they suit dark
//! and light.
use std::fmt::Write as _;

/// How values lie along an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// By powers of ten; values must be above 0.
    Log,
    /// Names in turn; values are their indices.
    Names(Vec<String>),
    /// Given places with names, from the first to the last.
    Places(Vec<(f64, String)>),
}

/// An axis: its title, how values lie, and how a value is written.
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) scale: Scale,
    pub(crate) show: fn(f64) -> String,
}

/// A line with points.
#[derive(Default)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    /// How far the truth may be from each point, to both sides; empty where nothing is said of it.
    pub(crate) bars: Vec<f64>,
    /// Dashed and without points: a theoretical line.
    pub(crate) theory: bool,
    /// Steps instead of straight lines, without points.
    pub(crate) steps: bool,
    /// Its colour, 0 to 9; by default each line of a chart has the next one.
    pub(crate) colour: Option<u8>,
}

impl Series {
    /// The values of its points, with their bars.
    fn tops(&self) -> impl Iterator<Item = f64> + '_ {
        let bars = self.bars.iter().copied().chain(std::iter::repeat(0.0));
        self.points.iter().zip(bars).map(|(point, bar)| point.1 + bar)
    }
}

/// A chart.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 48.0;
/// Class of the theoretical line.
const THEORY: &str = "theory";

/// The places of an axis, ready to draw: from, to, ticks.
struct Range {
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
    log: bool,
}

impl Range {
    fn of(axis: &Axis, values: impl Iterator<Item = f64>) -> Range {
        let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        match &axis.scale {
            Scale::Names(names) => {
                let ticks = names.iter().enumerate().map(|(i, n)| (i as f64, n.clone())).collect();
                Range { from: -0.4, to: names.len() as f64 - 0.6, ticks, log: false }
            }
            Scale::Places(places) => {
                let at = |p: Option<&(f64, String)>| p.map_or(0.0, |p| p.0);
                Range { from: at(places.first()), to: at(places.last()), ticks: places.clone(), log: false }
            }
            Scale::Log => {
                let least = values.iter().copied().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
                let (least, most) = if least.is_finite() { (least, most) } else { (1.0, 10.0) };
                let from = (least * 0.95).log10().floor();
                let to = (most * 1.05).log10().ceil().max(from + 1.0);
                let tick = |e: i32| (10f64.powi(e), (axis.show)(10f64.powi(e)));
                let ticks = (from as i32..=to as i32).map(tick).collect();
                Range { from: 10f64.powf(from), to: 10f64.powf(to), ticks, log: true }
            }
            Scale::Linear => {
                let most = if most > 0.0 { most } else { 1.0 };
                let unit = 10f64.powf(most.log10().floor());
                let step = [0.2, 0.5, 1.0, 2.0].map(|s| s * unit).into_iter().find(|s| most / s <= 6.0).unwrap_or(unit);
                let count = (most / step).ceil().max(1.0) as u32;
                let ticks = (0..=count).map(|i| f64::from(i) * step).map(|v| (v, (axis.show)(v))).collect();
                Range { from: 0.0, to: f64::from(count) * step, ticks, log: false }
            }
        }
    }

    /// 0 to 1.
    fn along(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }
}

impl Chart {
    /// A figure with a legend.
    pub(crate) fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|s| &s.points);
        let x = Range::of(&self.x, all().map(|p| p.0));
        let y = Range::of(&self.y, self.series.iter().flat_map(Series::tops));
        let left = |v: f64| LEFT + x.along(v) * (WIDTH - LEFT - RIGHT);
        let top = |v: f64| HEIGHT - BOTTOM - y.along(v) * (HEIGHT - TOP - BOTTOM);
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut t = String::new();
        let _ = write!(t, "<figure><figcaption>{}</figcaption><div class=\"legend\">", escape(&self.title));
        for (i, s) in self.series.iter().enumerate() {
            let _ = write!(t, "<span class=\"{}\"><i></i>{}</span>", self.class(i), escape(&s.name));
        }
        let title = escape(&self.title);
        let _ = write!(
            t,
            "</div><div class=\"plot\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
        );
        for (value, name) in &y.ticks {
            let at = top(*value);
            let _ = write!(t, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>");
            let _ = write!(
                t,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                escape(name)
            );
        }
        for (value, name) in &x.ticks {
            let at = left(*value);
            let _ = write!(t, "<path class=\"grid\" d=\"M{at:.1} {bottom}v4\"/>");
            let _ =
                write!(t, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 18.0, escape(name));
        }
        let _ = write!(t, "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>");
        let middle = (LEFT + right) / 2.0;
        let _ = write!(
            t,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            escape(&self.x.title)
        );
        let middle = (TOP + bottom) / 2.0;
        let _ = write!(
            t,
            "<text transform=\"translate(14 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escape(&self.y.title)
        );
        for (i, s) in self.series.iter().enumerate() {
            let mut path = String::new();
            for (n, (vx, vy)) in s.points.iter().enumerate() {
                let (px, py) = (left(*vx), top(*vy));
                let _ = match (n, s.steps) {
                    _ if n == 0 || self.apart(*vx) => write!(path, "M{px:.1} {py:.1}"),
                    (_, true) => write!(path, "H{px:.1}V{py:.1}"),
                    (_, false) => write!(path, "L{px:.1} {py:.1}"),
                };
            }
            let class = self.class(i);
            let _ = write!(t, "<path class=\"line {class}\" d=\"{path}\"/>");
            for ((vx, vy), bar) in s.points.iter().zip(&s.bars) {
                let (px, from, to) = (left(*vx), top(vy - bar), top(vy + bar));
                let ends = format!("M{px:.1} {from:.1}V{to:.1}m-4 0h8M{:.1} {from:.1}h8", px - 4.0);
                let _ = write!(t, "<path class=\"bar {class}\" d=\"{ends}\"/>");
            }
            for (vx, vy) in s.points.iter().filter(|p| !s.steps && (!s.theory || self.apart(p.0))) {
                let (px, py, shown) = (left(*vx), top(*vy), (self.y.show)(*vy));
                let name = escape(&s.name);
                let _ = write!(
                    t,
                    "<circle class=\"{class}\" cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3.5\"><title>{name}: {shown}</title></circle>"
                );
            }
        }
        t + "</svg></div></figure>"
    }

    /// Whether a name is none of a row of numbers, so that no line leads to it.
    fn apart(&self, x: f64) -> bool {
        let Scale::Names(names) = &self.x.scale else { return false };
        names.get(x as usize).is_some_and(|n| n.parse::<u32>().is_err())
    }

    fn class(&self, index: usize) -> String {
        let series = |s: &Series| s.theory;
        if self.series.get(index).is_some_and(series) {
            return THEORY.into();
        }
        if let Some(colour) = self.series.get(index).and_then(|s| s.colour) {
            return format!("s{}", colour % 10);
        }
        let before = self.series.iter().take(index).filter(|s| !s.theory).count();
        format!("s{}", before % 10)
    }
}

/// Text as it may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
