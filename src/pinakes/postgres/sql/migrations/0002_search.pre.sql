-- What search looks into beside the models (decision 0028). Triggers keep it, whoever writes, so
-- that servers of the version before need not know of it. All of it may hold more than the models
-- do, never less: what is found here is held against the model itself.

-- Every text that a field has or has had: 'name', ... and 'tags.' before the key of a tag. Not
-- unique: who writes a value does not wait for another who has just written it, too.
create table {schema}.model_values (
    field text collate "C" not null,
    value text collate "C" not null
);

create index model_values_by_value on {schema}.model_values (field, value);

-- A tag by the beginning of its value: with all of it, a row could be more than an index takes.
create table {schema}.model_tags (
    key text collate "C" not null,
    beginning text collate "C" not null,
    uri text collate "C" not null,
    project text collate "C" not null,
    primary key (key, beginning, uri, project)
);

create table {schema}.model_metrics (
    key text collate "C" not null,
    number double precision not null,
    uri text collate "C" not null,
    project text collate "C" not null,
    primary key (key, number, uri, project)
);

-- Three characters from every place in a value, behind what tells its field from others.
create function {schema}.windows(field text, value text) returns tsvector
language plpgsql immutable parallel safe
as $function$
declare
    kind text := left(encode(sha256(convert_to(field, 'UTF8')), 'hex'), 6);
begin
    return array_to_tsvector(array(
        select kind || substr(value, place, 3) from generate_series(1, length(value)) as place
    ));
end
$function$;

-- By the rights of its owner, so that who writes models needs none on what is kept here. Each key
-- is looked up by itself, for a plan that was made while there was little would scan all of it.
create function {schema}.keep_searchable() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $function$
declare
    past record;
begin
    if tg_op <> 'INSERT' then
        for past in
            select key, left(value #>> '{{}}', 100) as beginning
            from jsonb_each(old.tags)
            where not coalesce(new.tags, '{{}}') @> jsonb_build_object(key, value)
        loop
            delete from {schema}.model_tags as kept
            where kept.key = past.key and kept.beginning = past.beginning
                and kept.uri = old.uri and kept.project = old.project;
        end loop;
        for past in
            select key, value::double precision as number
            from jsonb_each(old.metrics)
            where not coalesce(new.metrics, '{{}}') @> jsonb_build_object(key, value)
        loop
            delete from {schema}.model_metrics as kept
            where kept.key = past.key and kept.number = past.number
                and kept.uri = old.uri and kept.project = old.project;
        end loop;
    end if;
    if tg_op <> 'DELETE' then
        insert into {schema}.model_tags (key, beginning, uri, project)
        select key, left(value, 100), new.uri, new.project from jsonb_each_text(new.tags)
        on conflict do nothing;
        insert into {schema}.model_metrics (key, number, uri, project)
        select key, value::double precision, new.uri, new.project
        from jsonb_each_text(new.metrics)
        on conflict do nothing;
        insert into {schema}.model_values (field, value)
        select field, value
        from (
            values
                ('uri', new.uri),
                ('name', new.name),
                ('version', new.version),
                ('project', new.project),
                ('artifact_type', new.artifact_type),
                ('task_type', new.task_type)
            union all
            select 'tags.' || key, value from jsonb_each_text(new.tags)
        ) as held (field, value)
        where (
            select true from {schema}.model_values as known
            where known.field = held.field and known.value = held.value
            limit 1
        ) is null;
    end if;
    return null;
end
$function$;

create trigger keep_searchable
after insert or update or delete on {schema}.models
for each row execute function {schema}.keep_searchable();
