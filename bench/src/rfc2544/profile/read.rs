//! Reads the text of a profile. Goes on after an error, so that all of them are told at once.
use super::{BackToBack, Latency, Profile, Recovery, ResetTimes, SIZES, Search, Throughput, TrialTimes};
use crate::rfc2544::record::Test;
use crate::rfc2544::trial::{Directions, Frames, Ip, MOST_GROUPS, Share, Traffic};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The profile, or every error with its place.
pub(super) fn profile(file: &str, text: &str) -> Result<Profile, Vec<String>> {
    let mut errors = Errors { text, found: Vec::new() };
    let (root, syntax) = DeTable::parse_recoverable(text);
    for e in syntax {
        errors.at(e.span().unwrap_or(0..0), e.message());
    }
    let mut top = Table { table: Some(root.get_ref()), asked: BTreeSet::new(), path: "", begin: 0..0 };
    let profile = read(&mut top, &mut errors);
    errors.found.sort();
    if errors.found.is_empty() {
        return Ok(profile);
    }
    Err(errors.found.into_iter().map(|(line, what)| format!("{file}:{line}: {what}")).collect())
}

fn read(top: &mut Table<'_, '_>, e: &mut Errors<'_>) -> Profile {
    let name = top.string("name", e).unwrap_or_else(|| "unnamed".into());
    let tests = top.list("tests", e, "names of tests", test).unwrap_or_else(|| Test::ALL.to_vec());
    let tests: Vec<Test> = Test::ALL.into_iter().filter(|t| tests.contains(t)).collect();
    let needs: Vec<&str> =
        tests.iter().filter(|t| !matches!(t, Test::Throughput | Test::FrameLoss)).map(|t| t.name()).collect();
    if !needs.is_empty() && !tests.contains(&Test::Throughput) {
        e.at(top.span("tests"), &format!("\"throughput\" is missing; {} start from it", needs.join(", ")));
    }
    let standard = || SIZES.map(Frames::Size).to_vec();
    let frames = top.list("frames", e, "sizes in bytes and \"imix\"", frames_of).unwrap_or_else(standard);
    let one_of = [("a-to-b", Directions::AToB), ("b-to-a", Directions::BToA), ("both", Directions::Both)];
    let directions = top.choice("directions", e, &one_of).unwrap_or(Directions::AToB);
    let line = top.value("line", e, "a rate such as \"10Gbps\", 1 kbps to 10 Tbps", rate);
    let profile = Profile {
        name,
        tests,
        frames,
        directions,
        line,
        traffic: top.sub("traffic", e, traffic),
        trial: top.sub("trial", e, |t, e| TrialTimes {
            time: t.time("time", e, 60),
            learn: t.flag("learn", e, true),
            late: t.wait("late", e, 2),
            settle: t.wait("settle", e, 5),
            tolerance: t.share("tolerance", e, 0.0..=0.5).unwrap_or(0.01),
        }),
        throughput: top.sub("throughput", e, throughput),
        latency: top.sub("latency", e, latency),
        frame_loss_step: top.sub("frame-loss", e, |t, e| 100.0 * t.share("step", e, 0.001..=0.5).unwrap_or(0.1)),
        back_to_back: top.sub("back-to-back", e, |t, e| BackToBack {
            longest: t.time("longest", e, 2),
            repetitions: t.count("repetitions", e, 1..=1000).unwrap_or(50),
            width: t.share("width", e, 0.0..=0.5).unwrap_or(0.005),
            attempts: t.count("attempts", e, 1..=10).unwrap_or(2),
        }),
        recovery: top
            .sub("recovery", e, |t, e| Recovery { overload: t.time("overload", e, 60), after: t.time("after", e, 60) }),
        reset: top.sub("reset", e, |t, e| {
            let times = ResetTimes {
                at: t.time("at", e, 10),
                time: t.time("time", e, 120),
                repetitions: t.count("repetitions", e, 1..=1000).unwrap_or(1),
            };
            if times.at >= times.time {
                e.at(t.span("at"), "at must be before time");
            }
            times
        }),
        device: top.sub("device", e, Table::strings),
    };
    top.end(e);
    profile
}

fn traffic(t: &mut Table<'_, '_>, e: &mut Errors<'_>) -> Traffic {
    Traffic {
        ip: t.choice("ip", e, &[("ipv4", Ip::V4), ("ipv6", Ip::V6)]).unwrap_or(Ip::V4),
        nsh: t.flag("nsh", e, false),
        flows: t.count("flows", e, 1..=1_000_000).unwrap_or(1),
        groups: t.count("groups", e, 1..=MOST_GROUPS.into()).map_or(1, |n| n as u16),
        random: t.flag("random", e, false),
        networks: t.count("networks", e, 1..=256).map_or(1, |n| n as u16),
        broadcast: t.flag("broadcast", e, false),
        management: t.flag("management", e, false),
    }
}

fn throughput(t: &mut Table<'_, '_>, e: &mut Errors<'_>) -> Throughput {
    let rules = [("binary", Search::Binary), ("verified", Search::Verified), ("mlr", Search::Mlr)];
    let search = t.choice("search", e, &rules).unwrap_or(Search::Binary);
    let attempts = t.count("attempts", e, 1..=10);
    if attempts.is_some() && search != Search::Verified {
        e.at(t.span("attempts"), "attempts are of search = \"verified\" alone");
    }
    let ratios = |v: &DeValue<'_>| share(v).filter(|r| (0.0..1.0).contains(r));
    let loss_ratios = t.list("loss-ratios", e, "shares below 1 such as \"0.5%\"", ratios);
    let loss_ratios = loss_ratios.unwrap_or_else(|| vec![0.0, 0.005]);
    if loss_ratios.first() != Some(&0.0) {
        e.at(t.span("loss-ratios"), "the first loss ratio must be 0: the throughput is without loss");
    }
    let found = Throughput {
        search,
        width: t.share("width", e, 0.0001..=0.5).unwrap_or(0.005),
        lowest: t.share("lowest", e, 0.000_001..=1.0).unwrap_or(0.0001),
        attempts: if search == Search::Verified { attempts.unwrap_or(2) } else { 1 },
        limit: t.count("limit", e, 1..=10_000).unwrap_or(500),
        loss_ratios,
        exceed: t.share("exceed", e, 0.0..=0.99).unwrap_or(0.5),
        initial: t.time("initial", e, 1),
        last: t.time("final", e, 1),
        sum: t.time("sum", e, 21),
        half: t.flag("half", e, true),
    };
    if found.initial > found.last {
        e.at(t.span("initial"), "initial must not be longer than final");
    }
    found
}

fn latency(t: &mut Table<'_, '_>, e: &mut Errors<'_>) -> Latency {
    let percent = |v: &DeValue<'_>| number(v).filter(|p| (1.0..=100.0).contains(p));
    let found = Latency {
        stream: t.time("stream", e, 120),
        tag_at: t.wait("tag-at", e, 60),
        repetitions: t.count("repetitions", e, 1..=1000).unwrap_or(20),
        loads: t.list("loads", e, "per cents, 1 to 100", percent).unwrap_or_else(|| vec![10.0, 50.0, 90.0]),
    };
    if found.tag_at >= found.stream {
        e.at(t.span("tag-at"), "tag-at must be before the end of the stream");
    }
    found
}

/// Smallest and largest frames: RFC 2544 section 9.1, jumbo frames of 9,216 bytes with tags.
const FRAME: RangeInclusive<i64> = 64..=9216;

fn frames_of(value: &DeValue<'_>) -> Option<Frames> {
    match value {
        DeValue::String(s) if s == "imix" => Some(Frames::imix()),
        DeValue::Array(mix) if !mix.is_empty() && mix.len() <= 16 => {
            mix.iter().map(|s| share_of(s.get_ref())).collect::<Option<Vec<Share>>>().map(Frames::Mix)
        }
        _ => whole(value).filter(|n| FRAME.contains(n)).map(|n| Frames::Size(n as u16)),
    }
}

/// `[size, weight]`
fn share_of(value: &DeValue<'_>) -> Option<Share> {
    let pair: Option<Vec<i64>> = value.as_array()?.iter().map(|n| whole(n.get_ref())).collect();
    match pair?.as_slice() {
        [size, weight] if FRAME.contains(size) && (1..=1000).contains(weight) => {
            Some(Share { size: *size as u16, weight: *weight as u32 })
        }
        _ => None,
    }
}

fn test(value: &DeValue<'_>) -> Option<Test> {
    Test::ALL.into_iter().find(|t| Some(t.name()) == value.as_str())
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    let n = value.as_integer()?;
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    whole(value).map(|n| n as f64).or_else(|| value.as_float()?.as_str().parse().ok())
}

/// 0.005 or "0.5%".
fn share(value: &DeValue<'_>) -> Option<f64> {
    let text = value.as_str().and_then(|s| s.strip_suffix('%')?.trim().parse::<f64>().ok());
    text.map(|percent| percent / 100.0).or_else(|| number(value))
}

/// "10Gbps".
fn rate(value: &DeValue<'_>) -> Option<f64> {
    let text = value.as_str()?;
    let units = [("Tbps", 1e12), ("Gbps", 1e9), ("Mbps", 1e6), ("kbps", 1e3)];
    let (number, unit) = units.iter().find_map(|u| Some((text.strip_suffix(u.0)?, u.1)))?;
    let rate = number.trim().parse::<f64>().ok()? * unit;
    (1e3..=1e13).contains(&rate).then_some(rate)
}

/// "60s", "200ms", "2min".
fn duration(value: &DeValue<'_>) -> Option<Duration> {
    let text = value.as_str()?;
    let units = [("ms", 0.001), ("us", 0.000_001), ("min", 60.0), ("s", 1.0)];
    let (number, unit) = units.iter().find_map(|u| Some((text.strip_suffix(u.0)?, u.1)))?;
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * unit).ok()
}

/// What is wrong, with lines.
struct Errors<'a> {
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl Errors<'_> {
    fn at(&mut self, span: Range<usize>, what: &str) {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or_default();
        self.found.push((before.matches('\n').count() + 1, what.to_owned()));
    }
}

/// A table, and what was asked of it: what remains is misspelt.
struct Table<'a, 't> {
    table: Option<&'a DeTable<'t>>,
    asked: BTreeSet<&'static str>,
    path: &'static str,
    /// Where it is.
    begin: Range<usize>,
}

impl<'a, 't> Table<'a, 't> {
    fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.asked.insert(key);
        self.table?.get(key)
    }

    /// Where a key is, for errors that are found later.
    fn span(&self, key: &str) -> Range<usize> {
        self.table.and_then(|t| t.get(key)).map_or(self.begin.clone(), Spanned::span)
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        e: &mut Errors<'_>,
        what: &str,
        as_: impl Fn(&DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let found = as_(value.get_ref());
        if found.is_none() {
            e.at(value.span(), &format!("{key} must be {what}"));
        }
        found
    }

    fn string(&mut self, key: &'static str, e: &mut Errors<'_>) -> Option<String> {
        self.value(key, e, "a text of 1 to 100 characters", |v| {
            v.as_str().filter(|s| (1..=100).contains(&s.chars().count())).map(str::to_owned)
        })
    }

    fn flag(&mut self, key: &'static str, e: &mut Errors<'_>, default: bool) -> bool {
        self.value(key, e, "true or false", |v| v.as_bool()).unwrap_or(default)
    }

    fn count(&mut self, key: &'static str, e: &mut Errors<'_>, range: RangeInclusive<u32>) -> Option<u32> {
        let what = format!("a number from {} to {}", range.start(), range.end());
        self.value(key, e, &what, |v| u32::try_from(whole(v)?).ok().filter(|n| range.contains(n)))
    }

    fn share(&mut self, key: &'static str, e: &mut Errors<'_>, range: RangeInclusive<f64>) -> Option<f64> {
        let what = format!("a share such as 0.01 or \"1%\", from {} to {}", range.start(), range.end());
        self.value(key, e, &what, |v| share(v).filter(|s| range.contains(s)))
    }

    /// How long something goes on: 10 ms to an hour.
    fn time(&mut self, key: &'static str, e: &mut Errors<'_>, default: u64) -> Duration {
        let range = Duration::from_millis(10)..=Duration::from_secs(3600);
        let what = "a time such as \"60s\", from 10ms to 60min";
        let found = self.value(key, e, what, |v| duration(v).filter(|d| range.contains(d)));
        found.unwrap_or(Duration::from_secs(default))
    }

    /// How long is waited, perhaps not at all.
    fn wait(&mut self, key: &'static str, e: &mut Errors<'_>, default: u64) -> Duration {
        let what = "a time such as \"2s\", from 0s to 60min";
        let found = self.value(key, e, what, |v| duration(v).filter(|d| *d <= Duration::from_secs(3600)));
        found.unwrap_or(Duration::from_secs(default))
    }

    fn choice<T: Copy>(&mut self, key: &'static str, e: &mut Errors<'_>, of: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = of.iter().map(|o| format!("\"{}\"", o.0)).collect();
        let what = format!("one of {}", names.join(", "));
        self.value(key, e, &what, |v| of.iter().find(|o| Some(o.0) == v.as_str()).map(|o| o.1))
    }

    /// A list of at least one; each member that is none has its own error.
    fn list<T>(
        &mut self,
        key: &'static str,
        e: &mut Errors<'_>,
        what: &str,
        as_: impl Fn(&DeValue<'t>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list: &DeArray<'t> = self
            .value(key, e, &format!("a list of {what}"), |v| v.as_array().map(|_| ()))
            .and_then(|()| self.table?.get(key)?.get_ref().as_array())?;
        if list.is_empty() || list.len() > 100 {
            e.at(self.span(key), &format!("{key} must be a list of 1 to 100 {what}"));
        }
        let mut all = Vec::new();
        for member in list.iter() {
            match as_(member.get_ref()) {
                Some(value) => all.push(value),
                None => e.at(member.span(), &format!("{key} must be a list of {what}")),
            }
        }
        Some(all)
    }

    /// A table within this one, all defaults where it is missing.
    fn sub<T>(
        &mut self,
        key: &'static str,
        e: &mut Errors<'_>,
        read: impl FnOnce(&mut Table<'a, 't>, &mut Errors<'_>) -> T,
    ) -> T {
        let value = self.get(key);
        let table = value.and_then(|v| v.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            e.at(value.span(), &format!("{key} must be a table"));
        }
        let begin = value.map_or(0..0, Spanned::span);
        let mut table = Table { table, asked: BTreeSet::new(), path: key, begin };
        let found = read(&mut table, e);
        table.end(e);
        found
    }

    /// All keys, each with a text.
    fn strings(&mut self, e: &mut Errors<'_>) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (key, value) in self.table.into_iter().flat_map(|t| t.iter()) {
            match value.get_ref().as_str() {
                Some(text) => {
                    all.insert(key.get_ref().to_string(), text.to_owned());
                }
                None => e.at(value.span(), &format!("{}.{} must be a text", self.path, key.get_ref())),
            }
        }
        self.table = None;
        all
    }

    /// Says which keys nobody asked for.
    fn end(&self, e: &mut Errors<'_>) {
        for (key, _) in self.table.into_iter().flat_map(|t| t.iter()) {
            if !self.asked.contains(key.get_ref().as_ref()) {
                let place = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
                let known: Vec<&str> = self.asked.iter().copied().collect();
                e.at(key.span(), &format!("no setting \"{}\"{place}; there are {}", key.get_ref(), known.join(", ")));
            }
        }
    }
}
