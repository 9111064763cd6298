"""From the configuration's names to a connection string."""

from collections.abc import Mapping

from psycopg.conninfo import make_conninfo

from pinakes.catalog.errors import CatalogUnavailable

REQUIRED = ("METADATA_PG_HOST", "METADATA_PG_USER", "METADATA_PG_DBNAME")


def conninfo_of(environment: Mapping[str, str]) -> str:
    """Build what libpq connects with from the variables ``METADATA_PG_*``.

    The port is 5432 and the sslmode ``require`` unless given. Raises CatalogUnavailable, which
    names every variable that is missing.
    """
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        raise CatalogUnavailable(f"the database is not configured: {', '.join(missing)} missing")
    return make_conninfo(
        host=environment["METADATA_PG_HOST"],
        port=environment.get("METADATA_PG_PORT") or "5432",
        user=environment["METADATA_PG_USER"],
        password=environment.get("METADATA_PG_PASSWORD") or None,
        dbname=environment["METADATA_PG_DBNAME"],
        sslmode=environment.get("METADATA_PG_SSLMODE") or "require",
    )
