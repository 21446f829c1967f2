use super::mailbox::KEEP;
use super::question::{Answer, Ask, Question, RemoteTarget};
use super::{MOST_READS, MOST_THREADS, Remotes};
use crate::disk::path::RemotePath;
use crate::event::Wd;
use crate::file_status::{FsError, Stat};
use crate::hash::{Done, Workers};
use crate::mounts::MountTable;
use crate::sys::epoll::EventFd;
use crate::sys::inotify::Inotify;
use crate::sys::stat::stat_fd;
use crate::tracker::disk::Ticket;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Instant;

fn remotes() -> (Remotes, Workers) {
    let inotify = Arc::new(Inotify::new().expect("a queue"));
    let workers = Workers::new(Arc::new(EventFd::new().expect("an event")));
    let mounts = Arc::new(MountTable::new());
    (Remotes::new(inotify, mounts, workers.clone()), workers)
}

fn root() -> (RemotePath, Stat) {
    let directory = File::open("/").expect("a directory");
    let stat = stat_fd(directory.as_fd()).expect("a status");
    (RemotePath::at(directory.into(), &stat), stat)
}

#[test]
fn mounts_that_never_answer_and_are_gone_have_no_more_threads_than_others() {
    let (mut remotes, _) = remotes();
    let mut waiting = Vec::new();
    for mount in 0..MOST_THREADS as u64 {
        let index = remotes.server(mount);
        assert!(remotes.may_start());
        // As its thread has it, which does not end.
        waiting.push(Arc::clone(&remotes.servers[index].shared));
        remotes.retain(|_| false);
    }
    remotes.server(MOST_THREADS as u64);
    assert!(!remotes.may_start());
    waiting.pop();
    assert!(remotes.may_start());
}

#[test]
fn of_the_files_on_a_mount_that_does_not_answer_no_more_wait_than_some() {
    let (path, _) = root();
    let (mut remotes, workers) = remotes();
    let index = remotes.server(path.mount);
    let shared = Arc::clone(&remotes.servers[index].shared);
    // Its thread waits for the first one, and takes no other.
    shared.lock().has_reader = true;
    for number in 0..MOST_READS as u64 + 2 {
        remotes.read(RemoteTarget::Path(path.clone()), 0, Ticket(number));
    }
    assert_eq!(shared.lock().reads.len(), MOST_READS);
    let refused = workers.take_done();
    let is_unanswered = |done: &Done| matches!(done, Done::File(_, Err(FsError::Unanswered)));
    assert!(refused.len() == 2 && refused.iter().all(is_unanswered));
}

#[test]
fn a_watch_of_an_answer_that_nobody_takes_is_removed_once_no_thread_may_set_it_again() {
    let (path, stat) = root();
    let (mut remotes, _) = remotes();
    let index = remotes.server(path.mount);
    let shared = Arc::clone(&remotes.servers[index].shared);
    let question = |number: u8| Question {
        ask: Ask::WatchFile,
        target: RemoteTarget::In(path.clone(), stat.inode, vec![number]),
    };
    let (began, answer) = (Instant::now(), |wd| Ok(Answer::WatchedFile(Wd(wd), stat)));
    shared.lock().add(question(1), answer(1), began);
    shared.lock().add(question(2), answer(2), began);
    assert!(remotes.take_unclaimed_watches().is_empty());
    // The watch of the second one was found again when another name of its file was asked for.
    shared.lock().add(question(3), answer(2), began + KEEP);
    shared.lock().questions.push_back(question(4));
    assert!(remotes.take_unclaimed_watches().is_empty());
    shared.lock().questions.clear();
    assert_eq!(remotes.take_unclaimed_watches(), [Wd(1)]);
    assert!(shared.lock().take(&question(3)).is_some());
}
