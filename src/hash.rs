//! Turns files into digests: here, or on worker threads that give way to the loop.
//!
//! Never decides what is read or whether it has changed. Invariant: a digest comes with what
//! the file was before it was read, and whether that was still so after.

mod in_place;
mod job;
mod job_queue;
mod regular_file;
mod workers;

pub(crate) use in_place::InPlace;
pub(crate) use job::{Answers, DirectoryPath, FileJob, ReadBatch};
pub(crate) use regular_file::{RegularFile, bytes_read};
pub(crate) use workers::{Done, Workers};
