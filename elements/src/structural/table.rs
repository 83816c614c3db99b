//! What the arguments of a StructuralAgent say, as tables.
use super::shares::{Member, Share};
use crate::classify::filter::{Base, Expr, Rules, Test, parse_expr};
use crate::nsh::check_nsh_header::Switches;
use crate::nsh::paths::{Path, Paths};
use crate::snmp::keys::Keys;
use crate::snmp::pattern;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use sluice_dataplane::args::{EtherAddr, FromArg, NameDb, parse_int, shift_word, unquote_text};
use sluice_dataplane::wire::ethernet;

/// A function, as the agent sees it.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// It knows NSH: it sees whole frames, and takes the index down itself.
    pub(crate) aware: bool,
    /// What is meant for it passes by while it is down.
    pub(crate) open: bool,
    /// It does not run.
    pub(crate) down: bool,
    /// Its packets come back without what they were marked with.
    pub(crate) detached: bool,
    /// Where it is on a path, if that is one place only.
    pub(crate) only: Option<Path>,
}

/// What comes next at a place on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A function here, by number.
    Function(u16),
    /// Another service function forwarder: out of a port, with NSH, to this address.
    Remote(u16, EtherAddr),
    /// The end: out of a port, without NSH. With an address, that becomes the frame's destination.
    End(u16, Option<EtherAddr>),
    /// One of several for each flow: the number of a share.
    Shared(u32),
}

/// What becomes of packets that no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// They are dropped.
    #[default]
    Drop,
    /// They leave by the other port, of two.
    Pass,
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) ports: Vec<(String, EtherAddr)>,
    pub(crate) functions: Vec<Function>,
    /// By place, the number of a step.
    pub(crate) places: Paths<u32>,
    /// One for each place; then those of the next hops that share one.
    pub(crate) steps: Vec<(Path, Step)>,
    pub(crate) shares: Vec<Share>,
    /// Rules that look at what comes from the same sources, and their numbers.
    pub(crate) sets: Vec<(Rules, Vec<u32>)>,
    /// By port, then by function: the number of the set for what comes from there.
    pub(crate) rules: Vec<usize>,
    /// Name and target of each rule, and the number of the target's step.
    pub(crate) targets: Vec<(String, Path, u32)>,
    /// The numbers of the targets, ascending by name.
    pub(crate) by_name: Vec<u32>,
    pub(crate) reclassified: Paths<Path>,
    pub(crate) foreign: Foreign,
    pub(crate) switches: Switches,
    /// Headers of our own have MD type 2 and no metadata, instead of type 1.
    pub(crate) short: bool,
}

/// A rule before all functions and ports are known.
struct Rule {
    name: String,
    from: Option<String>,
    expr: Expr,
    to: Path,
}

impl Table {
    /// Reads the arguments. All mistakes go to `wrong`.
    pub(crate) fn read(texts: &[String], names: &NameDb, wrong: &mut Vec<String>) -> Table {
        let mut table = Table::default();
        let (mut steps, mut rules, mut again) = (Vec::<(Path, Vec<String>)>::new(), Vec::new(), Vec::new());
        let mut keys = Keys::default();
        for text in texts {
            let text = unquote_text(text);
            let (word, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
            let mut words = rest.split_whitespace();
            let done = match word {
                "PORT" => port(&mut words, names).map(|p| table.ports.push(p)),
                "FUNCTION" => function(&mut words).map(|f| table.functions.push(f)),
                "PATH" => path(&mut words, names).map(|p| steps.push((p, words.by_ref().map(String::from).collect()))),
                "RULE" => rule(rest, names, &mut keys).map(|r| rules.push(r)),
                "RECLASSIFY" => reclassify(&mut words, names).map(|r| again.push(r)),
                "FOREIGN" => foreign(rest.trim()).map(|f| table.foreign = f),
                "NSH" => words.by_ref().try_for_each(|w| table.switch(w)),
                _ => Err("should begin with PORT, FUNCTION, PATH, RULE, RECLASSIFY, FOREIGN or NSH".into()),
            };
            if let Err(why) = done {
                wrong.push(format!("{text}: {why}"));
            }
        }
        steps.into_iter().for_each(|(at, words)| table.step(at, &words, names, wrong));
        for (from, to) in again {
            match table.reclassified.insert(from, to) {
                Ok(None) => {}
                Ok(Some(_)) => wrong.push(format!("RECLASSIFY {from}: it is there twice")),
                Err(_) => wrong.push("too many paths".into()),
            }
        }
        table.append_shares(wrong);
        for (n, function) in table.functions.iter_mut().enumerate() {
            let this = Step::Function(n as u16);
            let mut places = table.steps.iter().filter(|s| s.1 == this);
            function.only = places.next().filter(|_| places.next().is_none()).map(|s| s.0);
        }
        table.sort_rules(rules, &keys, wrong);
        if table.foreign == Foreign::Pass && table.ports.len() != 2 {
            wrong.push("FOREIGN pass: there must be two ports".into());
        }
        table
    }

    fn switch(&mut self, word: &str) -> Result<(), String> {
        match word {
            "forward_oam" => self.switches.forward_oam = true,
            "experimental" => self.switches.experimental = true,
            "unsupported" => self.switches.unsupported = true,
            "short" => self.short = true,
            _ => return Err(format!("there is no switch {word}")),
        }
        Ok(())
    }

    fn port(&self, name: Option<&str>) -> Result<u16, String> {
        let name = name.ok_or("a port is missing")?;
        let at = self.ports.iter().position(|p| p.0 == name);
        at.map(|n| n as u16).ok_or_else(|| format!("there is no port {name}"))
    }

    fn step(&mut self, at: Path, words: &[String], names: &NameDb, wrong: &mut Vec<String>) {
        let done = match words.split_first() {
            // RFC 8300 section 2.3: a packet with an index of 0 is not forwarded.
            _ if at.index() == 0 => Err("no packet with an index of 0 is forwarded".into()),
            Some((first, rest)) if first == "SHARE" => self.member(rest, names).and_then(|m| self.share(at, m)),
            _ => self.next(words, names).and_then(|step| self.place(at, step)),
        };
        if let Err(why) = done {
            wrong.push(format!("PATH {at}: {why}"));
        }
    }

    /// `FUNCTION NAME`, `REMOTE PORT ADDRESS` or `END PORT [ADDRESS]`
    fn next(&self, words: &[String], names: &NameDb) -> Result<Step, String> {
        let word = |n: usize| words.get(n).map(String::as_str);
        let address =
            |n: usize| word(n).map(|w| EtherAddr::from_arg(w, names).map_err(|e| format!("{w}: {e}"))).transpose();
        Ok(match word(0) {
            Some("FUNCTION") => {
                let name = word(1).ok_or("a function is missing")?;
                let found = self.functions.iter().position(|f| f.name == name);
                Step::Function(found.ok_or_else(|| format!("there is no function {name}"))? as u16)
            }
            Some("REMOTE") => Step::Remote(self.port(word(1))?, address(2)?.ok_or("an Ethernet address is missing")?),
            Some("END") => Step::End(self.port(word(1))?, address(2)?),
            _ => return Err("should go on with FUNCTION, REMOTE, END or SHARE".into()),
        })
    }

    /// `WEIGHT FUNCTION NAME` or `WEIGHT REMOTE PORT ADDRESS`
    fn member(&self, words: &[String], names: &NameDb) -> Result<Member, String> {
        let (weight, rest) = words.split_first().ok_or("SHARE: a weight is missing")?;
        let weight = parse_int(weight).ok().filter(|w| *w > 0).ok_or("SHARE: a weight is 1 to 65535")?;
        match self.next(rest, names)? {
            Step::End(..) => Err("SHARE: should go on with FUNCTION or REMOTE".into()),
            step => Ok(Member { step, weight }),
        }
    }

    /// Says what comes next at a place.
    pub(super) fn place(&mut self, at: Path, step: Step) -> Result<(), String> {
        if self.places.get(at).is_some() {
            return Err("it is there twice".into());
        }
        self.places.insert(at, self.steps.len() as u32).map_err(|_| "too many paths")?;
        self.steps.push((at, step));
        Ok(())
    }

    /// A step, for people.
    pub(crate) fn describe(&self, step: Step) -> String {
        let port = |n: u16| self.ports.get(usize::from(n)).map_or("", |p| &p.0);
        match step {
            Step::Function(f) => self.functions.get(usize::from(f)).map_or("", |f| &f.name).into(),
            Step::Remote(n, to) => format!("{} {to}", port(n)),
            Step::End(n, _) => format!("end {}", port(n)),
            Step::Shared(_) => "shared".into(),
        }
    }

    fn sort_rules(&mut self, rules: Vec<Rule>, keys: &Keys, wrong: &mut Vec<String>) {
        let ports = self.ports.iter().map(|p| (p.0.clone(), true));
        let functions = self.functions.iter().map(|f| (f.name.clone(), false));
        let sources: Vec<(String, bool)> = ports.chain(functions).collect();
        for rule in &rules {
            if let Some(from) = rule.from.as_ref().filter(|from| !sources.iter().any(|s| s.0 == **from)) {
                wrong.push(format!("RULE {}: there is no port or function {from}", rule.name));
            }
            match self.places.get(rule.to) {
                Some(step) => self.targets.push((rule.name.clone(), rule.to, *step)),
                None => wrong.push(format!("RULE {}: nothing is known of path {}", rule.name, rule.to)),
            }
        }
        self.by_name = (0..self.targets.len() as u32).collect();
        let name = |n: &u32| self.targets.get(*n as usize).map(|t| t.0.as_str());
        self.by_name.sort_by(|a, b| name(a).cmp(&name(b)));
        for (source, is_port) in &sources {
            // Rules without a source look at what comes from ports: what a function made itself is another matter.
            let of = |r: &Rule| r.from.as_ref().map_or(*is_port, |from| from == source);
            let mine = || rules.iter().enumerate().filter(|(_, r)| of(r));
            let numbers: Vec<u32> = mine().map(|(n, _)| n as u32).collect();
            // Ports mostly have the same ones.
            let known = self.sets.iter().position(|s| s.1 == numbers);
            self.rules.push(known.unwrap_or(self.sets.len()));
            if known.is_none() {
                let compiled = Rules::with_keys(mine().map(|(_, r)| r.expr.clone()).collect(), keys.clone());
                let compiled = compiled.map_err(|why| wrong.push(format!("the rules for {source}: {why}")));
                self.sets.push((compiled.unwrap_or_default(), numbers));
            }
        }
    }
}

type Words<'a, 'b> = &'a mut core::str::SplitWhitespace<'b>;

fn port(words: Words<'_, '_>, names: &NameDb) -> Result<(String, EtherAddr), String> {
    let name = words.next().ok_or("a name is missing")?;
    let address = words.next().map(|w| EtherAddr::from_arg(w, names)).transpose()?;
    Ok((name.to_string(), address.unwrap_or_default()))
}

fn function(words: Words<'_, '_>) -> Result<Function, String> {
    let name = words.next().ok_or("a name is missing")?.to_string();
    let mut function = Function { name, aware: false, open: false, down: false, detached: false, only: None };
    for word in words {
        match word {
            "aware" => function.aware = true,
            "open" => function.open = true,
            "down" => function.down = true,
            "detached" => function.detached = true,
            _ => return Err(format!("a function is not {word}, but aware, open, down or detached")),
        }
    }
    Ok(function)
}

fn foreign(word: &str) -> Result<Foreign, String> {
    match word {
        "drop" => Ok(Foreign::Drop),
        "pass" => Ok(Foreign::Pass),
        _ => Err("should be FOREIGN drop or FOREIGN pass".into()),
    }
}

fn path(words: Words<'_, '_>, names: &NameDb) -> Result<Path, String> {
    Path::from_arg(words.next().ok_or("SPI/SI is missing")?, names)
}

fn reclassify(words: Words<'_, '_>, names: &NameDb) -> Result<(Path, Path), String> {
    let from = path(words, names)?;
    match words.next() {
        Some("TO") => Ok((from, path(words, names)?)),
        _ => Err("should be RECLASSIFY SPI/SI TO SPI/SI".into()),
    }
}

/// `NAME [FROM SOURCE] [VLAN ID] [TYPE NUMBER] TO SPI/SI [MATCH PATTERN] [SNMP PATTERN]`
fn rule(text: &str, names: &NameDb, keys: &mut Keys) -> Result<Rule, String> {
    let (name, mut text) = shift_word(text);
    if name.is_empty() {
        return Err("a name is missing".into());
    }
    let (mut from, mut to, mut all) = (None, None, Vec::new());
    loop {
        let (word, rest) = shift_word(text);
        match word {
            "" => break,
            "MATCH" => {
                // No word of IPFilter's is SNMP, and what is behind it may have any words.
                let (packets, behind) = match rest.strip_prefix("SNMP ") {
                    Some(behind) => ("", Some(behind)),
                    None => rest.split_once(" SNMP ").map_or((rest, None), |(p, s)| (p, Some(s))),
                };
                if !packets.trim().is_empty() {
                    all.push(parse_expr(packets, names)?);
                }
                if let Some(messages) = behind {
                    all.push(snmp(messages, keys)?);
                }
                break;
            }
            "SNMP" => {
                all.push(snmp(rest, keys)?);
                break;
            }
            _ => {}
        }
        let (value, rest) = shift_word(rest);
        if value.is_empty() {
            return Err(format!("{word}: a value is missing"));
        }
        match word {
            "FROM" => from = Some(value.to_string()),
            "VLAN" => all.push(vlan(parse_int(value).ok().filter(|id| *id < 4096).ok_or("VLAN: 0 to 4095")?)),
            "TYPE" => all.push(ether_type(parse_int(value).map_err(|_| "TYPE: 0 to 0xffff")?)),
            "TO" => to = Some(Path::from_arg(value, names)?),
            _ => return Err(format!("unknown word {word}")),
        }
        text = rest;
    }
    let name = name.to_string();
    Ok(Rule { name, from, expr: Expr::all(all), to: to.ok_or("TO is missing")? })
}

fn snmp(text: &str, keys: &mut Keys) -> Result<Expr, String> {
    pattern::parse(text, keys).map_err(|why| format!("SNMP: {why}"))
}

fn word_is(offset: u16, end: u8, mask: u32, value: u32) -> Expr {
    Expr::Test(Test { base: Base::Data, offset, end, mask, value, greater: false, negated: false })
}

/// A frame with this VLAN identifier in its first tag (IEEE 802.1Q clause 9).
fn vlan(id: u32) -> Expr {
    word_is(12, 4, 0xffff_0fff, u32::from(ethernet::TYPE_VLAN) << 16 | id)
}

/// A frame of this type, behind one VLAN tag at most.
fn ether_type(kind: u16) -> Expr {
    let is = |offset, kind: u16| word_is(offset, 2, 0xffff_0000, u32::from(kind) << 16);
    Expr::any([is(12, kind), Expr::all([is(12, ethernet::TYPE_VLAN), is(16, kind)].into())].into())
}
