-- name: create_model
-- Keep a new model beside its first revision.
with created as (
    insert into {schema}.models (
        uri, project, name, version, artifact_type, task_type,
        tags, metrics, prediction_schema, default_protocol
    )
    values (
        %(uri)s, %(project)s, %(name)s, %(version)s, %(artifact_type)s, %(task_type)s,
        %(tags)s, %(metrics)s, %(prediction_schema)s, %(default_protocol)s
    )
    returning *
)
insert into {schema}.model_revisions (
    change_id, verb, uri, project, after, actor, door, request_id
)
select
    %(change_id)s, 'create', uri, project, row_to_json(created),
    %(actor)s, %(door)s, %(request_id)s
from created

-- name: update_model
-- Replace all of a model but its key and creation time. The row is locked before it is read, so
-- that of two updates at once the later one sees, and records, what the earlier one left.
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
        default_protocol = %(default_protocol)s
    from before
    where models.uri = before.uri and models.project = before.project
    returning models.*
)
insert into {schema}.model_revisions (
    change_id, verb, uri, project, before, after, actor, door, request_id
)
select
    %(change_id)s, 'update', after.uri, after.project, row_to_json(before), row_to_json(after),
    %(actor)s, %(door)s, %(request_id)s
from before, after

-- name: delete_model
-- Forget a model; its revisions stay.
with deleted as (
    delete from {schema}.models where uri = %(uri)s and project = %(project)s returning *
)
insert into {schema}.model_revisions (
    change_id, verb, uri, project, before, actor, door, request_id
)
select
    %(change_id)s, 'delete', uri, project, row_to_json(deleted),
    %(actor)s, %(door)s, %(request_id)s
from deleted

-- name: list_models_by_uri
-- The models of one artefact, by project; of some projects or, where they are null, of all.
select
    uri, project, name, version, artifact_type, task_type, tags, metrics,
    prediction_schema, default_protocol, creation_time
from {schema}.models
where
    uri = %(uri)s
    and (%(projects)s::text[] is null or project = any(%(projects)s::text[]))
order by project
limit %(limit)s

-- name: list_revisions
-- Every revision of a model, the oldest first.
select verb, before, after, change_id, actor, door, request_id, changed_at
from {schema}.model_revisions
where uri = %(uri)s and project = %(project)s
order by serial

-- name: find_change
-- Whether a change was made. One that was committed may still wait for a standby, and be lost with its
-- server: the message is nothing to anybody, but to commit it waits for the same standby, so that no
-- answer comes sooner than the change is safe (decision 0024).
select pg_catalog.pg_logical_emit_message(true, 'pinakes', '')
from {schema}.model_revisions
where change_id = %(change_id)s
