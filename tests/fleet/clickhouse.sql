-- The records of all hosts in ClickHouse, which spreads over machines. A record that is
-- sent again replaces itself when parts are merged; `final` does so while reading.
create table record (
    host String,
    session String,
    seq UInt64,
    time String,
    event String,
    kind String,
    path String,
    path_hex String,
    size UInt64,
    sha256 String
) engine = ReplacingMergeTree() order by (host, session, seq);

-- Each session: whether its snapshot is complete, and whether a record is missing.
create view session_state as
    select host, session, min(time) as began, max(time) as last,
           countIf(event = 'ready') > 0 as is_ready,
           uniqExact(seq) as records, max(seq) + 1 - uniqExact(seq) as missing
    from record group by host, session;

-- The session that speaks for a host: the newest that has `ready`.
create view current_session as
    select host, max(session) as session from session_state where is_ready group by host;

-- The tree of every host: the last record of each path.
create view tree as
    select host, path_key as path_hex, any_path as path, last_kind as kind,
           last_size as size, last_sha256 as sha256
    from (
        select host, if(path_hex = '', lower(hex(path)), path_hex) as path_key,
               argMax(path, seq) as any_path, argMax(kind, seq) as last_kind,
               argMax(size, seq) as last_size, argMax(sha256, seq) as last_sha256,
               argMax(event, seq) as last_event
        from record
        where event in ('existing', 'created', 'changed', 'deleted')
          and (host, session) in (select host, session from current_session)
        group by host, path_key
    )
    where last_event != 'deleted';

-- The changes of all hosts, without the snapshots.
create view change as
    select host, session, seq, time, event, path, sha256 from record final
    where event in ('created', 'changed', 'deleted');
