//! Tests what a service manager is notified of (sd_notify(3)), on a socket like its own.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::skips::without_program;
use common::{DEADLINE, Tree, serve, sys};
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

/// Sets the watchdog's process id to that of the wrapper, which exec(2) keeps.
const OURS: &str = "WATCHDOG_PID=$$ exec \"$@\"";

struct Manager {
    socket: UnixDatagram,
    /// `NOTIFY_SOCKET=` and the name.
    variable: String,
}

impl Manager {
    /// Listens at a path beside the tree.
    fn at_path(tree: &Tree) -> Self {
        let path = tree.outside("notify");
        Self::new(UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap())
    }

    /// Listens under a name without a file.
    fn abstractly(tree: &Tree) -> Self {
        let name = tree.outside("notify").to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self::new(
            UnixDatagram::bind_addr(&address).unwrap(),
            &format!("@{name}"),
        )
    }

    fn new(socket: UnixDatagram, name: &str) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self {
            socket,
            variable: format!("NOTIFY_SOCKET={name}"),
        }
    }

    fn receive(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = self
            .socket
            .recv(&mut message)
            .expect("the manager receives nothing");
        let text = str::from_utf8(&message[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for a message with this line; the messages before it.
    fn until(&self, line: &str) -> Vec<Vec<String>> {
        let mut before = Vec::new();
        loop {
            let message = self.receive();
            if message.iter().any(|each| each == line) {
                return before;
            }
            before.push(message);
        }
    }

    fn rest(&self) -> Vec<Vec<String>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut rest = Vec::new();
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            rest.push(
                String::from_utf8_lossy(&message[..length])
                    .lines()
                    .map(str::to_owned)
                    .collect(),
            );
        }
        rest
    }
}

#[test]
fn it_notifies_of_being_ready_of_its_status_and_of_its_stop() {
    for find in [Manager::at_path, Manager::abstractly] {
        let tree = Tree::new();
        tree.mkdir("directory");
        let manager = find(&tree);
        let watch = tree.watch().through(&["env", &manager.variable]).spawn();
        let pid = format!("MAINPID={}", watch.pid());
        let ready = ["READY=1", &pid, "STATUS=Watching: 2 directories, 0 files"];
        assert_eq!(manager.receive(), ready);
        watch.stop();
        assert_eq!(manager.receive(), ["STOPPING=1", "STATUS=Stopping"]);
        assert_eq!(
            manager.rest(),
            Vec::<Vec<String>>::new(),
            "nobody has asked for a watchdog"
        );
    }
}

#[test]
fn it_is_ready_only_when_what_happens_is_seen() {
    let tree = Tree::new();
    tree.mkdirs("a/b/c");
    let manager = Manager::at_path(&tree);
    let mut watch = tree.watch().through(&["env", &manager.variable]).spawn();
    manager.until("READY=1");
    tree.touch("a/b/c/d");
    watch.expect(&["New file: ./a/b/c/d"]);
    watch.stop();
}

#[test]
fn what_cannot_start_is_never_ready() {
    let tree = Tree::new();
    let manager = Manager::at_path(&tree);
    let ended = tree
        .watch()
        .through(&["env", &manager.variable])
        .args(["missing"])
        .spawn()
        .wait();
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(manager.rest(), Vec::<Vec<String>>::new());
}

#[test]
fn the_watchdog_is_notified_as_often_as_it_asks() {
    let tree = Tree::new();
    let manager = Manager::at_path(&tree);
    let words = [
        "env",
        &manager.variable,
        "WATCHDOG_USEC=100000",
        "sh",
        "-c",
        OURS,
        "sh",
    ];
    let watch = tree.watch().through(&words).spawn();
    manager.until("READY=1");
    let mut last = std::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(manager.receive(), ["WATCHDOG=1"]);
        assert!(last.elapsed() < DEADLINE);
        last = std::time::Instant::now();
    }
    watch.signal(sys::SIGTERM);
    manager.until("STOPPING=1");
    assert_eq!(watch.wait().status.code(), Some(0));
}

#[test]
fn the_watchdog_of_another_process_is_left_alone() {
    let tree = Tree::new();
    let manager = Manager::at_path(&tree);
    let words = [
        "env",
        &manager.variable,
        "WATCHDOG_USEC=1000",
        "WATCHDOG_PID=1",
    ];
    let mut watch = tree.watch().through(&words).spawn();
    assert!(manager.until("READY=1").is_empty());
    // A file held open is reported as changed 50 ms later: by then it would have been received.
    watch.silence();
    watch.stop();
    assert!(manager.until("STOPPING=1").is_empty());
}

#[test]
fn a_log_that_is_opened_anew_is_a_reload() {
    let tree = Tree::new();
    let manager = Manager::at_path(&tree);
    let log = ["--log-file", "../outside/log"];
    let watch = tree
        .watch()
        .through(&["env", &manager.variable])
        .args(log)
        .spawn();
    manager.until("READY=1");
    fs::rename(tree.outside("log"), tree.outside("log.1")).unwrap();
    watch.signal(sys::SIGHUP);
    let message = manager.receive();
    assert_eq!(message[0], "RELOADING=1");
    let micros = message[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(micros.parse::<u64>().unwrap() > 0);
    assert_eq!(manager.receive(), ["READY=1"]);
    assert!(tree.outside("log").exists());
    watch.stop();
}

#[test]
fn a_daemon_notifies_of_its_pid() {
    let tree = Tree::new();
    let manager = Manager::at_path(&tree);
    let args = [
        "--daemon",
        "--log-file",
        "../outside/log",
        "--pid-file",
        "../outside/pid",
        "--timeout",
        "0.1",
    ];
    let ended = tree
        .watch()
        .through(&["env", &manager.variable])
        .args(args)
        .spawn()
        .wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let ready = manager.receive();
    assert_eq!(ready[0], "READY=1");
    assert_ne!(ready[1], format!("MAINPID={}", std::process::id()));
    assert!(ready[1].starts_with("MAINPID="), "{ready:?}");
    assert_eq!(manager.receive(), ["STOPPING=1", "STATUS=Stopping"]);
}

#[test]
fn a_manager_that_is_not_there_disturbs_nobody() {
    let tree = Tree::new();
    for name in [
        "NOTIFY_SOCKET=/nowhere/at/all",
        "NOTIFY_SOCKET=@nobody",
        "NOTIFY_SOCKET=vsock:2:1",
    ] {
        let watch = tree
            .watch()
            .through(&["env", name, "WATCHDOG_USEC=1000"])
            .start();
        watch.stop();
    }
}

#[test]
fn the_service_of_the_unit_goes_on_in_its_log_after_a_restart() {
    let printed = serve::run(&Tree::new(), &["--print-unit"]);
    let unit = String::from_utf8(printed.stdout).unwrap();
    let start = "ExecStart=/usr/local/bin/balerion ";
    let line = unit.lines().find_map(|line| line.strip_prefix(start));
    let tree = Tree::new();
    tree.write("there", "x");
    let (root, log) = (tree.root(), tree.outside("srv.json"));
    let args: Vec<_> = line
        .unwrap()
        .split(' ')
        .map(|word| match word {
            "/srv" => root.to_str().unwrap(),
            "/var/log/balerion/srv.json" => log.to_str().unwrap(),
            _ => word,
        })
        .chain(["--timeout", "0"])
        .collect();
    let changes_of_a_start = || {
        let before = fs::read_to_string(&log).unwrap_or_default().len();
        let output = serve::run(&tree, &args);
        assert!(
            output
                .status
                .code()
                .is_some_and(|code| code == 0 || code == 3)
        );
        let text = fs::read_to_string(&log).unwrap()[before..].to_owned();
        ["existing", "created", "deleted"].map(|event| {
            let event = format!("\"event\":\"{event}\"");
            text.matches(&event).count()
        })
    };
    assert_eq!(changes_of_a_start(), [2, 0, 0]);
    tree.write("new", "y");
    tree.remove("there");
    assert_eq!(changes_of_a_start(), [0, 1, 1]);
}

#[test]
fn the_unit_of_the_readme_is_one_that_systemd_accepts() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let unit = readme.split_once("```ini\n").unwrap().1;
    let unit = unit.split_once("```\n").unwrap().0;
    let installed = "ExecStart=/usr/local/bin/balerion ";
    assert!(unit.contains(installed), "{unit}");
    let ours = format!("ExecStart={} ", env!("CARGO_BIN_EXE_balerion"));
    let tree = Tree::new();
    tree.write("balerion.service", unit.replace(installed, &ours));
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]);
    verify.arg(tree.path("balerion.service"));
    match verify.output() {
        Ok(output) => {
            // Messages about other units of the system do not count.
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("balerion"), "{stderr}");
        }
        Err(error) => without_program(
            "the_unit_of_the_readme…",
            &format!("systemd-analyze ({error})"),
        ),
    }
}
