//! Answers the requests of the kernel in the raw protocol of /dev/fuse, fuse(4), from a tree in
//! memory.

use super::{Node, START, State};

const LOOKUP: u64 = 1;
pub(super) const FORGET: u64 = 2;
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
pub(super) const INIT: u64 = 26;
const OPENDIR: u64 = 27;
const READDIR: u64 = 28;
const RELEASEDIR: u64 = 29;
const CREATE: u64 = 35;
pub(super) const INTERRUPT: u64 = 36;
pub(super) const BATCH_FORGET: u64 = 42;

/// Size of struct fuse_in_header.
const HEADER: usize = 40;

/// An unsigned number in a request.
pub(super) fn number(request: &[u8], at: usize, bytes: usize) -> u64 {
    let mut wide = [0; 8];
    wide[..bytes].copy_from_slice(&request[at..at + bytes]);
    u64::from_le_bytes(wide)
}

/// The name at an offset after the header.
fn name(request: &[u8], at: usize) -> String {
    let bytes = request[HEADER + at..].split(|byte| *byte == 0).next();
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// The answer to a request, or an error number.
pub(super) fn answer(state: &mut State, opcode: u64, request: &[u8]) -> Result<Vec<u8>, i32> {
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

/// The index of a name in its directory.
fn position(state: &mut State, node: u64, name: &str) -> Result<usize, i32> {
    let ignores_case = state.ignores_case;
    let is_it = |known: &String| known == name || ignores_case && known.eq_ignore_ascii_case(name);
    let mut children = directory(state, node)?.iter();
    let found = children.position(|(known, _)| is_it(known));
    found.ok_or(libc::ENOENT)
}

/// struct fuse_entry_out; the kernel may not cache it.
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
