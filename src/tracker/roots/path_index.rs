//! Finds PATHs by the paths by which they are reported.

use foldhash::HashMap;

#[derive(Default)]
pub(super) struct PathIndex {
    numbers: HashMap<Vec<u8>, u64>,
    /// How many of the paths end with a slash and this name.
    names: HashMap<Vec<u8>, usize>,
}

impl PathIndex {
    /// Adds a path; if it is there, it has this number from now on.
    pub(super) fn insert(&mut self, path: &[u8], number: u64) {
        if self.numbers.insert(path.to_vec(), number).is_none()
            && let Some(name) = last_name(path)
        {
            *self.names.entry(name.to_vec()).or_default() += 1;
        }
    }

    /// Removes a path, if it has this number.
    pub(super) fn remove(&mut self, path: &[u8], number: u64) {
        if self.numbers.get(path) != Some(&number) {
            return;
        }
        self.numbers.remove(path);
        if let Some(name) = last_name(path)
            && let Some(count) = self.names.get_mut(name)
        {
            *count -= 1;
            if *count == 0 {
                self.names.remove(name);
            }
        }
    }

    pub(super) fn get(&self, path: &[u8]) -> Option<u64> {
        self.numbers.get(path).copied()
    }

    /// Whether a path ends with a slash and this name.
    pub(super) fn has_name(&self, name: &[u8]) -> bool {
        self.names.contains_key(name)
    }
}

fn last_name(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    Some(&path[slash + 1..])
}

#[cfg(test)]
mod tests {
    use super::PathIndex;

    #[test]
    fn a_name_is_known_as_long_as_a_path_ends_with_it() {
        let mut index = PathIndex::default();
        index.insert(b"a/c", 1);
        index.insert(b"b/c", 2);
        index.insert(b"c", 3);
        index.insert(b"a/c", 4);
        index.remove(b"a/c", 1);
        assert_eq!(index.get(b"a/c"), Some(4), "it has another number by now");
        index.remove(b"a/c", 4);
        assert!(index.has_name(b"c") && index.get(b"a/c").is_none());
        index.remove(b"b/c", 2);
        assert!(!index.has_name(b"c"), "it is not in a directory");
        assert_eq!(index.get(b"c"), Some(3));
    }
}
