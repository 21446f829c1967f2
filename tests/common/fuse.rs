//! Serves a FUSE file system on the raw protocol of /dev/fuse: a small tree in memory, whose
//! server can be stopped, be slow, fail to read, or return impossible times. It is mounted in a
//! user and a mount namespace of its own.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Builder, Tree, skipped};

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
    /// Holds the namespaces.
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

    /// Lets the server take requests and never answer them: a process that waits for one cannot be
    /// killed.
    pub(crate) fn swallow(&self) {
        self.conduct(Conduct::Swallows);
    }

    /// Lets the server answer again, the requests that wait first.
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

/// Starts a process in namespaces of its own that mounts the file system and then waits;
/// gives it and the descriptor that the mount is served through.
fn hold_mount(point: &Path) -> io::Result<(libc::pid_t, OwnedFd)> {
    let point = CString::new(point.as_os_str().as_bytes())?;
    // SAFETY: takes nothing and cannot fail.
    let uid = unsafe { libc::geteuid() };
    // SAFETY: takes nothing and cannot fail.
    let gid = unsafe { libc::getegid() };
    let uid_map = format!("0 {uid} 1");
    let gid_map = format!("0 {gid} 1");
    let (mut read, write) = io::pipe()?;
    let report = write.as_raw_fd();
    let hold = || -> Option<()> {
        let put = |path: &std::ffi::CStr, text: &str| {
            // SAFETY: the path is NUL-terminated.
            let fd = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
            // SAFETY: `text` is readable for its length.
            let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
            (written > 0).then_some(())
        };
        // SAFETY: takes no pointers.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } != 0 {
            return None;
        }
        put(c"/proc/self/setgroups", "deny")?;
        put(c"/proc/self/uid_map", &uid_map)?;
        put(c"/proc/self/gid_map", &gid_map)?;
        // SAFETY: the path is NUL-terminated.
        let device = unsafe { libc::open(c"/dev/fuse".as_ptr(), libc::O_RDWR) };
        if device < 0 {
            return None;
        }
        let mut options = [0_u8; 96];
        let mut rest = &mut options[..95];
        let text = "rootmode=40000,user_id=0,group_id=0,allow_other,fd=";
        write!(rest, "{text}{device}").ok()?;
        // SAFETY: all are NUL-terminated strings that outlive the call.
        let mounted = unsafe {
            libc::mount(
                c"balerion-test".as_ptr(),
                point.as_ptr(),
                c"fuse.balerion".as_ptr(),
                libc::MS_NOSUID | libc::MS_NODEV,
                options.as_ptr().cast(),
            )
        };
        if mounted != 0 {
            return None;
        }
        let answer = device.to_ne_bytes();
        // SAFETY: `answer` is readable for its length.
        unsafe { libc::write(report, answer.as_ptr().cast(), answer.len()) };
        Some(())
    };
    // SAFETY: the child of a process with threads calls the kernel only, and allocates
    // nothing: what `hold` uses was made before.
    let child = unsafe { libc::fork() };
    if child == 0 {
        if hold().is_none() {
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            let answer = (-errno).to_ne_bytes();
            // SAFETY: `answer` is readable for its length.
            unsafe { libc::write(report, answer.as_ptr().cast(), answer.len()) };
        }
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    }
    drop(write);
    let taken = (|| {
        let mut answer = [0; 4];
        read.read_exact(&mut answer)?;
        let device = i32::from_ne_bytes(answer);
        if device < 0 {
            return Err(io::Error::from_raw_os_error(-device));
        }
        // SAFETY: takes no pointers.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, child, 0) };
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd, device, 0) };
        if pidfd < 0 || fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        drop(unsafe { OwnedFd::from_raw_fd(i32::try_from(pidfd).unwrap()) });
        // SAFETY: the same.
        Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) })
    })();
    if taken.is_err() {
        // SAFETY: our own child, which nobody has waited for.
        unsafe { libc::kill(child, libc::SIGKILL) };
        // SAFETY: waits for our own child; no status is wanted.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
    taken.map(|device| (child, device))
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
        // What is read has come while it was not stopped, or just before.
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

const LOOKUP: u64 = 1;
const FORGET: u64 = 2;
const GETATTR: u64 = 3;
const SETATTR: u64 = 4;
const UNLINK: u64 = 10;
const RENAME: u64 = 12;
const OPEN: u64 = 14;
const READ: u64 = 15;
const WRITE: u64 = 16;
const STATFS: u64 = 17;
const RELEASE: u64 = 18;
const FLUSH: u64 = 25;
const INIT: u64 = 26;
const OPENDIR: u64 = 27;
const READDIR: u64 = 28;
const RELEASEDIR: u64 = 29;
const CREATE: u64 = 35;
const INTERRUPT: u64 = 36;
const BATCH_FORGET: u64 = 42;

/// Bytes before what is proper to a request.
const HEADER: usize = 40;

/// An unsigned number in a request.
fn number(request: &[u8], at: usize, bytes: usize) -> u64 {
    let mut wide = [0; 8];
    wide[..bytes].copy_from_slice(&request[at..at + bytes]);
    u64::from_le_bytes(wide)
}

/// The name that stands at that place.
fn name(request: &[u8], at: usize) -> String {
    let bytes = request[HEADER + at..].split(|byte| *byte == 0).next();
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// The answer to a request, or an error number.
fn answer(state: &mut State, opcode: u64, request: &[u8]) -> Result<Vec<u8>, i32> {
    let node = number(request, 16, 8);
    let body = |at: usize, bytes: usize| number(request, HEADER + at, bytes);
    if opcode == INIT {
        let mut out = Vec::new();
        for field in [7_u32, 31, 64 << 10, 0] {
            out.extend(field.to_ne_bytes());
        }
        out.extend([12_u16, 9].iter().flat_map(|field| field.to_ne_bytes()));
        out.extend(
            [64_u32 << 10, 1]
                .iter()
                .flat_map(|field| field.to_ne_bytes()),
        );
        out.resize(64, 0);
        return Ok(out);
    }
    state.served += 1;
    match opcode {
        LOOKUP => {
            let at = position(state, node, &name(request, 0))?;
            let id = directory(state, node)?[at].1;
            Ok(entry(state, id))
        }
        UNLINK => {
            let at = position(state, node, &name(request, 0))?;
            directory(state, node)?.remove(at);
            state.touch(index(node));
            Ok(Vec::new())
        }
        RENAME => {
            let (old, to) = (name(request, 8), body(0, 8));
            let new = name(request, 8 + old.len() + 1);
            let at = position(state, node, &old)?;
            let (_, id) = directory(state, node)?.remove(at);
            if let Ok(replaced) = position(state, to, &new) {
                directory(state, to)?.remove(replaced);
            }
            directory(state, to)?.push((new, id));
            state.touch(index(node));
            state.touch(index(to));
            Ok(Vec::new())
        }
        GETATTR => Ok(attributes_for_none(state, node)),
        SETATTR => {
            const SIZE: u64 = 1 << 3;
            if body(0, 4) & SIZE != 0 {
                let size = usize::try_from(body(16, 8)).unwrap();
                state.touch(index(node));
                file(state, node)?.resize(size, 0);
            }
            Ok(attributes_for_none(state, node))
        }
        CREATE => {
            let name = name(request, 16);
            let id = state.nodes.len() as u64 + 1;
            directory(state, node)?.push((name, id));
            state.nodes.push(Node::File(Vec::new()));
            state.touch(index(id));
            let mut out = entry(state, id);
            out.resize(out.len() + 16, 0);
            Ok(out)
        }
        OPEN | OPENDIR => {
            state.opened += u64::from(opcode == OPEN);
            Ok(vec![0; 16])
        }
        READ => {
            if state.fails_reads {
                return Err(libc::EIO);
            }
            let (from, most) = (body(8, 8), body(16, 4));
            let bytes = file(state, node)?.iter().copied();
            let from = usize::try_from(from).unwrap();
            Ok(bytes
                .skip(from)
                .take(usize::try_from(most).unwrap())
                .collect())
        }
        WRITE => {
            let (from, size) = (body(8, 8), body(16, 4));
            let (from, size) = (
                usize::try_from(from).unwrap(),
                usize::try_from(size).unwrap(),
            );
            let bytes = &request[HEADER + 40..HEADER + 40 + size];
            state.touch(index(node));
            let file = file(state, node)?;
            file.resize(file.len().max(from + size), 0);
            file[from..from + size].copy_from_slice(bytes);
            let mut out = u32::try_from(size).unwrap().to_ne_bytes().to_vec();
            out.resize(8, 0);
            Ok(out)
        }
        READDIR => {
            let (from, most) = (body(8, 8), body(16, 4));
            listing(state, node, from, usize::try_from(most).unwrap())
        }
        STATFS => Ok(vec![0; 80]),
        RELEASE | RELEASEDIR | FLUSH => Ok(Vec::new()),
        _ => Err(libc::ENOSYS),
    }
}

fn index(node: u64) -> usize {
    usize::try_from(node - 1).unwrap()
}

fn file(state: &mut State, node: u64) -> Result<&mut Vec<u8>, i32> {
    match &mut state.nodes[index(node)] {
        Node::File(bytes) => Ok(bytes),
        Node::Directory(_) => Err(libc::EISDIR),
    }
}

fn directory(state: &mut State, node: u64) -> Result<&mut Vec<(String, u64)>, i32> {
    match &mut state.nodes[index(node)] {
        Node::Directory(children) => Ok(children),
        Node::File(_) => Err(libc::ENOTDIR),
    }
}

/// Where a name is in its directory.
fn position(state: &mut State, node: u64, name: &str) -> Result<usize, i32> {
    let ignores_case = state.ignores_case;
    let is_it = |known: &String| known == name || ignores_case && known.eq_ignore_ascii_case(name);
    let mut children = directory(state, node)?.iter();
    let found = children.position(|(known, _)| is_it(known));
    found.ok_or(libc::ENOENT)
}

/// struct fuse_entry_out, with answers that are good for no time.
fn entry(state: &State, node: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [node, 0, 0, 0, 0] {
        out.extend(field.to_ne_bytes());
    }
    out.extend(attributes(state, node));
    out
}

/// struct fuse_attr_out.
fn attributes_for_none(state: &State, node: u64) -> Vec<u8> {
    let mut out = vec![0; 16];
    out.extend(attributes(state, node));
    out
}

/// struct fuse_attr.
fn attributes(state: &State, node: u64) -> Vec<u8> {
    let (mode, size) = match &state.nodes[index(node)] {
        Node::Directory(_) => (libc::S_IFDIR | 0o755, 0),
        Node::File(bytes) => (libc::S_IFREG | 0o644, bytes.len() as u64),
    };
    let time = state.times.get(index(node)).copied().unwrap_or(START);
    let time = time.cast_unsigned();
    let mut out = Vec::new();
    for field in [node, size, size.div_ceil(512), time, time, time] {
        out.extend(field.to_ne_bytes());
    }
    for field in [0_u32, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
        out.extend(field.to_ne_bytes());
    }
    out
}

/// As many entries as fit, each struct fuse_dirent and its name.
fn listing(state: &mut State, node: u64, from: u64, most: usize) -> Result<Vec<u8>, i32> {
    let mut out = Vec::new();
    let children = directory(state, node)?.clone();
    for (at, (name, id)) in children
        .iter()
        .enumerate()
        .skip(usize::try_from(from).unwrap())
    {
        let is_dir = matches!(state.nodes[index(*id)], Node::Directory(_));
        let sort = if is_dir { libc::DT_DIR } else { libc::DT_REG };
        let length = (24 + name.len()).next_multiple_of(8);
        if out.len() + length > most {
            break;
        }
        let end = out.len() + length;
        out.extend(id.to_ne_bytes());
        out.extend((at as u64 + 1).to_ne_bytes());
        out.extend(u32::try_from(name.len()).unwrap().to_ne_bytes());
        out.extend(u32::from(sort).to_ne_bytes());
        out.extend(name.as_bytes());
        out.resize(end, 0);
    }
    Ok(out)
}
