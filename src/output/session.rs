//! Numbers the records of a session from 0 without a gap.
//!
//! Knows no fields of records. Invariant: (host, session, seq) is given once.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// The fields of a `start` record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    pub(crate) version: &'static str,
    /// The PATHs as given.
    pub(crate) paths: Vec<Vec<u8>>,
    /// The PATHs as absolute paths, in the same order.
    pub(crate) absolute: Vec<Vec<u8>>,
    /// The value of `--hash`.
    pub(crate) hash: &'static str,
    /// The session that this one resumes.
    pub(crate) resumes: Option<String>,
}

/// What identifies a record among those of all hosts.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) host: &'a str,
    pub(super) session: &'a str,
    pub(super) seq: u64,
}

impl Header {
    /// `paths`: the PATHs as given. `absolute`: as absolute paths.
    pub(crate) fn new(paths: &[Vec<u8>], absolute: Vec<Vec<u8>>, hash: &'static str) -> Self {
        Self {
            version: env!("BALERION_VERSION"),
            paths: paths.to_vec(),
            absolute,
            hash,
            resumes: None,
        }
    }
}

/// A UUIDv7. Its random part comes from the standard library's hash keys, which are random in
/// every process: the source of the uuid crate aborts if there is neither getrandom(2) nor
/// /dev/urandom, as for a static binary in a bare root directory.
fn new_id(millis: u64) -> Uuid {
    let keys = RandomState::new();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&keys.hash_one(0).to_ne_bytes());
    random[8..].copy_from_slice(&keys.hash_one(1).to_ne_bytes()[..2]);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Milliseconds since 1970.
fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

pub(super) struct Session {
    /// A UUIDv7 with hyphens.
    id: String,
    /// The time in `id`, in milliseconds since 1970. Each is later than the one before, so
    /// that two sessions of one millisecond are in order.
    millis: u64,
    host: Option<String>,
    pub(super) header: Header,
    /// The sequence number of the next record.
    seq: u64,
}

impl Session {
    /// A session that has not begun; `begin` begins the first.
    pub(super) fn new(host: Option<String>, header: Header) -> Self {
        Self {
            id: String::new(),
            millis: 0,
            host,
            header,
            seq: 0,
        }
    }

    /// Begins the next session.
    pub(super) fn begin(&mut self) {
        if !self.id.is_empty() {
            // A later session begins with a snapshot.
            self.header.resumes = None;
        }
        self.millis = now_millis().max(self.millis.saturating_add(1));
        self.id = new_id(self.millis).to_string();
        self.seq = 0;
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The key of the next record, if records have one.
    pub(super) fn key(&self) -> Option<Key<'_>> {
        let host = self.host.as_deref()?;
        Some(Key {
            host,
            session: &self.id,
            seq: self.seq,
        })
    }

    /// Goes on to the next sequence number.
    pub(super) fn advance(&mut self) {
        self.seq += 1;
    }
}

#[cfg(test)]
mod tests {
    use uuid::{Uuid, Version};

    use super::{Header, Session};

    #[test]
    fn only_the_first_session_resumes_another() {
        let header = Header {
            resumes: Some("before".to_owned()),
            ..Header::default()
        };
        let mut session = Session::new(None, header);
        session.begin();
        assert_eq!(session.header.resumes.as_deref(), Some("before"));
        session.begin();
        assert_eq!(session.header.resumes, None);
    }

    #[test]
    fn each_session_has_a_new_time_ordered_uuid_and_is_numbered_from_0() {
        let mut session = Session::new(Some("h".to_owned()), Header::default());
        session.begin();
        let first = session.id().to_owned();
        let version = Uuid::parse_str(&first).expect("a UUID").get_version();
        assert_eq!(version, Some(Version::SortRand));
        session.advance();
        session.advance();
        assert_eq!(session.key().map(|key| key.seq), Some(2));
        for _ in 0..100 {
            let before = session.id().to_owned();
            session.begin();
            assert!(session.id() > before.as_str());
        }
        assert!(session.id() > first.as_str());
        assert_eq!(session.key().map(|key| key.seq), Some(0));
    }

    #[test]
    fn without_a_host_records_have_no_key() {
        let mut session = Session::new(None, Header::default());
        session.begin();
        assert!(session.key().is_none());
    }
}
