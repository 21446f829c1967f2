-- The records of all hosts in PostgreSQL. (host, session, seq) is the key that balerion
-- gives: a record that is sent again is dropped.
create table record (
    host text not null,
    session uuid not null,
    seq bigint not null,
    line jsonb not null,
    primary key (host, session, seq)
);

-- What a record is about: the bytes of its path as hex, which also stand for names that
-- are not UTF-8.
create function path_key(line jsonb) returns text language sql immutable as
    $$ select coalesce(line->>'path_hex', encode(convert_to(line->>'path', 'UTF8'), 'hex')) $$;
create index record_path on record (host, session, path_key(line), seq desc);
create index record_digest on record ((line->>'sha256'));
create index record_time on record ((line->>'time'));

-- syslog-ng inserts lines here.
create view incoming as select ''::text as line where false;
create rule incoming_record as on insert to incoming do instead
    insert into record
    values (new.line::jsonb->>'host', (new.line::jsonb->>'session')::uuid,
            (new.line::jsonb->>'seq')::bigint, new.line::jsonb)
    on conflict do nothing;

-- Each session: whether its snapshot is complete, and whether a record is missing. A
-- UUIDv7 begins with its time, so that the greatest is the newest.
create view session_state as
    select host, session, min(line->>'time') as began, max(line->>'time') as last,
           bool_or(line->>'event' = 'ready') as is_ready,
           count(*) as records, max(seq) + 1 - count(*) as missing
    from record group by host, session;

-- The session that speaks for a host: the newest that has `ready`. A newer one without it
-- is still reading its tree.
create view current_session as
    select distinct on (host) host, session, began, last, records, missing
    from session_state where is_ready order by host, session::text desc;

-- The tree of every host: the last record of each path.
create view tree as
    select host, path_key as path_hex, line->>'path' as path, line->>'kind' as kind,
           (line->>'size')::bigint as size, line->>'sha256' as sha256, line->>'time' as time
    from (
        select distinct on (r.host, path_key(r.line)) r.host, path_key(r.line), r.line
        from record r join current_session using (host, session)
        where r.line->>'event' in ('existing', 'created', 'changed', 'deleted')
        order by r.host, path_key(r.line), r.seq desc
    ) as newest
    where line->>'event' <> 'deleted';

-- The changes of all hosts, without the snapshots.
create view change as
    select host, session, seq, line->>'time' as time, line->>'event' as event,
           line->>'path' as path, line->>'sha256' as sha256
    from record where line->>'event' in ('created', 'changed', 'deleted');
