-- Many keys are looked up one by one, in the index that is in their order, whatever PostgreSQL believes
-- of a table: what it knows while that is filled is old, and may be that it is empty (decision 0026).
-- "limit 1" and "offset 0" keep it from joining a batch with all of the table. A key as the two ends of a
-- range has an order, as one that is equal has not; and without sorting (insist_on_indexes) only one
-- index has that order, where many others hold the columns of the key behind one of their own.

-- name: begin_transfer
-- What a transfer sets for its one transaction: its own work may take its time, a lock of somebody
-- else's not, and times are written as everywhere.
select pg_catalog.set_config(name, value, true)
from (
    values
        ('statement_timeout', '0'),
        ('transaction_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'),
        ('lock_timeout', '10s'),
        ('TimeZone', 'UTC'),
        ('DateStyle', 'ISO')
) as wanted (name, value)
join pg_catalog.pg_settings using (name)

-- name: insist_on_indexes
-- For an import: look up in the index that is in the order asked for. Plans that must sort after all
-- seem endless then, and are not to be compiled for that.
select
    pg_catalog.set_config('enable_sort', 'off', true),
    pg_catalog.set_config('enable_seqscan', 'off', true),
    pg_catalog.set_config('jit', 'off', true)

-- name: transfer_time
-- When the transaction began: the creation time of what comes without one.
select pg_catalog.now()

-- name: identify_catalogue
-- What no other catalogue of this server is called, nor one that is made again.
select
    (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
    || '.' || '{schema}.models'::regclass::oid

-- An export is written by PostgreSQL, a line of JSON a row: a text is escaped by row_to_json, what is JSON
-- stands there as it is kept. Binary, COPY gives it out as it is: any text format looks at each byte.
-- "offset 0" lets rows be sorted as they are kept, schemas compressed, and not as the lines that they become.

-- name: begin_export
-- What an export sets besides, for its one transaction: memory to sort tens of thousands of models in, which
-- else go through PostgreSQL's temporary files. Who has set more keeps it.
select pg_catalog.set_config('work_mem', '64MB', true)
where
    pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem'))
    < pg_catalog.pg_size_bytes('64MB')

-- name: export_revisions
-- All of history, in the order in which it was made.
copy (
    select row_to_json(line)
    from (
        select row_to_json(revision) as revision
        from (
            select
                change_id as id,
                verb,
                actor,
                door,
                request_id as "requestId",
                to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                    as "changedAt",
                before,
                after
            from (select * from {schema}.model_revisions order by serial offset 0) as kept
        ) as revision
    ) as line
) to stdout (format binary)

-- name: export_models
-- Every model, by its key.
copy (
    select row_to_json(line)
    from (
        select
            uri as "URI",
            name,
            version,
            artifact_type as "artifactType",
            task_type as "taskType",
            tags,
            metrics,
            to_char(creation_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                as "creationTime",
            prediction_schema as "predictionSchema",
            project,
            -- json_build_object would put blanks between
            ('{{"defaultProtocol":' || to_json(default_protocol) || '}}')::json
                as "runtimeDefaults"
        from (select * from {schema}.models order by uri, project offset 0) as kept
    ) as line
) to stdout (format binary)

-- name: export_runtime
-- All runtime metadata, by its key.
copy (
    select row_to_json(line)
    from (
        select row_to_json(runtime) as "runtimeMetadata"
        from (
            select
                model_uri as "modelUri",
                deployment_name as "deploymentName",
                deployment_namespace as "deploymentNamespace",
                deployment_uid as "deploymentKubernetesUid",
                predictor_name as "predictorName",
                node_name as "nodeName",
                deployment_status as "deploymentStatus",
                deployment_type as "deploymentType",
                traffic::text as traffic,
                shadow,
                to_char(creation_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                    as "creationTime",
                explainer,
                replicas::text as replicas,
                project
            from (
                select * from {schema}.runtime_metadata
                order by deployment_uid, predictor_name, node_name, model_uri, project
                offset 0
            ) as kept
        ) as runtime
    ) as line
) to stdout (format binary)

-- name: find_revisions
-- Which of some changes history knows already, and whether this very transaction told it.
select found.*
from json_to_recordset(%(keys)s::json) as key (change_id uuid)
cross join lateral (
    select
        change_id::text, coalesce(xmin = pg_catalog.pg_current_xact_id_if_assigned()::xid, false)
    from {schema}.model_revisions
    where model_revisions.change_id = key.change_id
    limit 1
) as found

-- name: find_models
-- The models of some keys.
select found.*
from json_to_recordset(%(keys)s::json) as key (uri text, project text)
cross join lateral (
    select
        uri, project, name, version, artifact_type, task_type, tags, metrics, prediction_schema,
        default_protocol, creation_time
    from {schema}.models
    where
        (models.uri, models.project) >= (key.uri, key.project)
        and (models.uri, models.project) <= (key.uri, key.project)
    order by uri, project
    limit 1
) as found

-- name: find_runtime
-- The runtime metadata of some keys.
select found.*
from json_to_recordset(%(keys)s::json) as key (
    deployment_uid text, predictor_name text, node_name text, model_uri text, project text
)
cross join lateral (
    select
        model_uri, project, deployment_name, deployment_namespace, deployment_uid, deployment_type,
        deployment_status, predictor_name, node_name, traffic, replicas, shadow, explainer,
        creation_time
    from {schema}.runtime_metadata as runtime
    where
        (
            runtime.deployment_uid, runtime.predictor_name, runtime.node_name, runtime.model_uri,
            runtime.project
        ) >= (
            key.deployment_uid, key.predictor_name, key.node_name, key.model_uri, key.project
        )
        and (
            runtime.deployment_uid, runtime.predictor_name, runtime.node_name, runtime.model_uri,
            runtime.project
        ) <= (
            key.deployment_uid, key.predictor_name, key.node_name, key.model_uri, key.project
        )
    order by deployment_uid, predictor_name, node_name, model_uri, project
    limit 1
) as found

-- name: find_excess_models
-- Models between two keys, the first one excluded, that some keys lack; the first of them.
select uri, project
from {schema}.models
where
    (uri, project) > (%(after_uri)s::text, %(after_project)s::text)
    and (
        %(last_uri)s::text is null
        or (uri, project) <= (%(last_uri)s::text, %(last_project)s::text)
    )
    and not exists (
        select from json_to_recordset(%(keys)s::json) as key (uri text, project text)
        where key.uri = models.uri and key.project = models.project
    )
order by uri, project
limit %(limit)s

-- name: find_excess_runtime
-- Runtime metadata between two keys, the first one excluded, that some keys lack; the first of it.
select deployment_uid, predictor_name, node_name, model_uri, project
from {schema}.runtime_metadata as runtime
where
    (deployment_uid, predictor_name, node_name, model_uri, project) > (
        %(after_deployment_uid)s::text, %(after_predictor_name)s::text, %(after_node_name)s::text,
        %(after_model_uri)s::text, %(after_project)s::text
    )
    and (
        %(last_deployment_uid)s::text is null
        or (deployment_uid, predictor_name, node_name, model_uri, project) <= (
            %(last_deployment_uid)s::text, %(last_predictor_name)s::text,
            %(last_node_name)s::text, %(last_model_uri)s::text, %(last_project)s::text
        )
    )
    and not exists (
        select from json_to_recordset(%(keys)s::json) as key (
            deployment_uid text, predictor_name text, node_name text, model_uri text, project text
        )
        where
            key.deployment_uid = runtime.deployment_uid
            and key.predictor_name = runtime.predictor_name
            and key.node_name = runtime.node_name
            and key.model_uri = runtime.model_uri
            and key.project = runtime.project
    )
order by deployment_uid, predictor_name, node_name, model_uri, project
limit %(limit)s

-- name: tell_created
-- Add a revision for each of some new models whose history did not come with this transaction.
insert into {schema}.model_revisions (
    change_id, verb, uri, project, after, actor, door, request_id
)
select
    pg_catalog.gen_random_uuid(), 'create', models.uri, models.project, row_to_json(models),
    %(actor)s, %(door)s, %(request_id)s
from
    rows from (json_to_recordset(%(keys)s::json) as (uri text, project text))
    with ordinality as key (uri, project, place)
    cross join lateral (
        select * from {schema}.models
        where
            (models.uri, models.project) >= (key.uri, key.project)
            and (models.uri, models.project) <= (key.uri, key.project)
        order by uri, project
        limit 1
    ) as models
where not exists (
    select from {schema}.model_revisions as told
    where
        told.uri = key.uri and told.project = key.project
        and told.xmin = pg_catalog.pg_current_xact_id_if_assigned()::xid
    offset 0
)
order by key.place

-- name: replace_model
-- Replace all of a model but its key; its creation time too, where one is given. The change is told
-- unless its history came with this transaction.
with before as (
    select * from {schema}.models where uri = %(uri)s and project = %(project)s for update
), after as (
    update {schema}.models
    set
        name = %(name)s,
        version = %(version)s,
        artifact_type = %(artifact_type)s,
        task_type = %(task_type)s,
        tags = %(tags)s,
        metrics = %(metrics)s,
        prediction_schema = %(prediction_schema)s,
        default_protocol = %(default_protocol)s,
        creation_time = coalesce(%(creation_time)s, before.creation_time)
    from before
    where models.uri = before.uri and models.project = before.project
    returning models.*
)
insert into {schema}.model_revisions (
    change_id, verb, uri, project, before, after, actor, door, request_id
)
select
    pg_catalog.gen_random_uuid(), 'update', after.uri, after.project, row_to_json(before),
    row_to_json(after), %(actor)s, %(door)s, %(request_id)s
from before, after
where not exists (
    select from {schema}.model_revisions as told
    where
        told.uri = after.uri and told.project = after.project
        and told.xmin = pg_catalog.pg_current_xact_id_if_assigned()::xid
    offset 0
)

-- name: remove_models
-- Forget the models of some keys. Each change is told unless its history came with this
-- transaction.
with deleted as (
    delete from {schema}.models
    using json_to_recordset(%(keys)s::json) as key (uri text, project text)
    where models.uri = key.uri and models.project = key.project
    returning models.*
)
insert into {schema}.model_revisions (
    change_id, verb, uri, project, before, actor, door, request_id
)
select
    pg_catalog.gen_random_uuid(), 'delete', uri, project, row_to_json(deleted),
    %(actor)s, %(door)s, %(request_id)s
from deleted
where not exists (
    select from {schema}.model_revisions as told
    where
        told.uri = deleted.uri and told.project = deleted.project
        and told.xmin = pg_catalog.pg_current_xact_id_if_assigned()::xid
    offset 0
)
order by uri, project

-- name: tell_living
-- Add a revision for each model that is there although its history has come to end with a deletion:
-- it was deleted elsewhere, and a merge deletes nothing.
insert into {schema}.model_revisions (
    change_id, verb, uri, project, after, actor, door, request_id
)
select
    pg_catalog.gen_random_uuid(), 'create', models.uri, models.project, row_to_json(models),
    %(actor)s, %(door)s, %(request_id)s
from {schema}.models
cross join lateral (
    select verb from {schema}.model_revisions as told
    where
        (told.uri, told.project) >= (models.uri, models.project)
        and (told.uri, told.project) <= (models.uri, models.project)
    order by uri desc, project desc, serial desc
    limit 1
) as last
where last.verb = 'delete'
order by models.uri, models.project

-- name: replace_runtime
-- Replace all of runtime metadata but its key; its creation time too, where one is given.
update {schema}.runtime_metadata
set
    deployment_name = %(deployment_name)s,
    deployment_namespace = %(deployment_namespace)s,
    deployment_type = %(deployment_type)s,
    deployment_status = %(deployment_status)s,
    traffic = %(traffic)s,
    replicas = %(replicas)s,
    shadow = %(shadow)s,
    explainer = %(explainer)s,
    creation_time = coalesce(%(creation_time)s, creation_time)
where
    deployment_uid = %(deployment_uid)s and predictor_name = %(predictor_name)s
    and node_name = %(node_name)s and model_uri = %(model_uri)s and project = %(project)s

-- name: remove_runtime
-- Forget the runtime metadata of some keys.
delete from {schema}.runtime_metadata as runtime
using json_to_recordset(%(keys)s::json) as key (
    deployment_uid text, predictor_name text, node_name text, model_uri text, project text
)
where
    runtime.deployment_uid = key.deployment_uid
    and runtime.predictor_name = key.predictor_name
    and runtime.node_name = key.node_name
    and runtime.model_uri = key.model_uri
    and runtime.project = key.project

-- name: copy_revisions
-- Add revisions as they were, in the order in which they come.
copy {schema}.model_revisions (
    verb, uri, project, before, after, change_id, actor, door, request_id, changed_at
) from stdin

-- name: copy_models
-- Add new models.
copy {schema}.models (
    uri, project, name, version, artifact_type, task_type, tags, metrics, prediction_schema,
    default_protocol, creation_time
) from stdin

-- name: copy_runtime
-- Add new runtime metadata.
copy {schema}.runtime_metadata (
    model_uri, project, deployment_name, deployment_namespace, deployment_uid, deployment_type,
    deployment_status, predictor_name, node_name, traffic, replicas, shadow, explainer,
    creation_time
) from stdin
