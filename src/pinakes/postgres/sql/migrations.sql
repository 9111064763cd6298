-- name: create_schema
-- Only asked where the schema is not there: a role that may not create one can still migrate.
create schema {schema}

-- name: find_schema
-- Whether the schema is there.
select 1 from pg_catalog.pg_namespace where nspname = %(schema)s

-- name: create_migrations
-- The list of what was applied, each with the digest of its text.
create table if not exists {schema}.migrations (
    name text collate "C" primary key,
    digest text not null,
    applied_at timestamptz not null default now()
)

-- name: lock_migrations
-- One process migrates at a time; the lock ends with the transaction.
select pg_catalog.pg_advisory_xact_lock(hashtextextended('pinakes migrate ' || %(schema)s, 0))

-- name: list_migrations
-- What was applied.
select name, digest from {schema}.migrations order by name

-- name: record_migration
-- Remember that a migration was applied.
insert into {schema}.migrations (name, digest) values (%(name)s, %(digest)s)
