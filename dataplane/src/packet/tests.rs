//! Behaviour of one packet and of packets that share a buffer.
use super::*;
use crate::pool::{BUFFER, HEADROOM, MAX_FRAME, Pool};

fn packet(pool: &Pool, bytes: &[u8]) -> Packet {
    let mut p = pool.alloc().expect("buffer");
    assert!(p.set_data(bytes));
    p
}

#[test]
fn stripping_and_pushing_leave_header_offsets_where_they_were() {
    let pool = Pool::new(4);
    let mut p = packet(&pool, &[1, 2, 3, 4, 5, 6]);
    p.set_mac_off(0);
    p.set_net_off(2);
    assert!(p.strip(2) && !p.strip(5));
    assert_eq!((p.data(), p.net_off(), p.mac_off(), p.mac_off_signed()), (&[3, 4, 5, 6][..], Some(0), None, Some(-2)));
    assert!(p.push(4));
    assert_eq!((&p.data()[2..], p.net_off(), p.mac_off()), (&[1, 2, 3, 4, 5, 6][..], Some(4), Some(2)));
    assert!(p.take(1) && p.grow(2) && p.append(&[9]));
    assert_eq!(&p.data()[2..], [1, 2, 3, 4, 5, 0, 0, 9]);
}

#[test]
fn headroom_is_made_from_tailroom_and_refused_when_there_is_none() {
    let pool = Pool::new(4);
    let mut p = packet(&pool, &[5; 100]);
    p.set_net_off(10);
    assert!(p.push(HEADROOM as usize + 50));
    assert_eq!((p.len(), p.headroom(), p.net_off()), (278, 0, Some(188)));
    assert_eq!(&p.data()[178..], [5; 100]);
    assert!(!p.push(BUFFER as usize));
    assert_eq!(p.len(), 278);
    let mut full = packet(&pool, &[1; MAX_FRAME]);
    assert!(!full.append(&[1]) && !full.set_data(&[0; MAX_FRAME + 1]));
    assert!(full.push(HEADROOM as usize) && !full.push(1));
}

#[test]
fn long_clones_share_and_copy_on_write() {
    let pool = Pool::new(8);
    for len in [COPY_LIMIT, COPY_LIMIT + 1] {
        let mut a = packet(&pool, &[1; MAX_FRAME][..len]);
        a.set_dst([1, 2, 3, 4].into());
        a.set_timestamp(77);
        let mut b = a.try_clone(|| pool.alloc()).expect("clone");
        assert_eq!(a.exclusive(), len <= COPY_LIMIT);
        b.data_mut().expect("room")[0] = 9;
        b.set_paint(3);
        assert_eq!((a.data()[0], b.data()[0], a.paint(), b.paint()), (1, 9, 0, 3));
        assert_eq!((b.dst(), b.timestamp()), ([1, 2, 3, 4].into(), 77));
    }
}

#[test]
fn stripped_bytes_come_back_in_a_copy_too() {
    let pool = Pool::new(8);
    for len in [20, COPY_LIMIT + 20] {
        let mut a = packet(&pool, &[7; MAX_FRAME][..len]);
        assert!(a.strip(14));
        let mut b = a.try_clone(|| pool.alloc()).expect("clone");
        assert!(b.data_mut().is_some() && b.push(14));
        assert_eq!(b.data(), &[7; MAX_FRAME][..len]);
        assert_eq!((a.len(), b.headroom()), (len - 14, HEADROOM as usize));
    }
}

#[test]
fn a_shared_buffer_outlives_its_owner_and_goes_home_once() {
    let pool = Pool::new(3);
    let mut cache = pool.cache();
    let mut a = cache.alloc().expect("buffer");
    assert!(a.set_data(&[7; 500]));
    let b = a.try_clone(|| cache.alloc()).expect("clone");
    let c = b.try_clone(|| cache.alloc()).expect("clone");
    assert!(cache.alloc().is_none());
    cache.free(a);
    assert_eq!((b.data(), cache.live()), (&[7; 500][..], 3));
    cache.free(b);
    drop(c);
    assert_eq!(cache.live(), 0);
    assert_eq!(core::iter::from_fn(|| cache.alloc()).collect::<alloc::vec::Vec<_>>().len(), 3);
}

#[test]
fn writing_to_a_shared_buffer_without_a_free_one_fails_and_changes_nothing() {
    let pool = Pool::new(2);
    let mut a = packet(&pool, &[7; 500]);
    let mut b = a.try_clone(|| pool.alloc()).expect("clone");
    assert!(a.data_mut().is_none() && !b.append(&[1]) && !b.set_data(&[2]));
    assert_eq!((a.data(), b.data()), (&[7; 500][..], &[7; 500][..]));
    drop(b);
    assert!(a.data_mut().is_some());
}

#[test]
fn annotations_of_the_second_line_do_not_leak_into_the_next_packet() {
    let pool = Pool::new(1);
    let mut p = pool.alloc().expect("buffer");
    p.set_timestamp(u64::MAX);
    p.set_aggregate(5);
    p.set_extra_length(6);
    p.set_trace(7);
    assert_eq!((p.timestamp(), p.aggregate(), p.trace()), (u64::MAX, 5, Some(7)));
    drop(p);
    let p = pool.alloc().expect("buffer");
    assert_eq!((p.timestamp(), p.aggregate(), p.extra_length(), p.trace()), (0, 0, 0, None));
}

#[test]
fn annotations_by_name_and_number_are_the_same() {
    let pool = Pool::new(1);
    let mut p = pool.alloc().expect("buffer");
    for (name, offset) in [("PAINT", 16), ("AGGREGATE_ANNO", 20), ("DST_IP", 0), ("VLAN_TCI", 20)] {
        let which = Anno::by_name(name).expect("name");
        assert_eq!(Anno::by_offset(offset, which.size()), Some(which));
        p.set_anno(which, 0x1_23);
        assert_eq!(p.anno(which), 0x123 & (u64::MAX >> (64 - 8 * which.size())) as u32);
    }
}
