//! From a tap of the VNF's to a client that may be slow: the client loses packets, the VNF never waits.
//!
//! Invariant: a tap has its seat until the VNF lets its sink go, so there are never more taps in the VNF than [`TAPS`].
use crate::clock;
use crate::journal::Journal;
use crate::problem::Problem;
use crate::vnf::{TapRequest, TapSink};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Taps at a time.
pub const TAPS: usize = 4;
/// Packets of a tap that does not say how many, and the most that it can say.
pub const COUNT: (u64, u64) = (1_000, 1_000_000);
/// The same for its time, seconds.
pub const SECONDS: (u64, u64) = (60, 3_600);
/// The same for bytes of each packet.
pub const SNAP: (u32, u32) = (65_535, 65_535);
/// Pieces that a client may be behind ...
const PIECES_BEHIND: usize = 256;
/// ... and their bytes.
const BYTES_BEHIND: usize = 1 << 20;

/// Whether a tap keeps within bounds.
///
/// # Errors
/// 400 with the bound that does not hold.
pub fn check(request: &TapRequest, time: Duration) -> Result<(), Problem> {
    let bounds = [
        ("count", request.count, COUNT.1),
        ("snap", u64::from(request.snap), u64::from(SNAP.1)),
        ("seconds", time.as_secs(), SECONDS.1),
    ];
    for (name, value, most) in bounds {
        if !(1..=most).contains(&value) {
            return Err(Problem::bad_request(format!("{name}: 1 to {most}, not {value}")));
        }
    }
    Ok(())
}

/// What a client reads of a tap.
#[derive(Debug)]
pub struct TapStream {
    from: mpsc::Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    /// On the monotonic clock.
    until: Duration,
}

impl TapStream {
    /// The next piece; none when the tap is over: it had all its packets, or its time.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let left = self.until.saturating_sub(clock::monotonic());
        let piece = tokio::time::timeout(left, self.from.recv()).await.ok()??;
        self.waiting.fetch_sub(piece.len(), Relaxed);
        Some(piece)
    }
}

/// Pieces that did not fit. Says so at the end.
struct Lost {
    pieces: u64,
    edge: String,
    journal: Arc<Journal>,
}

impl Lost {
    fn one(&mut self) {
        self.pieces += 1;
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        if self.pieces > 0 {
            let text = format!("the tap of {} was read too slowly: {} pieces were lost to it", self.edge, self.pieces);
            self.journal.say("ems", &text);
        }
    }
}

/// Both ends of a tap that lasts for `time` at most.
pub fn pair(edge: &str, time: Duration, seat: OwnedSemaphorePermit, journal: Arc<Journal>) -> (TapSink, TapStream) {
    let (to, from) = mpsc::channel(PIECES_BEHIND);
    let waiting = Arc::new(AtomicUsize::new(0));
    let until = clock::monotonic() + time;
    let stream = TapStream { from, waiting: waiting.clone(), until };
    let mut lost = Lost { pieces: 0, edge: edge.into(), journal };
    let sink = move |piece: Vec<u8>| {
        let _seat = &seat;
        // A client that does not read does not look at the clock either.
        if to.is_closed() || clock::monotonic() >= until {
            return false;
        }
        let bytes = piece.len();
        if bytes == 0 {
            return true;
        }
        // Whole pieces are left out, so what arrives is well formed.
        if waiting.fetch_add(bytes, Relaxed) + bytes > BYTES_BEHIND || to.try_send(piece).is_err() {
            waiting.fetch_sub(bytes, Relaxed);
            lost.one();
        }
        true
    };
    (Box::new(sink), stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    fn tap(seconds: u64) -> (TapSink, TapStream, Arc<Semaphore>, Arc<Journal>) {
        let (seats, journal) = (Arc::new(Semaphore::new(1)), Arc::new(Journal::default()));
        let seat = seats.clone().try_acquire_owned().unwrap();
        let (sink, stream) = pair("q[0]", Duration::from_secs(seconds), seat, journal.clone());
        (sink, stream, seats, journal)
    }

    #[tokio::test]
    async fn a_slow_client_loses_whole_pieces_and_the_log_says_how_many() {
        let (mut sink, mut stream, _, journal) = tap(60);
        assert!(sink(vec![0; BYTES_BEHIND - 1]));
        assert!(sink(vec![1; 2]), "the VNF goes on");
        assert!(sink(vec![2; 1]));
        assert_eq!(stream.next().await.map(|p| p.len()), Some(BYTES_BEHIND - 1));
        assert!(sink(vec![3; 2]));
        assert_eq!(stream.next().await, Some(vec![2]));
        assert_eq!(stream.next().await, Some(vec![3, 3]));
        (0..PIECES_BEHIND + 5).for_each(|_| assert!(sink(vec![4])));
        drop(sink);
        assert!(journal.lines(0, 1)[0].text.contains("q[0] was read too slowly: 6 pieces"));
    }

    #[tokio::test]
    async fn a_tap_ends_when_its_client_is_gone_and_then_gives_its_seat_back() {
        let (mut sink, stream, seats, _) = tap(60);
        assert!(sink(Vec::new()), "an empty piece only asks");
        drop(stream);
        assert!(!sink(Vec::new()));
        assert_eq!(seats.available_permits(), 0);
        drop(sink);
        assert_eq!(seats.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tap_ends_when_its_time_is_over() {
        let (_sink, mut stream, ..) = tap(5);
        assert_eq!(stream.next().await, None);
        let (mut sink, ..) = tap(0);
        assert!(!sink(vec![1]), "also when nobody reads");
    }

    #[test]
    fn bounds_are_named() {
        let request = |count, snap| TapRequest { edge: "drops".into(), count, snap };
        let minute = Duration::from_secs(60);
        assert!(check(&request(1, 1), minute).is_ok() && check(&request(COUNT.1, SNAP.1), minute).is_ok());
        for (wrong, time, name) in [
            (request(0, 1), minute, "count"),
            (request(u64::MAX, 1), minute, "count"),
            (request(1, 0), minute, "snap"),
            (request(1, 1), Duration::ZERO, "seconds"),
            (request(1, 1), Duration::from_secs(SECONDS.1 + 1), "seconds"),
        ] {
            let problem = check(&wrong, time).unwrap_err();
            assert!(problem.status == 400 && problem.detail.starts_with(name), "{problem}");
        }
    }
}
