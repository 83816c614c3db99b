//! The packets of one call.
use crate::raw::Descriptor;

/// Flag: bytes were changed.
const MODIFIED: u16 = 1;
/// Output number: drop it.
const DROP: u16 = u16::MAX;

/// Up to 64 packets.
pub struct Batch<'a> {
    descriptors: &'a mut [Descriptor],
    outputs: u32,
}

impl<'a> Batch<'a> {
    /// For `function!`.
    #[doc(hidden)]
    pub fn new(descriptors: &'a mut [Descriptor], outputs: u32) -> Self {
        Batch { descriptors, outputs }
    }
    /// Number of packets.
    #[allow(clippy::len_without_is_empty)] // it never is
    pub fn len(&self) -> usize {
        self.descriptors.len()
    }
    /// Number of outputs that the element has.
    pub fn outputs(&self) -> u32 {
        self.outputs
    }
    /// The packets, in order.
    pub fn packets(&mut self) -> impl Iterator<Item = Packet<'_>> {
        let outputs = self.outputs;
        self.descriptors.iter_mut().map(move |d| Packet { d, outputs })
    }
}

/// One packet.
pub struct Packet<'a> {
    d: &'a mut Descriptor,
    outputs: u32,
}

impl Packet<'_> {
    /// Its bytes.
    pub fn data(&self) -> &[u8] {
        self.d.data()
    }
    /// Its bytes, writable: from now on it counts as changed, and is copied back.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.d.flags |= MODIFIED;
        self.d.data_mut()
    }
    /// Offset of the network header when the packet came, if the graph knew it.
    pub fn network(&self) -> Option<usize> {
        let off = self.d.network();
        (off != u16::MAX).then_some(off.into())
    }
    /// The paint annotation.
    pub fn paint(&self) -> u8 {
        self.d.paint()
    }
    /// Input that it came from.
    pub fn input(&self) -> u16 {
        self.d.input()
    }
    /// Sends it to output `n`; false, and nothing changed, if there is none of that number.
    pub fn send_to(&mut self, n: u16) -> bool {
        let there = u32::from(n) < self.outputs && n != DROP;
        if there {
            self.d.output = n;
        }
        there
    }
    /// Drops it.
    pub fn discard(&mut self) {
        self.d.output = DROP;
    }
    /// Adds `n` bytes at the start, which the caller writes; false, and nothing changed, if there is no room.
    pub fn push(&mut self, n: u16) -> bool {
        self.d.push(n)
    }
    /// Removes `n` bytes from the start; false, and nothing changed, if there are fewer.
    pub fn strip(&mut self, n: u16) -> bool {
        self.d.strip(n)
    }
    /// Adds `n` bytes at the end, which the caller writes; false, and nothing changed, if there is no room.
    pub fn grow(&mut self, n: u16) -> bool {
        self.d.grow(n)
    }
    /// Shortens it to at most `n` bytes.
    pub fn truncate(&mut self, n: u32) {
        self.d.truncate(n);
    }
}
