//! Gives sizes and times, which the model does not keep: of files, as the baseline or the walk
//! found them; of directories, as they are now.

use crate::change::{InodeTimes, Kind};
use crate::since::Since;
use crate::tracker::Tracker;
use crate::tracker::model::Id;

pub(super) struct Metadata<'a, D> {
    pub(super) since: &'a Since,
    pub(super) tracker: &'a Tracker<D>,
    pub(super) found: &'a [Option<(u64, InodeTimes)>],
    pub(super) directory_times: &'a mut dyn FnMut(Id) -> Option<InodeTimes>,
}

impl<D> Metadata<'_, D> {
    /// Inode number and times of a file or a directory.
    pub(super) fn times(&mut self, id: Id) -> Option<InodeTimes> {
        match self.tracker.model.kind(id) {
            Kind::File => self.file(id).map(|(_, times)| times),
            Kind::Directory => (self.directory_times)(id),
            Kind::Symlink | Kind::Other => None,
        }
    }

    /// The size of a file; `None` for all else.
    pub(super) fn size(&self, id: Id) -> Option<u64> {
        match self.tracker.model.kind(id) {
            Kind::File => self.file(id).map(|(size, _)| size),
            Kind::Directory | Kind::Symlink | Kind::Other => None,
        }
    }

    fn file(&self, id: Id) -> Option<(u64, InodeTimes)> {
        let found = self.found.get(id.index()).copied().flatten();
        found
            .filter(|(size, times)| self.tracker.is_known_as(id, *size, *times))
            .or_else(|| self.unchanged_file(id))
    }

    /// Size and times of a file that the walk found as it was reported: by its name in its
    /// directory, though a PATH may give it another path.
    fn unchanged_file(&self, id: Id) -> Option<(u64, InodeTimes)> {
        let model = &self.tracker.model;
        let dir = model.parent(id)?;
        let mut path = Vec::new();
        self.tracker.write_path(dir, &mut path);
        let old = self.since.at_path(&path)?;
        let old = self.since.tree().child(old, model.name(id))?;
        self.since.size_and_times_if_unchanged(old)
    }
}
