-- no-transaction
-- Every order that can be asked for, and what search looks into of the models that are there.

create index concurrently if not exists models_by_version on {schema}.models (version, uri, project);
create index concurrently if not exists models_by_project on {schema}.models (project, uri);
create index concurrently if not exists models_by_artifact_type on {schema}.models (artifact_type, uri, project);
create index concurrently if not exists models_by_task_type on {schema}.models (task_type, uri, project);
create index concurrently if not exists models_by_default_protocol
    on {schema}.models (default_protocol, uri, project) where default_protocol is not null;

insert into {schema}.model_tags (key, beginning, uri, project)
select entry.key, left(entry.value, 100), models.uri, models.project
from {schema}.models cross join jsonb_each_text(tags) as entry
order by 1, 2, 3, 4
on conflict do nothing;

insert into {schema}.model_metrics (key, number, uri, project)
select entry.key, entry.value::double precision, models.uri, models.project
from {schema}.models cross join jsonb_each_text(metrics) as entry
order by 1, 2, 3, 4
on conflict do nothing;

insert into {schema}.model_values (field, value)
select held.field, held.value
from {schema}.models
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
except
select field, value from {schema}.model_values;

create index concurrently if not exists model_values_by_window
    on {schema}.model_values using gin ({schema}.windows(field, value));

-- What runs is listed by its key, and is often a small part of all that ever ran.
create index concurrently if not exists runtime_metadata_by_status
    on {schema}.runtime_metadata (
        deployment_status, deployment_uid, predictor_name, node_name, model_uri, project
    );
create index concurrently if not exists runtime_metadata_by_project
    on {schema}.runtime_metadata (
        project, deployment_status, deployment_uid, predictor_name, node_name, model_uri
    );

analyze {schema}.models;
analyze {schema}.model_tags;
analyze {schema}.model_metrics;
analyze {schema}.model_values;
