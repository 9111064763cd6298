"""Access: which projects somebody may read, and in which he may change models."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pinakes.catalog.errors import ModelNotFound, WriteForbidden
from pinakes.catalog.model import ModelKey

Projects = frozenset[str] | None
"""The names of some projects, or None for all that there are and will be."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one caller may do; to write in a project is not to read in it."""

    reads: Projects
    writes: Projects

    def check_any_create(self) -> None:
        """Raise WriteForbidden where models may be created nowhere: then no model is looked at."""
        if self.writes == NOTHING:
            raise WriteForbidden

    def check_create(self, project: str) -> None:
        """Raise WriteForbidden unless models may be created in a project."""
        if not _holds(self.writes, project):
            raise WriteForbidden(project)

    def check_change(self, key: ModelKey) -> None:
        """Raise unless a model may be changed, whether or not it exists.

        Who may not read in its project learns nothing: to him it is a model that is not there
        (ModelNotFound). Who may read, but not write, is told so (WriteForbidden).
        """
        if not _holds(self.reads, key.project):
            raise ModelNotFound(key.uri, key.project)
        self.check_create(key.project)


NOTHING = frozenset[str]()
READ_ACCESS = Access(None, NOTHING)
FULL_ACCESS = Access(None, None)


def _holds(projects: Projects, project: str) -> bool:
    return projects is None or project in projects


def joined(several: Collection[Access]) -> Access:
    """Return what any of several allows, and nothing where there is none."""
    return Access(
        reads=_union([one.reads for one in several]),
        writes=_union([one.writes for one in several]),
    )


def _union(several: Sequence[Projects]) -> Projects:
    known = [projects for projects in several if projects is not None]
    return NOTHING.union(*known) if len(known) == len(several) else None
