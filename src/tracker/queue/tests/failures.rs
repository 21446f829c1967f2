//! Tests what becomes of a key that fails: when it is tried again, and what is reported.

use super::*;

#[test]
fn what_fails_while_it_is_ready_is_reported_by_its_next_try() {
    let mut queue = WorkQueue::default();
    let scan = Work::scan(Id(1), ScanScope::All);
    queue.add(scan.clone());
    // Names in it that fail, each of which asks for a scan.
    assert!((0..5).all(|_| !queue.retry(scan.clone(), &io())));
    queue.take().unwrap();
    assert!(queue.retry(scan.clone(), &io()));
    assert!((0..5).all(|_| !queue.retry(scan.clone(), &io())));
    queue.set_now(2 * MS);
    queue.advance();
    queue.take().unwrap();
    assert!(!queue.retry(scan.clone(), &io()), "it was before");
    // What stays busy is reported by a later failure, which is one of many, too.
    let mut reported = 0;
    for _ in 0..30 {
        queue.add(scan.clone());
        queue.take().unwrap();
        reported += u32::from(queue.retry(scan.clone(), &FsError::Busy));
        queue.add(scan.clone());
        reported += (0..5)
            .map(|_| u32::from(queue.retry(scan.clone(), &FsError::Busy)))
            .sum::<u32>();
    }
    assert_eq!(reported, 1);
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
    queue.make_denied_ready(|dir| dir == Some(Id(2)));
    assert!(!queue.has_ready());
    queue.make_denied_ready(|dir| dir == Some(Id(1)));
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
fn what_fails_for_long_is_waited_for_again_when_something_happens_to_it() {
    let mut queue = WorkQueue::default();
    queue.set_now(1);
    queue.retry(Work::entry(Id(1), Some(Id(0))), &FsError::WatchLimit);
    assert!(queue.is_at_rest());
    queue.debounce(Work::entry(Id(1), Some(Id(0))));
    assert!(!queue.is_at_rest());
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
    queue.make_denied_ready(|dir| dir == Some(Id(1)));
    let mut served = keys(&mut queue);
    served.sort();
    let mut meant = [Key::Scan(Id(1)), name(1, "a"), Key::Entry(Id(3))];
    meant.sort();
    assert_eq!(served, meant);
    queue.make_denied_ready(|_| true);
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

#[test]
fn an_entry_that_has_failed_backs_off_until_it_is_served() {
    let mut queue = WorkQueue::default();
    let entry = Work::entry(Id(1), Some(Id(0)));
    queue.retry(entry.clone(), &io());
    assert!(queue.backs_off(Id(1)));
    queue.set_now(RETRY_DELAY);
    queue.advance();
    assert!(queue.has_ready() && queue.backs_off(Id(1)), "it is due");
    assert_eq!(queue.take(), Some(entry.clone()));
    assert!(!queue.backs_off(Id(1)));
    queue.served();
    queue.add(entry);
    assert!(!queue.backs_off(Id(1)), "it has not failed");
}
