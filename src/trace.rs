//! Turns a kernel event into a line of `--trace`.

use crate::escape::escaped;
use crate::event::{ContentEvent, Event, NameEvent, SelfEvent, Wd};

/// The event by its names in inotify(7). `dir`: the path of the watched directory.
pub(crate) fn line(event: &Event<'_>, dir: &[u8]) -> String {
    let watch = |Wd(wd): Wd| {
        let dir = if dir.is_empty() {
            "unknown".to_owned()
        } else {
            escaped(dir)
        };
        format!("wd={wd} ({dir})")
    };
    match *event {
        Event::QueueOverflow => "trace: IN_Q_OVERFLOW wd=-1".to_owned(),
        Event::Unknown { wd, mask } => format!("trace: mask={mask:#x} {}", watch(wd)),
        Event::Inode { wd, event } => {
            let flag = match event {
                SelfEvent::DeleteSelf => "IN_DELETE_SELF",
                SelfEvent::MoveSelf => "IN_MOVE_SELF",
                SelfEvent::Unmount => "IN_UNMOUNT",
                SelfEvent::Ignored => "IN_IGNORED",
            };
            format!("trace: {flag} {}", watch(wd))
        }
        Event::InodeContent { wd, event } => {
            format!("trace: {} {}", content_flag(event), watch(wd))
        }
        Event::Name {
            wd,
            name,
            is_dir,
            event,
        } => {
            let (flag, cookie) = match event {
                NameEvent::Create => ("IN_CREATE", None),
                NameEvent::Delete => ("IN_DELETE", None),
                NameEvent::MovedFrom(cookie) => ("IN_MOVED_FROM", Some(cookie.0)),
                NameEvent::MovedTo(cookie) => ("IN_MOVED_TO", Some(cookie.0)),
                NameEvent::Content(event) => (content_flag(event), None),
            };
            let flag = if is_dir {
                format!("{flag}|IN_ISDIR")
            } else {
                flag.to_owned()
            };
            let cookie = cookie.map_or_else(String::new, |cookie| format!(" cookie={cookie}"));
            format!("trace: {flag} {}{cookie} name={}", watch(wd), escaped(name))
        }
    }
}

fn content_flag(event: ContentEvent) -> &'static str {
    match event {
        ContentEvent::Modify => "IN_MODIFY",
        ContentEvent::CloseWrite => "IN_CLOSE_WRITE",
        ContentEvent::Attrib => "IN_ATTRIB",
    }
}
