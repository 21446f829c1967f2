//! Tests events in directories whose rule files are read.

use super::super::fake::Op;
use super::cases::{touch, write};
use super::world::{MS, World, WorldOptions};
use crate::filter::{Filter, FilterOptions};

#[test]
fn a_directory_that_is_removed_by_a_write_in_it_is_not_asked_for_its_rules() {
    let tmpfile = [Op::Unnamed(0, "t/d"), Op::LinkOpen(0, "t/d/a")];
    let rule_file = touch("t/d/.gitignore");
    let rules = write("o/d/.gitignore", 1);
    for (made, ops) in [(&rule_file[..], &rules[..]), (&tmpfile, &[Op::Shut(0)])] {
        let mut world = World::quiet(&WorldOptions::default(), &[Op::MakeDir("t/d")]);
        world.tracker.filter = Filter::new(&FilterOptions {
            exclude: &["#*".to_owned()],
            exclude_from: &[],
            include: &[],
            gitignore: true,
        })
        .unwrap();
        world.does(made);
        world.catches_up();
        world.does(&[Op::Rename("t/d", "o/d")]);
        world.catches_up();
        world.passes(60 * MS);
        // The end of the wait for IN_MOVED_TO, but not yet what follows from it.
        world.work(1);
        world.does(ops);
        world.settles();
        assert_eq!(world.new_records().last().unwrap(), "deleted t/d/");
    }
}

#[test]
fn globs_match_names_however_far_below_the_path_they_are() {
    let mut path = String::from("t");
    let mut tree = Vec::new();
    while path.len() < 5_000 {
        path.push('/');
        path.push_str(&"d".repeat(250));
        tree.push(Op::MakeDir(String::leak(path.clone())));
    }
    let options = WorldOptions {
        exclude: vec!["*.o"],
        ..WorldOptions::default()
    };
    let mut world = World::quiet(&options, &tree);
    for name in ["a.o", "a.c"] {
        let name: &'static str = String::leak(format!("{path}/{name}"));
        world.does(&touch(name));
    }
    world.converges();
    assert_eq!(world.new_records(), [format!("created {path}/a.c 0")]);
}
