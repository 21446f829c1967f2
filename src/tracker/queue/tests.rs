//! Tests the queue by itself: each key once, turns, deadlines, and no key that is lost.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod failures;

use super::*;
use crate::tracker::disk::{Inode, NameList};

fn io() -> FsError {
    FsError::Io("it does not work".into())
}

fn keys(queue: &mut WorkQueue) -> Vec<Key> {
    std::iter::from_fn(|| queue.take().map(|work| work.key)).collect()
}

fn name(dir: u32, name: &str) -> Key {
    Key::Name(Id(dir), name.as_bytes().into())
}

#[test]
fn a_key_that_is_added_twice_is_served_once() {
    let mut queue = WorkQueue::default();
    for _ in 0..1000 {
        queue.add(Work::entry(Id(1), Some(Id(0))));
        queue.add(Work::name(Id(0), b"a"));
        queue.add(Work::scan(Id(0), ScanScope::New));
        queue.add(Work::scan(Id(0), ScanScope::All));
    }
    let works: Vec<Work> = std::iter::from_fn(|| queue.take()).collect();
    assert_eq!(
        works,
        [
            Work::entry(Id(1), Some(Id(0))),
            Work::name(Id(0), b"a"),
            Work::scan(Id(0), ScanScope::All),
        ]
    );
    assert!(!queue.has_ready() && queue.rescan_scans == 0 && queue.items.is_empty());
}

#[test]
fn what_was_seen_under_a_name_counts_no_more_after_an_event_about_it() {
    let mut queue = WorkQueue::default();
    let inode = Inode { dev: 1, ino: 2 };
    let seen = Work {
        detail: Detail::Seen(inode, 3),
        ..Work::name(Id(0), b"a")
    };
    queue.recheck(seen.clone());
    queue.set_now(RETRY_DELAY);
    queue.advance();
    let work = queue.take().unwrap();
    assert_eq!(work.detail, Detail::Seen(inode, 3));
    queue.recheck(seen.clone());
    queue.forget_seen(Id(0), b"a");
    queue.set_now(2 * RETRY_DELAY);
    queue.advance();
    let work = queue.take().unwrap();
    assert_eq!(work.detail, Detail::Nothing);
}

#[test]
fn a_name_that_was_never_found_is_so_until_an_event_about_it_or_its_turn() {
    let mut queue = WorkQueue::default();
    let unseen = |name: &[u8]| Work {
        detail: Detail::Unseen(0),
        ..Work::name(Id(0), name)
    };
    for name in [b"a", b"b", b"c"] {
        queue.expect_event(unseen(name));
        queue.forget_seen(Id(0), name);
    }
    queue.add(Work::name(Id(0), b"b"));
    assert!(queue.take_unseen(Id(0), b"a") && queue.take_unseen(Id(0), b"b"));
    assert!(!queue.take_unseen(Id(0), b"a") && !queue.take_unseen(Id(0), b"b"));
    queue.set_now(QUIET);
    queue.advance();
    while queue.take().is_some() {}
    assert!(!queue.take_unseen(Id(0), b"c"), "it was reconciled");
}

#[test]
fn an_entry_is_missing_since_it_was_first_not_found_until_it_is_found() {
    let mut queue = WorkQueue::default();
    let missing = |since| Work {
        detail: Detail::MissingSince(since),
        ..Work::entry(Id(1), Some(Id(0)))
    };
    assert_eq!(queue.missing_since(Id(1)), None);
    queue.recheck(missing(0));
    queue.add(Work::entry(Id(1), Some(Id(0))));
    assert_eq!(queue.missing_since(Id(1)), Some(0));
    assert_eq!(queue.take(), Some(missing(0)));
    assert_eq!(queue.missing_since(Id(1)), Some(0), "while it is served");
    queue.recheck(missing(0));
    queue.served();
    assert_eq!(queue.missing_since(Id(1)), Some(0));
    queue.forget_missing(Id(1));
    assert_eq!(queue.missing_since(Id(1)), None);
}

#[test]
fn no_kind_keeps_another_waiting_for_more_than_its_row() {
    let mut queue = WorkQueue::default();
    queue.add(Work::name(Id(0), b"a"));
    queue.add(Work::scan(Id(7), ScanScope::New));
    let mut served = Vec::new();
    for id in 0..100 {
        queue.add(Work::entry(Id(id), Some(Id(0))));
        queue.add(Work::entry(Id(1000 + id), Some(Id(0))));
        served.extend(queue.take().map(|work| work.key));
    }
    let at = |key: &Key| served.iter().position(|other| other == key);
    assert_eq!(at(&name(0, "a")), Some(16));
    assert_eq!(at(&Key::Scan(Id(7))), Some(17));
}

#[test]
fn no_directory_keeps_another_waiting_for_more_than_its_row() {
    let mut queue = WorkQueue::default();
    for id in 0..1000 {
        queue.add(Work::entry(Id(id), Some(Id(9000))));
    }
    queue.add(Work::entry(Id(5000), Some(Id(9001))));
    let served = keys(&mut queue);
    assert_eq!(
        served.iter().position(|key| *key == Key::Entry(Id(5000))),
        Some(8)
    );
    assert_eq!(served.len(), 1001);
}

#[test]
fn the_scan_under_way_has_its_turn_too() {
    let mut queue = WorkQueue::default();
    let mut turns = 0;
    let names = NameList::default();
    let scan = ActiveScan::new(Id(0), ScanScope::All, None, None, Vec::new(), names);
    queue.begin_scan(scan);
    for id in 0..100 {
        queue.add(Work::entry(Id(id), Some(Id(0))));
        queue.add(Work::entry(Id(1000 + id), Some(Id(0))));
        turns += usize::from(queue.take().is_none());
    }
    assert_eq!(turns, 48, "sixteen in each round");
}

#[test]
fn a_debounced_key_waits_for_a_pause_and_no_longer_than_its_ceiling() {
    let mut queue = WorkQueue::default();
    for now in (0..200).map(|step| step * 10 * MS) {
        queue.set_now(now);
        queue.debounce(Work::entry(Id(1), None));
        queue.advance();
        let due = now >= 1000 * MS;
        assert_eq!(queue.take().is_some(), due, "at {now}");
        if due {
            break;
        }
    }
    queue = WorkQueue::default();
    queue.debounce(Work::entry(Id(1), None));
    assert_eq!(queue.next_deadline(), Some(QUIET));
    queue.set_now(QUIET);
    queue.advance();
    assert_eq!(keys(&mut queue), [Key::Entry(Id(1))]);
}

#[test]
fn deadlines_that_were_moved_take_no_room() {
    let mut queue = WorkQueue::default();
    for _ in 0..100_000 {
        queue.retry(Work::scan(Id(1), ScanScope::All), &io());
        queue.add(Work::scan(Id(1), ScanScope::New));
        queue.take();
        queue.debounce(Work::entry(Id(2), None));
        queue.cancel_debounce(Id(2));
    }
    assert!(
        queue.deadlines.len() < 200,
        "{} deadlines",
        queue.deadlines.len()
    );
}

#[test]
fn a_deadline_that_is_removed_and_set_again_takes_no_room() {
    let mut queue = WorkQueue::default();
    for _ in 0..1000 {
        queue.delay(Work::timer(Key::MovedFrom), 5);
        queue.remove(&Key::MovedFrom);
    }
    queue.delay(Work::timer(Key::MovedFrom), 5);
    assert!(queue.deadlines.len() < 200, "{}", queue.deadlines.len());
    queue.set_now(5);
    queue.advance();
    assert_eq!(keys(&mut queue), [Key::MovedFrom]);
}

#[test]
fn what_is_held_comes_when_the_rescan_is_over() {
    let mut queue = WorkQueue::default();
    queue.set_rescanning();
    queue.hold(Work::name(Id(0), b"a"));
    queue.hold(Work::name(Id(0), b"a"));
    queue.hold(Work::name(Id(0), b"b"));
    assert!(!queue.has_ready() && queue.next_deadline().is_none());
    queue.add(Work::name(Id(0), b"b"));
    assert_eq!(keys(&mut queue), [name(0, "b")]);
    queue.end_rescan_if_over();
    assert_eq!(keys(&mut queue), [name(0, "a")]);
}

#[test]
fn a_rescan_is_over_though_others_cause_scans_all_the_time() {
    let mut queue = WorkQueue::default();
    queue.set_rescanning();
    let scan = Work::scan(Id(1), ScanScope::All);
    let older = queue.generation().wrapping_sub(2);
    queue.add_rescan(scan.clone(), older);
    queue.ensure_rescan(scan, older);
    // It is new.
    let new = Work::scan(Id(4), ScanScope::All);
    queue.ensure_rescan(new, queue.unscanned());
    queue.add(Work::scan(Id(2), ScanScope::Deep));
    queue.hold(Work::name(Id(0), b"a"));
    queue.end_rescan_if_over();
    assert!(queue.is_rescanning());
    assert_eq!(queue.take().map(|work| work.key), Some(Key::Scan(Id(1))));
    queue.add(Work::scan(Id(3), ScanScope::Deep));
    queue.served();
    assert!(!queue.is_rescanning());
    let scans = [4, 2, 3].map(|dir| Key::Scan(Id(dir)));
    let rest = [&[name(0, "a")][..], &scans].concat();
    assert_eq!(keys(&mut queue), rest);
}

#[test]
fn a_rescan_does_not_wait_for_a_comparison_of_files() {
    let mut queue = WorkQueue::default();
    queue.delay(Work::scan(Id(1), ScanScope::Files), 1000);
    queue.set_rescanning();
    queue.ensure_rescan(Work::scan(Id(1), ScanScope::All), 0);
    let taken = queue.take().map(|work| (work.key, work.detail));
    let all = Detail::ScanScope(ScanScope::All);
    assert_eq!(taken, Some((Key::Scan(Id(1)), all)));
}

#[test]
fn a_removed_key_is_not_served() {
    let mut queue = WorkQueue::default();
    queue.add(Work::scan(Id(1), ScanScope::All));
    queue.recheck(Work::entry(Id(2), None));
    queue.remove(&Key::Scan(Id(1)));
    queue.remove(&Key::Entry(Id(2)));
    queue.set_now(RETRY_DELAY);
    queue.advance();
    queue.advance();
    assert_eq!(keys(&mut queue), []);
    assert!(queue.is_at_rest() && queue.rescan_scans == 0);
    queue.add(Work::scan(Id(1), ScanScope::New));
    assert_eq!(keys(&mut queue), [Key::Scan(Id(1))]);
}

#[test]
fn what_a_burst_took_is_given_back() {
    let mut queue = WorkQueue::default();
    for dir in 0..100_000 {
        queue.add(Work::scan(Id(dir), ScanScope::All));
        queue.expect_event(Work::name(Id(dir), b"a"));
    }
    while queue.take().is_some() {}
    queue.set_now(1 << 40);
    queue.advance();
    assert!(queue.items.capacity() >= 100_000);
    while queue.take().is_some() {}
    let kept = [
        queue.items.capacity(),
        queue.deadlines.capacity(),
        queue.turns.scans_capacity(),
    ];
    assert!(kept.iter().all(|&kept| kept <= 2 * KEPT_KEYS), "{kept:?}");
}
