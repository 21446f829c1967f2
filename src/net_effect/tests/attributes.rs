//! Tests what the net effect of changes of mode, owner and extended attributes is.

use super::super::{NetEffect, net_effect};
use super::show;
use super::trees::{changed, content, created, deleted, digest, renamed};
use crate::change::{Attributes, Before, Change, Content, Kind, OwnedChange};

const ATTRIBUTES: Attributes = Attributes {
    mode: 0o644,
    uid: 0,
    gid: 0,
};

const PRIVATE: Attributes = Attributes {
    mode: 0o600,
    ..ATTRIBUTES
};

/// A file that is made with this mode and owner.
fn made(path: &str, attributes: Attributes) -> OwnedChange {
    let change = Change::Created {
        kind: Kind::File,
        path: path.into(),
        content: content(1),
        entered: true,
        attributes: Some(attributes),
    };
    let before = None;
    OwnedChange { change, before }
}

/// What was reported of a file with these bytes.
fn file(bytes: u8, attributes: Attributes) -> Option<Before> {
    Some(Before {
        attributes: Some(attributes),
        ..Before::new(Kind::File, Some(digest(bytes)))
    })
}

/// A change of the extended attribute with this name.
fn xattr_changed(name: &str) -> OwnedChange {
    let change = Change::AttributesChanged {
        kind: Kind::File,
        path: b"a".to_vec(),
        new: ATTRIBUTES,
        old: Some(ATTRIBUTES),
        xattrs: format!("{name}\0").into_bytes(),
    };
    OwnedChange {
        change,
        before: None,
    }
}

#[test]
fn names_of_extended_attributes_count_in_what_makes_it_full() {
    let mut effect = NetEffect::default();
    for _ in 0..1_000 {
        effect.apply(xattr_changed("user.same"));
    }
    assert!(!effect.is_full());
    let name = |number| format!("user.{number:0200}");
    for number in 0..20 {
        effect.apply(xattr_changed(&name(number)));
    }
    assert!(effect.is_full());
    let change = effect.take(0).next().map(|owned| owned.change);
    let Some(Change::AttributesChanged { xattrs, .. }) = change else {
        panic!("{change:?}");
    };
    let names = xattrs.split_inclusive(|&byte| byte == 0);
    assert_eq!(names.count(), 21);
}

#[test]
fn what_is_created_has_the_attributes_that_were_found_later() {
    let found = Change::AttributesChanged {
        kind: Kind::File,
        path: b"a".to_vec(),
        new: ATTRIBUTES,
        old: None,
        xattrs: Vec::new(),
    };
    let found = OwnedChange {
        change: found,
        before: None,
    };
    let changes = net_effect(&[created("a", Kind::File, Content::default()), found], 0);
    let [OwnedChange { change, .. }] = &changes[..] else {
        panic!("{changes:?}");
    };
    let Change::Created { attributes, .. } = change else {
        panic!("{change:?}");
    };
    assert_eq!(*attributes, Some(ATTRIBUTES));
}

#[test]
fn what_is_made_anew_is_compared_with_the_attributes_before_the_first_change() {
    let restricted = OwnedChange {
        change: Change::AttributesChanged {
            kind: Kind::File,
            path: b"a".to_vec(),
            new: PRIVATE,
            old: Some(ATTRIBUTES),
            xattrs: Vec::new(),
        },
        before: None,
    };
    for (attributes, expected) in [(ATTRIBUTES, ""), (PRIVATE, "mode a Some(420) 384")] {
        let changes = [
            restricted.clone(),
            deleted("a", Kind::File, file(1, PRIVATE)),
            made("a", attributes),
        ];
        assert_eq!(show(&net_effect(&changes, 0)), expected);
    }
}

#[test]
fn what_replaces_a_file_is_compared_with_the_attributes_of_that() {
    let old = file(2, ATTRIBUTES);
    let replace = |attributes| {
        let made_anew = [deleted("a", Kind::File, old), made("a", attributes)];
        let saved = [made("t", attributes), renamed("t", "a", Kind::File, old)];
        let written = changed("a", 3, old);
        let twice = [&[written][..], &saved[..]].concat();
        [made_anew.to_vec(), saved.to_vec(), twice]
    };
    for changes in replace(ATTRIBUTES) {
        assert_eq!(show(&net_effect(&changes, 0)), "M a 1");
    }
    for changes in replace(PRIVATE) {
        let expected = "M a 1\nmode a Some(420) 384";
        assert_eq!(show(&net_effect(&changes, 0)), expected);
    }
}

#[test]
fn what_moved_and_was_written_to_is_created_with_its_attributes() {
    let changes = [
        renamed("a", "b", Kind::File, None),
        changed("b", 2, file(1, PRIVATE)),
        made("a", ATTRIBUTES),
    ];
    let changes = net_effect(&changes, 0);
    assert_eq!(show(&changes), "C b 2\nmode a Some(384) 420");
    let Change::Created { attributes, .. } = changes[0].change else {
        panic!("{changes:?}");
    };
    assert_eq!(attributes, Some(PRIVATE));
}
