//! Tests the rules against a disk in memory: every hazard that can be replayed without a
//! kernel, and the promise that what is emitted folds to the disk.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod ancestor_watches;
mod baseline;
mod by_stat;
mod cases;
mod checks;
mod content;
mod corpus;
mod depth;
mod directories;
mod file_watches;
mod filter_rules;
mod folded_names;
mod hard_links;
mod in_pieces;
mod lines;
mod linked_roots;
mod listed;
mod nested_roots;
mod optional_events;
mod property;
mod queue;
mod renames;
mod replacing;
mod unreadable;
mod waiting;
mod world;
