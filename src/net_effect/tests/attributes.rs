//! Tests what the net effect of changes of mode, owner and extended attributes is.

use super::super::{NetEffect, net_effect};
use super::show;
use super::trees::{content, created, deleted, digest};
use crate::change::{Attributes, Before, Change, Content, Kind, OwnedChange};

const ATTRIBUTES: Attributes = Attributes {
    mode: 0o644,
    uid: 0,
    gid: 0,
};

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
    let private = Attributes {
        mode: 0o600,
        ..ATTRIBUTES
    };
    let without_before = |change| OwnedChange {
        change,
        before: None,
    };
    let restricted = without_before(Change::AttributesChanged {
        kind: Kind::File,
        path: b"a".to_vec(),
        new: private,
        old: Some(ATTRIBUTES),
        xattrs: Vec::new(),
    });
    let made = |attributes| {
        without_before(Change::Created {
            kind: Kind::File,
            path: b"a".to_vec(),
            content: content(1),
            entered: true,
            attributes: Some(attributes),
        })
    };
    let before = Some(Before::new(Kind::File, Some(digest(1))));
    for (attributes, expected) in [(ATTRIBUTES, ""), (private, "mode a Some(420) 384")] {
        let changes = [
            restricted.clone(),
            deleted("a", Kind::File, before),
            made(attributes),
        ];
        assert_eq!(show(&net_effect(&changes, 0)), expected);
    }
}
