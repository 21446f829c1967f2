//! Runs one process under measurement, and notes when it printed each line, what it used, and its
//! end. All times are taken when the bytes have been read from its pipe, for every tool alike.
use crate::Fallible;
use crate::sys;
use crate::tools::{Kind, Line, Tool};
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// The time for the kernel to free the watches of a process that is gone.
/// The time for a tool that does not print when it is ready.
const UNANNOUNCED: Duration = Duration::from_secs(1);
const AFTERMATH: Duration = Duration::from_millis(100);

/// The bytes read from a pipe so far.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    /// After each read: how much there was then, and when that was.
    reads: Vec<(usize, Instant)>,
    ended: bool,
}

/// A pipe which a thread of its own empties as fast as it can.
#[derive(Default)]
struct Pipe {
    received: Mutex<Received>,
    more: Condvar,
}

impl Pipe {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().expect("the reader does not panic")
    }

    fn listen(mut from: impl Read + Send + 'static) -> (Arc<Self>, JoinHandle<()>) {
        let pipe = Arc::new(Self::default());
        let shared = Arc::clone(&pipe);
        let reader = thread::spawn(move || {
            let mut chunk = vec![0; 1 << 16];
            loop {
                let length = from.read(&mut chunk).unwrap_or(0);
                let now = Instant::now();
                let mut received = shared.received();
                received.bytes.extend_from_slice(&chunk[..length]);
                let total = received.bytes.len();
                received.reads.push((total, now));
                received.ended = length == 0;
                shared.more.notify_all();
                if received.ended {
                    return;
                }
            }
        });
        (pipe, reader)
    }

    /// When `word` had been read; nothing if the pipe was closed or the limit passed before.
    fn wait_for(&self, word: &str) -> Option<Instant> {
        let until = Instant::now() + LIMIT;
        let mut from = 0;
        let mut received = self.received();
        loop {
            let found = received.bytes[from..]
                .windows(word.len())
                .position(|window| window == word.as_bytes());
            if let Some(at) = found {
                let end = from + at + word.len();
                let enough = received.reads.iter().find(|(length, _)| *length >= end);
                return enough.map(|(_, time)| *time);
            }
            let left = until.saturating_duration_since(Instant::now());
            if received.ended || left.is_zero() {
                return None;
            }
            from = (received.bytes.len() + 1).saturating_sub(word.len());
            received = self.more.wait_timeout(received, left).ok()?.0;
        }
    }
}

/// One process under measurement. Dropping it kills it.
pub(crate) struct Run {
    child: Child,
    pid: libc::pid_t,
    label: &'static str,
    ready: &'static str,
    /// The word that shows that every file has been read, if there is one.
    baseline: Option<&'static str>,
    kind: Kind,
    /// Just before it was started.
    began: Instant,
    out: Arc<Pipe>,
    err: Arc<Pipe>,
    readers: Vec<JoinHandle<()>>,
}

impl Run {
    pub(crate) fn start(tool: &Tool, tree: &Path) -> Fallible<Self> {
        Self::start_then(tool, tree, || Ok(()))
    }

    /// Starts a tool on a tree, and calls `then` before the threads that read its pipes start.
    pub(crate) fn start_then(
        tool: &Tool,
        tree: &Path,
        then: impl FnOnce() -> io::Result<()>,
    ) -> Fallible<Self> {
        let mut command = Command::new(&tool.program);
        command.args(&tool.arguments).arg(tree);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", tool.label))?;
        then()?;
        let (out, out_reader) = Pipe::listen(child.stdout.take().ok_or("no stdout")?);
        let (err, err_reader) = Pipe::listen(child.stderr.take().ok_or("no stderr")?);
        Ok(Self {
            pid: libc::pid_t::try_from(child.id())?,
            child,
            label: tool.label,
            ready: tool.ready,
            baseline: tool.baseline,
            kind: tool.kind,
            began,
            out,
            err,
            readers: vec![out_reader, err_reader],
        })
    }

    /// Starts a tool and waits until there is nothing more that it has to do.
    pub(crate) fn start_and_wait(tool: &Tool, tree: &Path) -> Fallible<Self> {
        let run = Self::start(tool, tree)?;
        run.wait()?;
        Ok(run)
    }

    /// Waits until there is nothing more that it has to do.
    pub(crate) fn wait(&self) -> Fallible<()> {
        self.ready()?;
        self.baseline()?;
        thread::sleep(AFTERMATH);
        Ok(())
    }

    pub(crate) fn ready(&self) -> Fallible<Duration> {
        if self.ready.is_empty() {
            thread::sleep(UNANNOUNCED);
            self.settle(UNANNOUNCED)?;
            return Ok(self.began.elapsed());
        }
        let pipe = match self.kind {
            Kind::Balerion => &self.out,
            Kind::Inotifywait => &self.err,
        };
        self.time_of(pipe, self.ready)
    }

    /// From exec to every file having been read, if the tool shows that.
    pub(crate) fn baseline(&self) -> Fallible<Option<Duration>> {
        self.baseline
            .map(|word| self.time_of(&self.err, word))
            .transpose()
    }

    /// From exec to a word on one of the pipes.
    fn time_of(&self, pipe: &Pipe, word: &str) -> Fallible<Duration> {
        let Some(time) = pipe.wait_for(word) else {
            let received = self.err.received();
            let text = String::from_utf8_lossy(&received.bytes);
            let last = text.lines().last().unwrap_or("nothing");
            return Err(format!(
                "{} never said `{word}`; stderr ended with: {last}",
                self.label
            )
            .into());
        };
        Ok(time.duration_since(self.began))
    }

    pub(crate) fn cpu(&self) -> Fallible<Duration> {
        Ok(sys::cpu_time(self.pid)?)
    }

    /// The peak of its resident set, in bytes.
    pub(crate) fn peak_memory(&self) -> Fallible<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        Ok(field(&status, "VmHWM:").ok_or("no VmHWM")? * 1024)
    }

    /// Context switches so far, of all threads that live.
    pub(crate) fn switches(&self) -> Fallible<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            for name in ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"] {
                sum += field(&status, name).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    /// Waits until it has written nothing and used hardly any CPU for so long.
    pub(crate) fn settle(&self, quiet: Duration) -> Fallible<()> {
        let until = Instant::now() + LIMIT;
        let (mut size, mut cpu, mut since) = (0, Duration::ZERO, Instant::now());
        while since.elapsed() < quiet {
            let (size_now, cpu_now) = (self.out.received().bytes.len(), self.cpu()?);
            if size_now != size || cpu_now > cpu + Duration::from_millis(1) {
                (size, cpu, since) = (size_now, cpu_now, Instant::now());
            }
            if Instant::now() > until {
                return Err(format!("{} does not come to rest", self.label).into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn stop(&mut self) -> Fallible<Duration> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("{} ended before it was asked to: {status}", self.label).into());
        }
        let asked = Instant::now();
        sys::terminate(self.pid)?;
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > LIMIT / 6 {
                return Err(format!("{} does not end at SIGTERM", self.label).into());
            }
            thread::sleep(Duration::from_micros(50));
        }
        let took = asked.elapsed();
        for reader in self.readers.drain(..) {
            reader.join().map_err(|_| "a reader panicked")?;
        }
        thread::sleep(AFTERMATH);
        Ok(took)
    }

    /// All lines about paths, and when each could be read.
    pub(crate) fn lines(&self) -> Vec<(Instant, Line)> {
        let received = self.out.received();
        let mut reads = received.reads.iter().peekable();
        let (mut end, mut lines) = (0, Vec::new());
        for line in received.bytes.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            while reads.next_if(|(length, _)| *length < end).is_some() {}
            let line = self.kind.read(line.trim_ascii_end());
            lines.extend(reads.peek().map(|(_, time)| *time).zip(line));
        }
        lines
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Of a process that has been waited for, these do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
        for reader in self.readers.drain(..) {
            drop(reader.join());
        }
    }
}

/// The number after a name in a file of /proc.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
