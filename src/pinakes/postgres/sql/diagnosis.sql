-- name: server
-- The server that answers, seen from inside.
select
    current_setting('server_version_num')::integer,
    current_setting('server_version'),
    current_setting('server_encoding'),
    pg_catalog.pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    pg_catalog.clock_timestamp()

-- name: process
-- The process of the server that answers.
select pg_catalog.pg_backend_pid()

-- name: encryption
-- How this connection is encrypted, as the server sees it, and whether it saw our certificate.
select ssl, version, cipher, client_dn
from pg_catalog.pg_stat_ssl
where pid = pg_catalog.pg_backend_pid()

-- name: role
-- What the role may do beyond any table.
select rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
from pg_catalog.pg_roles
where rolname = current_user

-- name: connections
-- How many connections there may be, for everybody, for this role and in this database, where -1
-- means any number; how many of them are kept for administrators, and how many there are.
select
    current_setting('max_connections')::integer,
    current_setting('superuser_reserved_connections')::integer
    + coalesce(current_setting('reserved_connections', true), '0')::integer,
    (select rolconnlimit from pg_catalog.pg_roles where rolname = current_user),
    (select datconnlimit from pg_catalog.pg_database where datname = current_database()),
    (select sum(numbackends)::integer from pg_catalog.pg_stat_database)

-- name: lacking_privileges
-- What the role lacks to serve, on the tables that are there.
select relname, string_agg(privilege, ', ' order by place)
from
    (
        values
            ('models', 1, 'SELECT'), ('models', 2, 'INSERT'),
            ('models', 3, 'UPDATE'), ('models', 4, 'DELETE'),
            ('model_revisions', 1, 'SELECT'), ('model_revisions', 2, 'INSERT'),
            ('runtime_metadata', 1, 'SELECT'), ('runtime_metadata', 2, 'INSERT'),
            ('runtime_metadata', 3, 'UPDATE'), ('runtime_metadata', 4, 'DELETE'),
            ('migrations', 1, 'SELECT')
    ) as needed (name, place, privilege)
join pg_catalog.pg_class on relname = name
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace and nspname = %(schema)s
where not pg_catalog.has_table_privilege(pg_class.oid, privilege)
group by relname
order by relname

-- name: schema_usage
-- Whether the role may look into the schema, where that is there.
select pg_catalog.has_schema_privilege(oid, 'USAGE')
from pg_catalog.pg_namespace
where nspname = %(schema)s

-- name: may_create_schema
-- Whether the role could make the schema, where that is not there.
select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
where not exists (select from pg_catalog.pg_namespace where nspname = %(schema)s)

-- name: excess_privileges
-- By what a role that is not the owner of the history could change it.
select pg_catalog.string_agg(privilege, ', ')
from (values ('UPDATE'), ('DELETE'), ('TRUNCATE')) as forbidden (privilege)
join pg_catalog.pg_class on relname = 'model_revisions'
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace and nspname = %(schema)s
where
    pg_catalog.has_table_privilege(pg_class.oid, privilege)
    and not pg_catalog.pg_has_role(relowner, 'USAGE')
having count(*) > 0

-- name: tables
-- The tables of the schema.
select relname
from pg_catalog.pg_class
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
where nspname = %(schema)s and relkind in ('r', 'p')
order by relname

-- name: invalid_indexes
-- Indexes whose creation was broken off.
select relname
from pg_catalog.pg_index
join pg_catalog.pg_class on pg_class.oid = indexrelid
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
where nspname = %(schema)s and not indisvalid
order by relname

-- name: columns
-- Every column of a schema, or of the temporary one, in words that can be compared.
select
    relname,
    attname,
    pg_catalog.concat_ws(
        ' ',
        pg_catalog.format_type(atttypid, atttypmod),
        case when attnotnull then 'not null' end,
        case when attcollation <> typcollation then 'collate ' || collname end
    )
from pg_catalog.pg_attribute
join pg_catalog.pg_class on pg_class.oid = attrelid
join pg_catalog.pg_type on pg_type.oid = atttypid
left join pg_catalog.pg_collation on pg_collation.oid = attcollation
where
    relkind in ('r', 'p') and attnum > 0 and not attisdropped
    and relnamespace = case %(schema)s
        when 'pg_temp' then pg_catalog.pg_my_temp_schema()
        else (select oid from pg_catalog.pg_namespace where nspname = %(schema)s)
    end
order by relname, attname

-- name: indexes
-- Every valid index of a schema, or of the temporary one, in words that can be compared.
select
    tables.relname,
    indexes.relname,
    pg_catalog.regexp_replace(
        pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(indexrelid), ' ON \S+ ', ' ON '),
        '("[^"]+"|\w+)\.(\w+\()', '\2' -- a function of ours, without its schema
    )
from pg_catalog.pg_index
join pg_catalog.pg_class as indexes on indexes.oid = indexrelid
join pg_catalog.pg_class as tables on tables.oid = indrelid
where
    indisvalid
    and indexes.relnamespace = case %(schema)s
        when 'pg_temp' then pg_catalog.pg_my_temp_schema()
        else (select oid from pg_catalog.pg_namespace where nspname = %(schema)s)
    end
order by tables.relname, indexes.relname
