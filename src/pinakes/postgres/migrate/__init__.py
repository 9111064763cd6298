"""Bring the schema up to date: forward only, step by step, while servers run.

``migration`` is a shipped file, ``split`` cuts it into statements, and ``locks`` knows what each of
them locks; ``state`` tells what is pending, and whether this version works with what was applied;
``runner`` applies over a ``session``, ``plan`` writes down what it would do (decision 0012).
"""

from pinakes.postgres.migrate.errors import MigrationError
from pinakes.postgres.migrate.migration import SHIPPED, read_migrations, shipped
from pinakes.postgres.migrate.plan import write_plan
from pinakes.postgres.migrate.runner import look, migrate
from pinakes.postgres.migrate.state import EMPTY, Applied, State, latest, objection, pending

__all__ = [
    "EMPTY",
    "SHIPPED",
    "Applied",
    "MigrationError",
    "State",
    "latest",
    "look",
    "migrate",
    "objection",
    "pending",
    "read_migrations",
    "shipped",
    "write_plan",
]
