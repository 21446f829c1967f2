//! Turns files into digests: in the loop, or on worker threads of lower priority.
//!
//! Never decides what is read or whether it has changed. Invariant: a digest comes with the
//! status of the file before it was read, and whether that was still the same afterwards.

mod files_by_owner;
mod in_place;
mod job;
mod job_queue;
mod reader;
mod regular_file;
mod workers;

pub(crate) use in_place::InPlace;
pub(crate) use job::{Answers, DirectoryPath, FileJob, ReadBatch};
pub(crate) use reader::bytes_read;
pub(crate) use regular_file::RegularFile;
pub(crate) use workers::{Done, Workers};
