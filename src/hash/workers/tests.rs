//! Runs the threads on a real directory.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use super::super::job::tests::{file_of, job};
use super::*;

fn workers() -> Workers {
    Workers::new(Arc::new(EventFd::new().unwrap()))
}

/// Makes it seem that no thread can be made.
fn refuse_threads(workers: &Workers) {
    workers.lock().failed = Some(Instant::now() + Duration::from_secs(3600));
}

#[test]
fn every_job_is_answered_by_threads() {
    let dir = tempfile::tempdir().unwrap();
    let workers = workers();
    for number in 0..50 {
        file_of(300 << 10, dir.path(), number);
        workers.read(job(dir.path(), number));
    }
    let mut answered = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while answered.len() < 50 && Instant::now() < deadline {
        for done in workers.take_done() {
            let Done::File(ticket, read) = done else {
                unreachable!()
            };
            assert!(read.unwrap().digest.is_some());
            answered.push(ticket.0);
        }
        thread::sleep(Duration::from_millis(1));
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..50).collect::<Vec<_>>());
    assert_eq!(workers.help_due(), None);
}

#[test]
fn files_that_are_not_waited_for_any_longer_leave_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let workers = workers();
    refuse_threads(&workers);
    file_of(1, dir.path(), 0);
    let submit = |number: u64| {
        let mut job = job(dir.path(), 0);
        job.ticket = Ticket(number);
        job.owner = u32::try_from(number % 3).unwrap();
        workers.read(job);
    };
    submit(0);
    for number in 1..1000 {
        submit(number);
        workers.cancel(&[Ticket(number)]);
        assert!(
            workers.lock().queues[0].queued() <= 2 + MANY,
            "after {number}"
        );
    }
    while workers.help_due().is_some() {
        workers.help(Instant::now() + Duration::from_millis(10));
    }
    let done = workers.take_done();
    assert!(matches!(done[..], [Done::File(Ticket(0), Ok(_))]));
    assert!(workers.lock().wanted.is_empty());
}

#[test]
fn without_threads_the_loop_does_the_work_in_slices() {
    let dir = tempfile::tempdir().unwrap();
    let workers = workers();
    refuse_threads(&workers);
    file_of(16 << 20, dir.path(), 0);
    workers.read(job(dir.path(), 0));
    let mut slices = 0;
    let done = loop {
        assert!(workers.help_due().is_some());
        workers.help(Instant::now() + Duration::from_micros(100));
        slices += 1;
        if let Some(done) = workers.take_done().pop() {
            break done;
        }
    };
    assert!(matches!(done, Done::File(Ticket(0), Ok(_))));
    assert!(slices > 1, "all of it in one slice");
    assert_eq!(workers.help_due(), None);
}

#[test]
fn a_slow_device_has_a_thread_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let workers = workers();
    file_of(1, dir.path(), 0);
    let device = job(dir.path(), 0).inode.dev;
    workers.isolate(device);
    workers.isolate(device);
    assert_eq!(workers.lock().queue_of(device), 1);
    assert_eq!(workers.lock().queue_of(device + 1), 0);
    workers.read(job(dir.path(), 0));
    let deadline = Instant::now() + Duration::from_secs(60);
    while workers.take_done().is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    let shared = workers.lock();
    let threads = shared.queues.iter().map(JobQueue::threads);
    assert_eq!(threads.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn what_waits_for_a_device_that_is_found_to_be_slow_goes_to_its_queue() {
    let dir = tempfile::tempdir().unwrap();
    let workers = workers();
    refuse_threads(&workers);
    file_of(1, dir.path(), 0);
    let submit = |ticket: u64, is_slow: bool| {
        let mut job = job(dir.path(), 0);
        job.ticket = Ticket(ticket);
        job.inode.dev += u64::from(is_slow);
        workers.read(job);
    };
    (0..3).for_each(|ticket| submit(ticket, true));
    submit(3, false);
    workers.isolate(job(dir.path(), 0).inode.dev + 1);
    workers.help(Instant::now() + Duration::from_secs(60));
    let done = workers.take_done();
    assert!(matches!(done[..], [Done::File(Ticket(3), Ok(_))]));
    let shared = workers.lock();
    let queued = shared.queues.iter().map(JobQueue::queued);
    assert_eq!(queued.collect::<Vec<_>>(), [0, 3]);
}
