//! Serves a FUSE file system: a small tree in memory, whose server can be stopped, be slow, fail to
//! read, or return impossible times. It is mounted in a user and a mount namespace.
#![allow(unsafe_code)]

mod mount;
mod protocol;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Builder, Tree, skipped};
use mount::hold_mount;
use protocol::{BATCH_FORGET, FORGET, INIT, INTERRUPT, answer, number};

/// What a node is.
enum Node {
    Directory(Vec<(String, u64)>),
    File(Vec<u8>),
}

/// How the server behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Answers,
    /// As if by SIGSTOP: nothing is read from /dev/fuse.
    Stopped,
    /// Requests are taken, and never answered.
    Swallows,
    /// The server has ended.
    Ended,
}

struct State {
    nodes: Vec<Node>,
    /// Seconds since 1970 of the times of each node.
    times: Vec<i64>,
    conduct: Conduct,
    delay: Duration,
    fails_reads: bool,
    /// Whether a name is found whatever the case of its letters.
    ignores_case: bool,
    /// Requests answered, without FORGET and INIT.
    served: u64,
    /// Files opened.
    opened: u64,
}

/// A mounted file system and its server.
pub(crate) struct Fuse {
    shared: Arc<(Mutex<State>, Condvar)>,
    /// The process that keeps the namespaces.
    holder: libc::pid_t,
}

/// A tree with a file, and such a file system at `mnt`.
pub(crate) fn mounted(test: &str, files: &[(&str, &str)]) -> Option<(Tree, Fuse)> {
    let tree = Tree::new();
    tree.mkdir("mnt");
    tree.write("local", "bytes");
    let fuse = Fuse::mount(test, &tree.path("mnt"), files)?;
    Some((tree, fuse))
}

/// A watcher of such a tree.
pub(crate) fn builder(tree: &Tree, fuse: &Fuse) -> Builder {
    let mut wrapper = fuse.wrapper();
    wrapper.push(tree.path("").to_str().unwrap().to_owned());
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    tree.watch().through(&wrapper)
}

/// The times of what has not changed, in seconds since 1970.
const START: i64 = 1_600_000_000;

impl State {
    /// Sets a node's times to now.
    fn touch(&mut self, node: usize) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = i64::try_from(now.unwrap().as_secs()).unwrap();
        if self.times.len() <= node {
            self.times.resize(node + 1, START);
        }
        self.times[node] = now.max(self.times[node].saturating_add(1));
    }
}

fn lock(shared: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fuse {
    /// Mounts a file system that holds these files, in directories as their names say, at
    /// `point`. `None`, with a message on the terminal, where that is not permitted.
    pub(crate) fn mount(test: &str, point: &Path, files: &[(&str, &str)]) -> Option<Self> {
        match Self::try_mount(point, files) {
            Ok(fuse) => Some(fuse),
            Err(error) => {
                skipped(
                    test,
                    &format!("no FUSE file system can be mounted here: {error}"),
                );
                None
            }
        }
    }

    fn try_mount(point: &Path, files: &[(&str, &str)]) -> io::Result<Self> {
        let mut nodes = vec![Node::Directory(Vec::new())];
        for (path, text) in files {
            add(&mut nodes, path, text.as_bytes());
        }
        let (holder, device) = hold_mount(point)?;
        let state = State {
            times: vec![START; nodes.len()],
            nodes,
            conduct: Conduct::Answers,
            delay: Duration::ZERO,
            fails_reads: false,
            ignores_case: false,
            served: 0,
            opened: 0,
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let server = Arc::clone(&shared);
        thread::spawn(move || serve(File::from(device), &server));
        Ok(Self { shared, holder })
    }

    /// The words to run a watcher through that sees the mount.
    pub(crate) fn wrapper(&self) -> Vec<String> {
        let pid = self.holder.to_string();
        // The working directory is the test's, not the namespace's root.
        let words = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", &pid];
        let script = ["sh", "-c", "cd \"$0\" && exec \"$@\""];
        words.into_iter().chain(script).map(str::to_owned).collect()
    }

    /// Runs a command that sees the mount, and gives what it printed.
    pub(crate) fn inside(&self, words: &[&str]) -> io::Result<Vec<u8>> {
        let pid = self.holder.to_string();
        let enter = ["--preserve-credentials", "-U", "-m", "-t", &pid];
        let mut command = std::process::Command::new("nsenter");
        command.args(enter).args(words);
        let done = super::fork::output(&mut command)?;
        if done.status.success() {
            return Ok(done.stdout);
        }
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        Err(io::Error::other(format!("{words:?}: {stderr}")))
    }

    /// Stops the server: from now on it answers no request.
    pub(crate) fn stop(&self) {
        self.conduct(Conduct::Stopped);
    }

    /// Makes the server read requests and never answer them: a process that waits for an answer
    /// cannot be killed.
    pub(crate) fn swallow(&self) {
        self.conduct(Conduct::Swallows);
    }

    /// Makes the server answer again, the requests that wait first.
    pub(crate) fn go_on(&self) {
        self.conduct(Conduct::Answers);
    }

    fn conduct(&self, conduct: Conduct) {
        lock(&self.shared).conduct = conduct;
        self.shared.1.notify_all();
    }

    /// Delays every answer.
    pub(crate) fn delay(&self, delay: Duration) {
        lock(&self.shared).delay = delay;
    }

    /// Sets whether READ fails with EIO.
    pub(crate) fn fail_reads(&self, fails: bool) {
        lock(&self.shared).fails_reads = fails;
    }

    /// From now on a name is found whatever the case of its letters, as on vfat or SMB.
    pub(crate) fn ignore_case(&self) {
        lock(&self.shared).ignores_case = true;
    }

    /// Sets the times of all nodes, in seconds since 1970.
    pub(crate) fn tell_time(&self, seconds: i64) {
        lock(&self.shared).times.fill(seconds);
    }

    /// Creates or changes a file as another host would: without an event.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let mut state = lock(&self.shared);
        let node = add(&mut state.nodes, path, text.as_bytes());
        state.touch(node);
    }

    /// Removes a name in the root, as another host would.
    pub(crate) fn remove(&self, name: &str) {
        let mut state = lock(&self.shared);
        if let Node::Directory(children) = &mut state.nodes[0] {
            children.retain(|(known, _)| known != name);
        }
        state.touch(0);
    }

    /// How many requests were answered.
    pub(crate) fn served(&self) -> u64 {
        lock(&self.shared).served
    }

    /// How many times a file was opened.
    pub(crate) fn opened(&self) -> u64 {
        lock(&self.shared).opened
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.conduct(Conduct::Ended);
        // SAFETY: our own child, which nobody has waited for.
        unsafe { libc::kill(self.holder, libc::SIGKILL) };
        // SAFETY: waits for our own child; no status is wanted.
        unsafe { libc::waitpid(self.holder, std::ptr::null_mut(), 0) };
    }
}

/// Adds a file and the directories above it, or gives it other bytes; its index.
fn add(nodes: &mut Vec<Node>, path: &str, bytes: &[u8]) -> usize {
    let mut dir = 0;
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        let is_last = names.peek().is_none();
        let next = nodes.len() as u64 + 1;
        let Node::Directory(children) = &mut nodes[dir] else {
            panic!("{path}: a file is in the way");
        };
        let found = children.iter().find(|(known, _)| known == name);
        let id = match found {
            Some((_, id)) => *id,
            None => {
                children.push((name.to_owned(), next));
                nodes.push(Node::Directory(Vec::new()));
                next
            }
        };
        dir = usize::try_from(id - 1).unwrap();
        if is_last {
            nodes[dir] = Node::File(bytes.to_vec());
        }
    }
    dir
}

/// Answers requests until the end.
fn serve(mut device: File, shared: &(Mutex<State>, Condvar)) {
    let mut buffer = vec![0; 256 << 10];
    loop {
        let mut state = lock(shared);
        while state.conduct == Conduct::Stopped {
            state = shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let is_ended = state.conduct == Conduct::Ended;
        drop(state);
        if is_ended || !is_readable(&device) {
            if is_ended {
                return;
            }
            continue;
        }
        // A request that is read came before the server was stopped.
        let Ok(length) = device.read(&mut buffer) else {
            return;
        };
        let request = &buffer[..length];
        let (opcode, unique) = (number(request, 4, 4), number(request, 8, 8));
        if matches!(opcode, FORGET | BATCH_FORGET | INTERRUPT) {
            continue;
        }
        if lock(shared).conduct == Conduct::Swallows {
            continue;
        }
        let delay = lock(shared).delay;
        if opcode != INIT && !delay.is_zero() {
            thread::sleep(delay);
        }
        let (error, answer) = match answer(&mut lock(shared), opcode, request) {
            Ok(answer) => (0, answer),
            Err(errno) => (-errno, Vec::new()),
        };
        let mut out = Vec::with_capacity(16 + answer.len());
        out.extend((u32::try_from(answer.len()).unwrap() + 16).to_ne_bytes());
        out.extend(error.to_ne_bytes());
        out.extend(unique.to_ne_bytes());
        out.extend(answer);
        // ENOENT: whoever asked has been killed.
        let _ = device.write(&out);
    }
}

/// Waits up to 20 ms for a request.
fn is_readable(device: &File) -> bool {
    let mut poll = libc::pollfd {
        fd: device.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 20) > 0 }
}
