-- Which hosts changed since when, how much, and when last?
select host, count(*) as changes, max(time) as last from change
where time > '2026-11-01T00:00:00Z' group by host order by host;

-- Where do the hosts differ: a path with two contents, or one that not all have?
select path, count(distinct sha256) as contents, count(*) as hosts from tree
where kind = 'file' group by path
having count(distinct sha256) > 1 or count(*) < (select count(distinct host) from tree)
order by path;

-- Who has this digest? (That of "marker\n".)
select host, path from tree
where sha256 = 'd4169ac586761c1e922c624e2655466dea2b3266c3c9af4c88b08908f8a12ce8' order by host;
