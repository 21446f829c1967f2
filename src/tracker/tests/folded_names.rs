//! Tests a disk that ignores the case of names, where a name can be found that is not listed.

use proptest::strategy::Strategy;

use super::super::HashPolicy;
use super::super::fake::Op;
use super::super::queue::{ScanScope, Work};
use super::cases::{all, emits_with, folds_with, write};
use super::property::{SETUP, check, options, steps_of};
use super::world::{World, WorldOptions};

fn ignoring_case() -> WorldOptions {
    WorldOptions {
        ignores_case: true,
        ..WorldOptions::default()
    }
}

#[test]
fn a_write_by_another_spelling_is_a_change_of_the_name_that_is_listed() {
    let tree = write("t/readme", 1);
    emits_with(
        &ignoring_case(),
        &tree,
        &write("t/README", 2),
        &["changed t/readme 4"],
    );
    let appended = [Op::Append(0, "t/ReadMe"), Op::Put(0, 2), Op::Shut(0)];
    emits_with(&ignoring_case(), &tree, &appended, &["changed t/readme 8"]);
}

#[test]
fn a_rename_to_another_spelling_leaves_nothing_behind() {
    let tree = all(&[
        write("t/readme", 1),
        vec![
            Op::MakeDir("t/dir"),
            Op::Symlink("t/link"),
            Op::Fifo("t/dir/fifo"),
        ],
    ]);
    let renames = [
        Op::Rename("t/readme", "t/README"),
        Op::Rename("t/dir", "t/DIR"),
        Op::Rename("t/link", "t/LINK"),
        Op::Rename("t/DIR/fifo", "t/DIR/FIFO"),
    ];
    let expected = [
        "renamed t/readme -> t/README",
        "renamed t/dir/ -> t/DIR/",
        "renamed t/link -> t/LINK",
        "renamed t/DIR/fifo -> t/DIR/FIFO",
    ];
    emits_with(&ignoring_case(), &tree, &renames, &expected);
}

#[test]
fn a_rename_by_another_spelling_is_one_of_the_name_that_is_listed() {
    let tree = all(&[
        write("t/readme", 1),
        vec![Op::MakeDir("t/dir"), Op::Fifo("t/dir/fifo")],
    ]);
    let mut world = World::quiet(&ignoring_case(), &tree);
    world.tracker.assume_folding();
    world.does(&[
        Op::Rename("t/README", "t/moved"),
        Op::Rename("t/Dir", "t/other"),
    ]);
    world.converges();
    let expected = ["renamed t/readme -> t/moved", "renamed t/dir/ -> t/other/"];
    assert_eq!(world.new_records(), expected);
}

#[test]
fn what_goes_by_another_spelling_is_gone() {
    let tree = all(&[
        write("t/readme", 1),
        write("t/other", 1),
        vec![Op::MakeDir("t/dir"), Op::Symlink("t/link")],
    ]);
    let removals = [
        Op::Unlink("t/README"),
        Op::RemoveDir("t/Dir"),
        Op::Rename("t/LINK", "o/link"),
    ];
    let options = ignoring_case();
    let mut world = World::quiet(&options, &tree);
    world.does(&removals);
    world.converges();
    let mut records = world.new_records();
    records.sort();
    assert_eq!(
        records,
        ["deleted t/dir/", "deleted t/link", "deleted t/readme"]
    );
}

#[test]
fn the_names_of_a_directory_that_is_replaced_during_its_scan_are_not_those_of_the_other_one() {
    let tree = all(&[vec![Op::MakeDir("o/x")], write("o/x/E", 1)]);
    let mut world = World::quiet(&ignoring_case(), &tree);
    world.does(&[Op::MakeDir("t/d")]);
    world.read(usize::MAX);
    world.apply_all();
    world.does(&write("t/d/e", 1));
    world.work(1);
    assert!(world.tracker.queue.is_scanning());
    world.does(&[Op::Exchange("o/x", "t/d")]);
    let top = world.tracker.roots.entries().next().unwrap();
    world.tracker.enqueue_name(top, b"d");
    world.work(3);
    let replaced = ["created t/d/", "deleted t/d/", "created t/d/"];
    assert_eq!(world.new_records()[..3], replaced);
    world.converges();
    assert_eq!(world.new_records(), ["created t/d/E 4"]);
}

#[test]
fn a_save_over_another_spelling_replaces_what_is_listed() {
    let tree = write("t/readme", 1);
    let saved = all(&[write("t/tmp", 2), vec![Op::Rename("t/tmp", "t/README")]]);
    let mut world = World::quiet(&ignoring_case(), &tree);
    world.does(&saved);
    world.converges();
    let moved_in = all(&[write("o/tmp", 2), vec![Op::Rename("o/tmp", "t/README")]]);
    emits_with(&ignoring_case(), &tree, &moved_in, &["changed t/readme 4"]);
}

#[test]
fn a_save_over_a_name_that_differs_in_the_first_letter_replaces_it() {
    let tree = all(&[write("t/E", 1), vec![Op::MakeDir("t/d")], write("t/d/E", 1)]);
    let mut world = World::quiet(&ignoring_case(), &tree);
    world.does(&all(&[
        write("t/tmp", 2),
        vec![Op::Rename("t/tmp", "t/e"), Op::Rename("t/e", "t/d/e")],
    ]));
    world.converges();
}

#[test]
fn a_scan_that_fails_half_way_is_made_again() {
    let mut world = World::quiet(&ignoring_case(), &write("t/README", 1));
    world.tracker.assume_folding();
    let save = all(&[write("t/tmp", 2), vec![Op::Rename("t/tmp", "t/readme")]]);
    world.does(&save);
    // The names that are listed are taken by a second listing.
    world.tracker.disk.lists_until_failure = Some(1);
    world.settles();
    world.retries();
    assert_eq!(world.warnings.drain(..).count(), 1);
    world.converges();
}

#[test]
fn what_moves_out_twice_in_different_spellings_is_gone() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/a", 1)]);
    let mut world = World::quiet(&ignoring_case(), &tree);
    world.does(&[Op::Rename("t/d/a", "o/a")]);
    world.catches_up();
    world.does(&write("t/d/A", 2));
    world.catches_up();
    world.does(&[Op::Unlink("o/a"), Op::Rename("t/d/a", "o/a")]);
    world.converges();
}

#[test]
fn two_saves_in_different_spellings_leave_one_name() {
    let saves = all(&[
        write("t/tmp", 2),
        vec![Op::Rename("t/tmp", "t/B")],
        write("t/tmp", 3),
        vec![Op::Rename("t/tmp", "t/b")],
    ]);
    folds_with(&ignoring_case(), &write("t/a", 1), &saves);
}

#[test]
fn a_name_that_is_gone_before_it_is_looked_up_in_another_spelling_leaves_the_question_open() {
    let mut world = World::quiet(&ignoring_case(), &write("t/a", 1));
    world.does(&all(&[
        write("t/tmp", 2),
        vec![Op::Rename("t/tmp", "t/B"), Op::Unlink("t/B")],
    ]));
    world.settles();
    world.does(&all(&[
        write("t/README", 2),
        write("t/tmp", 3),
        vec![Op::Rename("t/tmp", "t/readme")],
    ]));
    world.converges();
}

#[test]
fn a_new_directory_that_may_not_be_read_at_first_ignores_case_as_the_one_that_it_is_in() {
    let mut world = World::quiet(&ignoring_case(), &write("t/a", 1));
    world.tracker.assume_folding();
    world.does(&[Op::MakeDir("t/d"), Op::Chmod("t/d", false)]);
    world.catches_up();
    let top = world.tracker.roots.entries().next().unwrap();
    let dir = world.tracker.model.find(top, b"d").unwrap();
    assert!(world.tracker.is_folding(dir));
}

#[test]
fn a_name_that_was_listed_and_has_another_spelling_now_is_not_added() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/a", 1), write("o/x", 2)]);
    let mut world = World::quiet(&ignoring_case(), &tree);
    world.tracker.assume_folding();
    let top = world.tracker.roots.entries().next().unwrap();
    let dir = world.tracker.model.find(top, b"d").unwrap();
    world.does(&[Op::Rename("t/d/a", "t/d/A")]);
    world.tracker.queue.add(Work::scan(dir, ScanScope::All));
    world.work(1); // The scan has listed `A`.
    // The events of the directory come while it is taken to be moving: what the model has as `t/a`
    // is `d` already, and not the file that was moved into it.
    world.does(&[
        Op::Rename("o/x", "t/a"),
        Op::Rename("t/a", "t/d/x"),
        Op::Rename("t/d/A", "t/d/a"),
        Op::Rename("t/d", "t/a"),
    ]);
    world.converges();
}

/// The scan that was to remove the other spelling had listed the directory that was replaced. Without
/// a watch, its replacement has no event.
#[test]
fn a_directory_that_took_the_place_of_another_spelling_has_one_name() {
    let mut options = WorldOptions {
        roots: vec!["u", "t"],
        seed: 445,
        most_watches: 2,
        ..ignoring_case()
    };
    options.settings.hashing = HashPolicy::Eager;
    options.settings.hash_limit = 1 << 30;
    options.odds.race = 20;
    options.odds.late = 50;
    let calls = vec![
        Op::MakeDir("t/B"),
        Op::Unlink("t/a"),
        Op::Rename("t/d", "t/a"),
        Op::RemoveTree("t/a"),
        Op::RemoveTree("t/b"),
        Op::MakeDir("t/b"),
    ];
    run(&options, &[calls]);
}

/// Runs a world that knows already that case is ignored or, every second one, has to find out.
fn run(options: &WorldOptions, steps: &[Vec<Op>]) {
    let mut world = World::new(options, &SETUP);
    if options.seed.is_multiple_of(2) {
        world.tracker.assume_folding();
    }
    world.lives_through(&steps.concat());
    world.settles();
    // A file that could not be read has the event of chmod(2) for the spelling that was used, of
    // which the model may have another file.
    world.retries();
    world.converges();
}

#[test]
fn whatever_happens_under_whatever_spelling_the_model_becomes_the_disk() {
    let names = [
        "t/a", "t/A", "t/b", "t/B", "t/d", "t/D", "t/d/a", "t/D/A", "t/d/e", "t/D/E", "o/a",
    ];
    check(
        options().prop_map(|mut options| {
            // A PATH in another one keeps its path, though its name is listed otherwise.
            options.roots.retain(|root| !root.contains('/'));
            options.ignores_case = true;
            // Size and times alone may not show a write for which the name has no event.
            options.settings.hashing = HashPolicy::Eager;
            options.settings.hash_limit = 1 << 30;
            options
        }),
        steps_of(names.to_vec()),
        run,
    );
}
