//! Applies a tool's lines in order to the tree that was there before. The result must be the tree
//! on disk.
use crate::tools::{Change, Line};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Names, each with the digest of its bytes if it is a file and they are known.
#[derive(Default)]
pub(crate) struct Model(BTreeMap<String, Option<String>>);

impl Model {
    /// The tree on disk below a directory.
    pub(crate) fn of_disk(directory: &Path) -> io::Result<Self> {
        let mut model = Self::default();
        model.add(directory)?;
        Ok(model)
    }

    /// Adds what is on disk below a directory.
    fn add(&mut self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let digest = if path.is_dir() {
                self.add(&path)?;
                None
            } else {
                Some(hex::encode(Sha256::digest(fs::read(&path)?)))
            };
            self.0.insert(path.to_string_lossy().into_owned(), digest);
        }
        Ok(())
    }

    /// Applies one line exactly.
    pub(crate) fn apply(&mut self, line: Line) {
        match line.change {
            Change::Appeared => {
                self.0.insert(line.path, line.digest);
            }
            Change::Changed => {
                if let Some(known) = self.0.get_mut(&line.path) {
                    *known = line.digest;
                }
            }
            Change::Gone => drop(self.take(&line.path)),
            Change::Moved(from) => {
                drop(self.take(&line.path));
                for (name, digest) in self.take(&from) {
                    self.0
                        .insert(format!("{}{}", line.path, &name[from.len()..]), digest);
                }
            }
        }
    }

    /// Takes out a name and everything below it.
    fn take(&mut self, path: &str) -> Vec<(String, Option<String>)> {
        let below = format!("{path}/");
        let inside = |name: &String| name == path || name.starts_with(&below);
        let names = self.0.range(path.to_owned()..).map(|(name, _)| name);
        // Other names may sort between a directory and the names below it ("a", "a-b", "a/c").
        let names = names.take_while(|name| name.starts_with(path));
        let names: Vec<String> = names.filter(|name| inside(name)).cloned().collect();
        names
            .into_iter()
            .filter_map(|name| self.0.remove_entry(&name))
            .collect()
    }

    /// How many names differ from the truth, or, if digests count, what is in them.
    pub(crate) fn wrong(&self, truth: &Self, digests: bool) -> usize {
        let differs = |(name, digest): &(&String, &Option<String>)| match truth.0.get(*name) {
            Some(true_digest) => digests && true_digest != *digest,
            None => true,
        };
        let missing = truth.0.keys().filter(|name| !self.0.contains_key(*name));
        self.0.iter().filter(differs).count() + missing.count()
    }
}
