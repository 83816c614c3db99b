//! What the frames of a trial are made of: sizes and their turns, flows, templates.
use super::flow::{self, Flows};
use super::frame::{Row, Shape, Template};
use super::tester::Wire;
use crate::rfc2544::trial::{Frames, MOST_GROUPS, Offered, Traffic};
use sluice_dataplane::wire::EtherAddr;

/// Longest turn of a mix, frames.
const LONGEST_TURN: u32 = 4096;

/// What the frames of a trial are made of.
pub(super) struct Plan {
    /// From A and from B.
    pub(super) templates: [Vec<Template>; 2],
    pub(super) broadcasts: [Vec<Template>; 2],
    pub(super) turns: Vec<u16>,
    pub(super) flows: Flows,
    /// What each flow writes into the frames from A and from B, where all are of one size; made by [`Plan::spread`].
    pub(super) rows: [Vec<Row>; 2],
}

impl Plan {
    /// Computes flows beforehand: some 10 ns and 14 bytes for each.
    pub(super) fn spread(&mut self) {
        let [a, b] = &self.templates;
        self.rows = [rows(a, self.flows), rows(b, self.flows)];
    }
}

/// What each flow writes into frames of one size; nothing where there are several sizes or one flow.
pub(super) fn rows(templates: &[Template], flows: Flows) -> Vec<Row> {
    match templates {
        [only] if flows.count > 1 => (0..flows.count).map(|n| only.row(&flows.get(n))).collect(),
        _ => Vec::new(),
    }
}

impl Wire {
    /// Templates of a size for frames from a side.
    pub(super) fn template(
        &self,
        traffic: &Traffic,
        size: usize,
        from: usize,
        to: EtherAddr,
    ) -> Result<Template, String> {
        if let Some(port) = self.ports.iter().find(|p| size > p.longest) {
            return Err(format!("{size} bytes are too many: {} takes {}", port.name, port.longest));
        }
        let [a, b] = [self.ports[0].side, self.ports[1].side];
        let sides = if from == 0 { [a, b] } else { [b, a] };
        let service = if from == 0 { self.services[0] } else { self.services[1] };
        Template::new(Shape { ip: traffic.ip, nsh: traffic.nsh.then_some(service) }, size, sides, to)
    }

    /// All that the frames of a trial are made of, with these next hops.
    pub(super) fn plan(&self, offered: &Offered, flows: Flows, next: [EtherAddr; 2]) -> Result<Plan, String> {
        let (sizes, turns) = sizes(&offered.frames)?;
        let all = |to: [EtherAddr; 2]| -> Result<[Vec<Template>; 2], String> {
            let of = |from, to| -> Result<Vec<Template>, String> {
                sizes.iter().map(|size| self.template(&offered.traffic, *size, from, to)).collect()
            };
            Ok([of(0, to[0])?, of(1, to[1])?])
        };
        let broadcasts = match offered.traffic.broadcast {
            true => all([EtherAddr::BROADCAST; 2])?,
            false => [Vec::new(), Vec::new()],
        };
        Ok(Plan { templates: all(next)?, broadcasts, turns, flows, rows: [Vec::new(), Vec::new()] })
    }
}

/// The flows of the traffic.
pub(super) fn flows(traffic: &Traffic) -> Result<Flows, String> {
    if !(1..=flow::MOST).contains(&traffic.flows) {
        return Err(format!("{} flows: there are 1 to {}", traffic.flows, flow::MOST));
    }
    if !(1..=256).contains(&traffic.networks) {
        return Err(format!("{} networks: there are 1 to 256", traffic.networks));
    }
    if !(1..=MOST_GROUPS).contains(&traffic.groups) {
        return Err(format!("{} groups of flows: there are 1 to {MOST_GROUPS}", traffic.groups));
    }
    // Each network needs a flow of its own.
    let count = traffic.flows.max(traffic.networks.into());
    Ok(Flows { count, random: traffic.random, networks: traffic.networks })
}

/// The sizes, and which of them comes when: each spread over the turn (as Bresenham's lines are), the commonest first.
pub(super) fn sizes(frames: &Frames) -> Result<(Vec<usize>, Vec<u16>), String> {
    let shares = match frames {
        Frames::Size(size) => return Ok((vec![usize::from(*size)], vec![0])),
        Frames::Mix(shares) => shares,
    };
    let total = shares.iter().try_fold(0_u32, |sum, s| sum.checked_add(s.weight)).unwrap_or(u32::MAX);
    if !(1..=LONGEST_TURN).contains(&total) {
        return Err(format!("a mix has 1 to {LONGEST_TURN} frames in its cycle, not {total}"));
    }
    let mut owed = vec![0_i64; shares.len()];
    let turns = (0..total).map(|_| {
        owed.iter_mut().zip(shares).for_each(|(owed, share)| *owed += i64::from(share.weight));
        // The first of those that wait most.
        let most = owed.iter().copied().max().unwrap_or(0);
        let at = owed.iter().position(|o| *o == most).unwrap_or(0);
        if let Some(owed) = owed.get_mut(at) {
            *owed -= i64::from(total);
        }
        at as u16
    });
    let turns = turns.collect();
    Ok((shares.iter().map(|s| usize::from(s.size)).collect(), turns))
}
