-- Rows and digests of a catalogue, one line a table, all of one snapshot:
--
--     psql -XqAt -v until='2026-11-25 10:04:11.220000+00' -f examples/operate/digests.sql
--
-- Revisions are only ever added: those before a moment are the same in every copy that reaches to
-- that moment, whatever was written since. Models and runtime metadata are those of now.

set timezone = 'UTC';

select
    'models' as kept,
    count(*) as rows,
    encode(sha256(coalesce(string_agg(
        sha256(convert_to(row_to_json(models)::text, 'UTF8')), ''::bytea order by uri, project
    ), '')), 'hex') as sha256
from pinakes.models
union all
select
    'runtime_metadata',
    count(*),
    encode(sha256(coalesce(string_agg(
        sha256(convert_to(row_to_json(runtime_metadata)::text, 'UTF8')), ''::bytea order by serial
    ), '')), 'hex')
from pinakes.runtime_metadata
union all
select
    'model_revisions',
    count(*),
    encode(sha256(coalesce(string_agg(
        sha256(convert_to(row_to_json(model_revisions)::text, 'UTF8')), ''::bytea order by serial
    ), '')), 'hex')
from pinakes.model_revisions
where changed_at < :'until'
