//! Next hops that share the flows of a place on a service path, by weight.
use super::table::{Step, Table};
use crate::nsh::flow::Flow;
use crate::nsh::header::header;
use crate::nsh::next_hops::pick;
use crate::nsh::paths::Path;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh;

/// Most next hops of one place.
const MAX: usize = 16;

/// One of several next hops: a function, or another forwarder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) step: Step,
    /// Its share of the flows, at least 1.
    pub(crate) weight: u16,
}

/// The next hops of one place.
#[derive(Debug, Default)]
pub(crate) struct Share {
    pub(crate) members: Vec<Member>,
    /// The number of the first one's step; the others' follow.
    pub(crate) first: usize,
}

impl Share {
    /// Takes one more.
    ///
    /// # Errors
    /// There are as many as fit, or it is one of them.
    pub(crate) fn add(&mut self, member: Member) -> Result<(), String> {
        if self.members.len() == MAX {
            return Err(format!("more than {MAX} next hops share it"));
        }
        if self.members.iter().any(|m| m.step == member.step) {
            return Err("a next hop is there twice".into());
        }
        self.members.push(member);
        Ok(())
    }

    /// The numbers of their steps.
    pub(crate) fn steps(&self) -> core::ops::Range<usize> {
        self.first..self.first + self.members.len()
    }
}

impl Table {
    /// One more next hop of a place.
    pub(super) fn share(&mut self, at: Path, member: Member) -> Result<(), String> {
        let there = self.places.get(at).and_then(|n| self.steps.get(*n as usize));
        let share = match there {
            Some((_, Step::Shared(share))) => *share,
            Some(_) => return Err("it is there twice".into()),
            None => {
                let new = self.shares.len() as u32;
                self.place(at, Step::Shared(new))?;
                self.shares.push(Share::default());
                new
            }
        };
        self.shares.get_mut(share as usize).map_or(Ok(()), |share| share.add(member))
    }

    /// Steps of next hops come behind those of the places.
    pub(super) fn append_shares(&mut self, wrong: &mut Vec<String>) {
        for n in 0..self.steps.len() {
            let Some(&(at, Step::Shared(share))) = self.steps.get(n) else { continue };
            let Some(share) = self.shares.get_mut(share as usize) else { continue };
            if share.members.len() < 2 {
                wrong.push(format!("PATH {at}: two next hops at least SHARE it"));
            }
            share.first = self.steps.len();
            self.steps.extend(share.members.iter().map(|m| (at, m.step)));
        }
    }
}

/// The step of the next hop for the flow inside a packet whose NSH is marked.
#[inline(never)]
pub(crate) fn headed(table: &Table, share: u32, p: &Packet) -> Result<usize, Reason> {
    let (nsh, _, inner) = header(p)?;
    choose(table, share, Flow::of(nsh.next_protocol(), inner))
}

/// The step of the next hop for the flow of a plain frame.
#[inline(never)]
pub(crate) fn bare(table: &Table, share: u32, p: &Packet) -> Result<usize, Reason> {
    choose(table, share, Flow::of(nsh::NEXT_ETHERNET, p.data()))
}

fn choose(table: &Table, share: u32, flow: Flow) -> Result<usize, Reason> {
    let share = table.shares.get(share as usize).ok_or(Reason::NshPath)?;
    let chosen = pick(share.members.iter().map(|m| m.weight), flow.symmetric_hash());
    chosen.map(|n| share.first + n).ok_or(Reason::NshPath)
}
