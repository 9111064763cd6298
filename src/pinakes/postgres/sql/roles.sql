-- The two roles of a Pinakes catalogue: {owner} owns and migrates it, {runtime} serves it.
-- Run this in the catalogue's database, as a superuser or as a role that may create roles and
-- schemas. It may be run again, before or after 'pinakes migrate', and sets no password: give one to
-- each role (in psql: \password), or let both log in by certificate.

begin;

do $roles$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = {owner_text}) then
        create role {owner} login;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = {runtime_text}) then
        create role {runtime} login;
    end if;
    -- Only a member of a role may make a schema for it; a superuser is a member of all.
    if current_user <> {owner_text}
        and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
    then
        grant {owner} to current_user;
    end if;
    if not (
        pg_catalog.has_database_privilege({owner_text}, pg_catalog.current_database(), 'connect')
        and
        pg_catalog.has_database_privilege({runtime_text}, pg_catalog.current_database(), 'connect')
    )
    then
        execute pg_catalog.format(
            'grant connect on database %I to %I, %I',
            pg_catalog.current_database(), {owner_text}, {runtime_text}
        );
    end if;
end
$roles$;

-- What 'pinakes serve' sets at each connection that it makes: behind a pooler in transaction mode
-- its statements may run on others. To compile a search takes longer than to run it, hence no jit.
-- {owner} is left alone, for a migration takes its time.
do $roles$
declare
    setting record;
begin
    for setting in
        select name, value
        from (
            values
                ('statement_timeout', '4500ms'),
                ('lock_timeout', '4s'),
                ('idle_in_transaction_session_timeout', '30s'),
                ('jit', 'off')
        ) as bidden (name, value)
    loop
        execute pg_catalog.format(
            'alter role %I in database %I set %I = %L',
            {runtime_text}, pg_catalog.current_database(), setting.name, setting.value
        );
    end loop;
end
$roles$;

create schema if not exists {schema} authorization {owner};
grant usage, create on schema {schema} to {owner};
grant usage on schema {schema} to {runtime};

-- The tables that are there, and those that {owner} will make.
grant select, insert, update, delete on all tables in schema {schema} to {runtime};
alter default privileges for role {owner} in schema {schema}
    grant select, insert, update, delete on tables to {runtime};

-- Search calls a function of its own, whether or not this database lets everybody call functions.
grant execute on all functions in schema {schema} to {runtime};
alter default privileges for role {owner} in schema {schema}
    grant execute on functions to {runtime};

-- History is only added to; the list of migrations, and what a trigger keeps for search, are only
-- read. 'pinakes migrate' sees to the same for tables that it makes later.
do $roles$
declare
    kept record;
begin
    for kept in
        select pg_catalog.format('%I.%I', {schema_text}, name) as name, excess
        from (
            values
                ('model_revisions', 'update, delete'),
                ('migrations', 'insert, update, delete'),
                ('model_metrics', 'insert, update, delete'),
                ('model_tags', 'insert, update, delete'),
                ('model_values', 'insert, update, delete')
        ) as kept (name, excess)
    loop
        if pg_catalog.to_regclass(kept.name) is not null then
            execute pg_catalog.format(
                'revoke %s on %s from %I', kept.excess, kept.name, {runtime_text}
            );
        end if;
    end loop;
end
$roles$;

commit;
