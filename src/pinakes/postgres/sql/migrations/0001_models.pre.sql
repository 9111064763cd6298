-- The catalogue: models, every change of them, and what runs them.
-- Text is compared by code point on every server, hence collate "C" on all that is compared.

create table {schema}.models (
    uri text collate "C" not null,
    project text collate "C" not null,
    name text collate "C" not null,
    version text collate "C" not null,
    artifact_type text collate "C" not null,
    task_type text collate "C" not null,
    tags jsonb not null check (jsonb_typeof(tags) = 'object'),
    metrics jsonb not null check (
        jsonb_typeof(metrics) = 'object'
        and not jsonb_path_exists(metrics, '$.* ? (@.type() != "number")')
    ),
    prediction_schema json, -- json, not jsonb: handed out byte for byte as it came
    default_protocol text collate "C",
    creation_time timestamptz not null default now(),
    primary key (uri, project)
);

create index models_by_name on {schema}.models (name, uri, project);
create index models_by_tag on {schema}.models using gin (tags jsonb_path_ops);

-- One row a change, never updated and never deleted. An entry is the row of models as JSON.
create table {schema}.model_revisions (
    serial bigint generated always as identity primary key,
    change_id uuid not null unique,
    verb text not null check (verb in ('create', 'update', 'delete')),
    uri text collate "C" not null,
    project text collate "C" not null,
    before json check ((before is null) = (verb = 'create')),
    after json check ((after is null) = (verb = 'delete')),
    actor text not null,
    door text not null,
    request_id text not null,
    changed_at timestamptz not null default clock_timestamp()
);

create index model_revisions_by_model on {schema}.model_revisions (uri, project, serial);

create table {schema}.runtime_metadata (
    serial bigint generated always as identity primary key,
    model_uri text collate "C" not null,
    project text collate "C" not null,
    deployment_name text collate "C" not null,
    deployment_namespace text collate "C" not null,
    deployment_uid text collate "C" not null,
    deployment_type text collate "C" not null,
    deployment_status text collate "C" not null,
    predictor_name text collate "C" not null,
    node_name text collate "C" not null,
    traffic bigint not null,
    replicas bigint not null,
    shadow boolean not null,
    explainer boolean not null,
    creation_time timestamptz not null default now(),
    unique (deployment_uid, predictor_name, node_name, model_uri, project)
);

create index runtime_metadata_by_model on {schema}.runtime_metadata (model_uri, serial);
create index runtime_metadata_by_deployment
    on {schema}.runtime_metadata (deployment_namespace, deployment_name, serial);
