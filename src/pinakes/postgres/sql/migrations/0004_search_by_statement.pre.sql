-- What search looks into is kept once for a statement instead of once for a row (decision 0028), for
-- an import writes thousands of models by each. As before: with the rights of the owner, and holding
-- more than the models do at times, never less.
--
-- No table here is ever scanned, whatever PostgreSQL believes of it: while one transaction fills it,
-- all that is known is that it was empty, and the plans that were made then are kept. Hence
-- enable_seqscan, each key looked up by itself, and deletion by the place of a row.

drop trigger keep_searchable on {schema}.models;

create or replace function {schema}.keep_searchable() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $function$
begin
    if tg_op = 'UPDATE' then
        delete from {schema}.model_tags where ctid = any (array(
            select (
                select kept.ctid from {schema}.model_tags as kept
                where kept.key = past.key and kept.beginning = past.beginning
                    and kept.uri = past.uri and kept.project = past.project
                limit 1
            )
            from (
                select key, left(value, 100) as beginning, uri, project
                from models_before cross join jsonb_each_text(tags)
                except
                select key, left(value, 100), uri, project
                from models_after cross join jsonb_each_text(tags)
            ) as past
        ));
        delete from {schema}.model_metrics where ctid = any (array(
            select (
                select kept.ctid from {schema}.model_metrics as kept
                where kept.key = past.key and kept.number = past.number
                    and kept.uri = past.uri and kept.project = past.project
                limit 1
            )
            from (
                select key, value::double precision as number, uri, project
                from models_before cross join jsonb_each_text(metrics)
                except
                select key, value::double precision, uri, project
                from models_after cross join jsonb_each_text(metrics)
            ) as past
        ));
    end if;
    insert into {schema}.model_tags (key, beginning, uri, project)
    select key, left(value, 100), uri, project
    from models_after cross join jsonb_each_text(tags)
    order by 1, 2, 3, 4
    on conflict do nothing;
    insert into {schema}.model_metrics (key, number, uri, project)
    select key, value::double precision, uri, project
    from models_after cross join jsonb_each_text(metrics)
    order by 1, 2, 3, 4
    on conflict do nothing;
    insert into {schema}.model_values (field, value)
    select field, value
    from (
        select distinct held.field, held.value
        from models_after
        cross join lateral (
            values
                ('uri', uri),
                ('name', name),
                ('version', version),
                ('project', project),
                ('artifact_type', artifact_type),
                ('task_type', task_type)
            union all
            select 'tags.' || key, value from jsonb_each_text(tags)
        ) as held (field, value)
    ) as held
    where (
        select true from {schema}.model_values as known
        where known.field = held.field and known.value = held.value
        limit 1
    ) is null;
    return null;
end
$function$;

create function {schema}.forget_searchable() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $function$
begin
    delete from {schema}.model_tags where ctid = any (array(
        select (
            select kept.ctid from {schema}.model_tags as kept
            where kept.key = past.key and kept.beginning = left(past.value, 100)
                and kept.uri = models_before.uri and kept.project = models_before.project
            limit 1
        )
        from models_before cross join jsonb_each_text(tags) as past
    ));
    delete from {schema}.model_metrics where ctid = any (array(
        select (
            select kept.ctid from {schema}.model_metrics as kept
            where kept.key = past.key and kept.number = past.value::double precision
                and kept.uri = models_before.uri and kept.project = models_before.project
            limit 1
        )
        from models_before cross join jsonb_each_text(metrics) as past
    ));
    return null;
end
$function$;

create trigger keep_searchable_inserts
after insert on {schema}.models referencing new table as models_after
for each statement execute function {schema}.keep_searchable();

create trigger keep_searchable_updates
after update on {schema}.models
referencing old table as models_before new table as models_after
for each statement execute function {schema}.keep_searchable();

create trigger keep_searchable_deletes
after delete on {schema}.models referencing old table as models_before
for each statement execute function {schema}.forget_searchable();
