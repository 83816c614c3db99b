//! NSH headers of packets that are inside functions which do not know NSH.
//!
//! A ring: whoever stays inside for longer than it takes [`PLACES`] others to come finds its header gone, and gets a new one
//! without metadata. So memory is bounded, and nobody has to say that a packet ended.
use alloc::vec;
use alloc::vec::Vec;
use sluice_dataplane::wire::nsh;

/// Headers that are kept.
const PLACES: usize = 4096;

#[derive(Clone, Copy)]
struct Place {
    number: u32,
    spi: u32,
    len: u8,
    header: [u8; nsh::MAX_LEN],
}

/// The ring. It takes a megabyte, once the first header comes.
#[derive(Default)]
pub(crate) struct Saved {
    places: Vec<Place>,
    next: u32,
}

impl Saved {
    /// Keeps a header of path `spi`; gives the number to find it by, which is never 0. `start` is where numbers begin:
    /// replicas on other workers begin elsewhere.
    pub(crate) fn keep(&mut self, spi: u32, header: &[u8], start: impl FnOnce() -> u32) -> u32 {
        if self.places.is_empty() {
            self.places = vec![Place { number: 0, spi: 0, len: 0, header: [0; nsh::MAX_LEN] }; PLACES];
            self.next = start();
        }
        // Past the last number comes the first one of the same place as 0, which says "none".
        self.next = self.next.checked_add(1).unwrap_or(PLACES as u32);
        let number = self.next;
        if let Some(place) = self.places.get_mut(number as usize % PLACES) {
            (place.number, place.spi) = (number, spi);
            let len = header.len().min(nsh::MAX_LEN);
            place.len = len as u8;
            place.header.iter_mut().zip(header).for_each(|(to, from)| *to = *from);
        }
        number
    }

    /// Whether nothing was kept yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The header of this number, if it is still there and of this path.
    pub(crate) fn find(&mut self, number: u32, spi: u32) -> Option<&mut [u8]> {
        let place = self.places.get_mut(number as usize % PLACES)?;
        let len = usize::from(place.len);
        (number != 0 && place.number == number && place.spi == spi).then(|| place.header.get_mut(..len))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_until_so_many_others_came() {
        let mut saved = Saved::default();
        assert!(saved.find(0, 7).is_none());
        let first = saved.keep(7, &[1; 24], || u32::MAX - 1);
        assert_eq!(saved.find(first, 7).unwrap(), [1; 24]);
        assert!(saved.find(first, 8).is_none());
        for _ in 1..PLACES {
            assert_ne!(saved.keep(8, &[2; 8], || 0), 0);
        }
        assert!(saved.find(first, 7).is_some());
        saved.keep(8, &[2; 8], || 0);
        assert!(saved.find(first, 7).is_none());
    }
}
