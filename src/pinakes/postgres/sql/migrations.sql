-- name: find_schema
-- Whether the schema is there.
select 1 from pg_catalog.pg_namespace where nspname = %(schema)s

-- name: create_schema
-- Only asked where the schema is not there: a role that may not create one can still migrate.
create schema {schema}

-- name: find_migrations
-- Whether the list of what was applied is there, with all of its columns.
select 1
from pg_catalog.pg_attribute
join pg_catalog.pg_class on pg_class.oid = attrelid
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
where nspname = %(schema)s and relname = 'migrations' and attname = 'compatible_with'

-- name: create_migrations
-- The list of what was applied: each with the digest of its text, and the number of the oldest
-- migration that software must ship to work with it.
create table if not exists {schema}.migrations (
    name text collate "C" primary key,
    digest text not null,
    applied_at timestamptz not null default now()
);
alter table {schema}.migrations
    add column if not exists compatible_with integer not null default 0

-- name: find_encoding
-- How the database keeps its texts: looked at where there is no catalogue yet.
select current_setting('server_encoding')

-- name: list_migrations
-- What was applied.
select name, digest, compatible_with from {schema}.migrations order by name

-- name: record_migration
-- Remember that a migration was applied.
insert into {schema}.migrations (name, digest, compatible_with)
values (%(name)s, %(digest)s, %(compatible_with)s)

-- name: try_to_be_alone
-- One process migrates at a time: whoever got this lock has it until the transaction ends. It is
-- never waited for, since who waits inside a statement holds up an index that is made concurrently.
select pg_catalog.pg_try_advisory_xact_lock(
    pg_catalog.hashtextextended('pinakes migrate ' || %(schema)s, 0)
)

-- name: set_patience
-- What a transaction, or (not ``local``) a session, waits for: its own work without end, a lock of
-- somebody else's for so long. A process whose machine has vanished loses its lock in a minute.
select pg_catalog.set_config(name, value, %(local)s::boolean)
from (
    values
        ('lock_timeout', %(lock_timeout)s::text),
        ('statement_timeout', '0'),
        ('transaction_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'),
        ('tcp_keepalives_idle', '30'),
        ('tcp_keepalives_interval', '10'),
        ('tcp_keepalives_count', '3')
) as wanted (name, value)
join pg_catalog.pg_settings using (name)

-- name: find_index
-- The state of an index, and how to drop it: one whose creation was broken off is not valid, and
-- one that a process left behind may still be in the making.
select
    indisvalid,
    exists (
        select from pg_catalog.pg_stat_progress_create_index where index_relid = indexrelid
    ),
    pg_catalog.format('drop index concurrently if exists %%I.%%I', nspname, relname)
from pg_catalog.pg_index
join pg_catalog.pg_class on pg_class.oid = indexrelid
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
where nspname = %(schema)s and relname = %(index)s

-- name: list_excess
-- How to take back what the default privileges of a schema give too much of: history is only added
-- to, the list of migrations and what a trigger keeps for search are only read.
select pg_catalog.format(
    'revoke %%s on %%I.%%I from %%s',
    privilege_type, nspname, relname,
    case grantee when 0 then 'public' else grantee::regrole::text end
)
from pg_catalog.pg_class
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
cross join pg_catalog.aclexplode(relacl)
where
    nspname = %(schema)s
    and grantee <> relowner
    and (
        relname in ('migrations', 'model_metrics', 'model_tags', 'model_values')
        and privilege_type <> 'SELECT'
        or relname = 'model_revisions' and privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')
    )
