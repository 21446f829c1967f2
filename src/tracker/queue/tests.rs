//! Tests the queue by itself: each key once, turns, deadlines, and no key that is lost.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use super::*;
use crate::tracker::disk::Inode;

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
    assert!(!queue.has_ready() && queue.full_scans == 0 && queue.items.is_empty());
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
        detail: Detail::Unseen,
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
    let scan = ActiveScan::new(Id(0), ScanScope::All, None, Vec::new(), Vec::new());
    queue.scan = Some(scan);
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
fn what_fails_is_tried_again_and_later_each_time() {
    let mut queue = WorkQueue::default();
    let mut now = 0;
    let mut waits = Vec::new();
    queue.add(Work::scan(Id(1), ScanScope::All));
    for _ in 0..20 {
        queue.take().expect("it is never dropped");
        queue.retry(Work::scan(Id(1), ScanScope::All), &io());
        assert!(!queue.has_ready());
        let due = queue.next_deadline().expect("it is tried again");
        waits.push((due - now) / MS);
        now = due;
        queue.set_now(now);
        queue.advance();
    }
    assert_eq!(waits[..5], [2, 500, 2000, 8000, 32_000]);
    assert_eq!(waits[19], 120_000);
    // What has worked once begins anew.
    assert!(queue.take().is_some());
    queue.served();
    queue.retry(Work::scan(Id(1), ScanScope::All), &io());
    assert_eq!(queue.next_deadline(), Some(now + 2 * MS));
}

#[test]
fn a_hint_tries_sooner_and_does_not_forget_the_failures() {
    let mut queue = WorkQueue::default();
    let denied = FsError::PermissionDenied;
    queue.add(Work::scan(Id(1), ScanScope::Deep));
    queue.take().unwrap();
    queue.retry(Work::scan(Id(1), ScanScope::Deep), &denied);
    queue.hasten_denied(|dir| dir == Id(2));
    assert!(!queue.has_ready());
    queue.hasten_denied(|dir| dir == Id(1));
    let work = queue.take().unwrap();
    assert_eq!(work.detail, Detail::ScanScope(ScanScope::Deep));
    queue.retry(Work::scan(Id(1), ScanScope::New), &denied);
    queue.set_now(1999 * MS);
    queue.advance();
    assert!(
        !queue.has_ready(),
        "the second failure waits for twice as long"
    );
    queue.set_now(2000 * MS);
    queue.advance();
    assert!(queue.has_ready());
}

#[test]
fn a_file_system_that_answers_again_hastens_only_what_waits_for_one() {
    let mut queue = WorkQueue::default();
    let fail = |queue: &mut WorkQueue, id, error: &FsError| {
        queue.add(Work::scan(Id(id), ScanScope::All));
        queue.take().unwrap();
        queue.retry(Work::scan(Id(id), ScanScope::All), error)
    };
    assert!(fail(&mut queue, 1, &FsError::PermissionDenied));
    assert!(fail(&mut queue, 2, &FsError::Stalled));
    assert!(!queue.has_ready());
    queue.hasten_unanswered();
    queue.advance();
    assert_eq!(queue.take().map(|work| work.key), Some(Key::Scan(Id(2))));
    assert!(!queue.has_ready());
    let is_reported = queue.retry(Work::scan(Id(2), ScanScope::All), &FsError::Stalled);
    assert!(!is_reported, "it was before");
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
    assert!(queue.is_at_rest() && queue.full_scans == 0);
    queue.add(Work::scan(Id(1), ScanScope::New));
    assert_eq!(keys(&mut queue), [Key::Scan(Id(1))]);
}

#[test]
fn what_fails_for_long_is_waited_for_again_when_something_happens_to_it() {
    let mut queue = WorkQueue::default();
    queue.set_now(1);
    queue.retry(Work::entry(Id(1), Some(Id(0))), &FsError::WatchLimit);
    assert!(queue.is_at_rest());
    queue.debounce(Work::entry(Id(1), Some(Id(0))));
    assert!(!queue.is_at_rest());
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
    assert!(kept.iter().all(|&kept| kept <= 2 * KEPT), "{kept:?}");
}

#[test]
fn permissions_that_change_hasten_all_that_they_kept_from_being_served() {
    let mut queue = WorkQueue::default();
    let denied = FsError::PermissionDenied;
    queue.retry(Work::scan(Id(1), ScanScope::All), &denied);
    queue.retry(Work::name(Id(1), b"a"), &denied);
    queue.retry(Work::entry(Id(3), Some(Id(1))), &denied);
    queue.retry(Work::name(Id(2), b"b"), &denied);
    queue.retry(Work::name(Id(1), b"c"), &FsError::Busy);
    queue.hasten_denied(|dir| dir == Id(1));
    let mut served = keys(&mut queue);
    served.sort();
    let mut meant = [Key::Scan(Id(1)), name(1, "a"), Key::Entry(Id(3))];
    meant.sort();
    assert_eq!(served, meant);
    queue.hasten_denied(|_| true);
    assert_eq!(keys(&mut queue), [name(2, "b")]);
}

#[test]
fn an_answer_that_is_late_is_no_failure() {
    let mut queue = WorkQueue::default();
    let io = FsError::Io("broken".to_owned());
    let entry = Work::entry(Id(1), Some(Id(0)));
    queue.add(entry.clone());
    for _ in 0..5 {
        queue.take().unwrap();
        queue.retry(entry.clone(), &FsError::Unanswered);
        queue.set_now(queue.next_deadline().unwrap());
        queue.advance();
    }
    queue.take().unwrap();
    assert!(queue.retry(entry, &io), "its first failure is reported");
    assert_eq!(
        queue.next_deadline().map(|due| due - queue.now),
        Some(2 * MS)
    );
}

#[test]
fn a_key_that_waits_long_is_tried_soon_after_an_error_that_passes_soon() {
    let mut queue = WorkQueue::default();
    let entry = Work::entry(Id(1), Some(Id(0)));
    queue.retry(entry.clone(), &FsError::WatchLimit);
    queue.retry(entry.clone(), &FsError::NotFound);
    queue.retry(entry.clone(), &FsError::WatchLimit); // That is no reason to wait longer.
    assert!(!queue.is_at_rest(), "it is expected to work soon");
    queue.set_now(2 * RETRY_DELAY);
    queue.advance();
    assert_eq!(keys(&mut queue), [entry.key]);
    assert!(queue.items.is_empty());
}
