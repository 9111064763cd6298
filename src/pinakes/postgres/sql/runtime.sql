-- name: record_runtime
-- Record that a node of a predictor runs a model, or what of it is new.
insert into {schema}.runtime_metadata (
    model_uri, project, deployment_name, deployment_namespace, deployment_uid, deployment_type,
    deployment_status, predictor_name, node_name, traffic, replicas, shadow, explainer
)
values (
    %(model_uri)s, %(project)s, %(deployment_name)s, %(deployment_namespace)s, %(deployment_uid)s,
    %(deployment_type)s, %(deployment_status)s, %(predictor_name)s, %(node_name)s, %(traffic)s,
    %(replicas)s, %(shadow)s, %(explainer)s
)
on conflict (deployment_uid, predictor_name, node_name, model_uri, project) do update
set
    deployment_name = excluded.deployment_name,
    deployment_namespace = excluded.deployment_namespace,
    deployment_type = excluded.deployment_type,
    deployment_status = excluded.deployment_status,
    traffic = excluded.traffic,
    replicas = excluded.replicas,
    shadow = excluded.shadow,
    explainer = excluded.explainer

-- name: list_runtime
-- One page of runtime metadata, each row beside its model where there is one. By the key of a row
-- and not by its serial: a page token holds what it is ordered by, and serials count hidden rows too.
select
    runtime.model_uri, runtime.project, runtime.deployment_name,
    runtime.deployment_namespace, runtime.deployment_uid, runtime.deployment_type,
    runtime.deployment_status, runtime.predictor_name, runtime.node_name, runtime.traffic,
    runtime.replicas, runtime.shadow, runtime.explainer, runtime.creation_time,
    models.uri, models.project, models.name, models.version, models.artifact_type,
    models.task_type, models.tags, models.metrics, models.prediction_schema,
    models.default_protocol, models.creation_time
from {schema}.runtime_metadata as runtime
left join {schema}.models on models.uri = runtime.model_uri and models.project = runtime.project
where
    (
        runtime.deployment_uid, runtime.predictor_name, runtime.node_name, runtime.model_uri,
        runtime.project
    ) > (
        %(after_deployment_uid)s, %(after_predictor_name)s, %(after_node_name)s,
        %(after_model_uri)s, %(after_project)s
    )
    and (%(projects)s::text[] is null or runtime.project = any(%(projects)s))
    and runtime.deployment_status = %(deployment_status)s
    and (%(model_uri)s::text is null or runtime.model_uri = %(model_uri)s)
    and (%(deployment_uid)s::text is null or runtime.deployment_uid = %(deployment_uid)s)
    and (%(deployment_name)s::text is null or runtime.deployment_name = %(deployment_name)s)
    and (
        %(deployment_namespace)s::text is null
        or runtime.deployment_namespace = %(deployment_namespace)s
    )
    and (%(deployment_type)s::text is null or runtime.deployment_type = %(deployment_type)s)
    and (%(predictor_name)s::text is null or runtime.predictor_name = %(predictor_name)s)
    and (%(node_name)s::text is null or runtime.node_name = %(node_name)s)
order by
    runtime.deployment_uid, runtime.predictor_name, runtime.node_name, runtime.model_uri,
    runtime.project
limit %(limit)s
