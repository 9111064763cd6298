"""What can go wrong in the catalogue.

::

    CatalogError
    ├── InvalidModel
    ├── ModelNotFound
    ├── ModelAlreadyExists
    ├── WriteForbidden
    ├── SearchTooWide
    ├── CatalogDisabled
    └── CatalogUnavailable
        └── SchemaMismatch
"""


class CatalogError(Exception):
    """The catalogue refuses or fails; the message is for the person who asked."""


class InvalidModel(CatalogError):
    """A model, or the key of one, breaks a rule.

    ``path`` leads to the field in the domain's names, such as ``("tags", "author")``.
    """

    def __init__(self, path: tuple[str, ...], problem: str) -> None:
        super().__init__(f"{'.'.join(path)}: {problem}")
        self.path = path
        self.problem = problem


class ModelNotFound(CatalogError):
    """There is no model with this URI in this project."""

    def __init__(self, uri: str, project: str) -> None:
        super().__init__(f"record not found: no model {uri!r} in project {project!r}")


class ModelAlreadyExists(CatalogError):
    """There is a model with this URI in this project; it was left as it is."""

    def __init__(self, uri: str, project: str) -> None:
        super().__init__(f"model {uri!r} exists already in project {project!r}; update it instead")


class WriteForbidden(CatalogError):
    """The caller may not write in this project; whether the model exists makes no difference."""

    def __init__(self, project: str = "") -> None:
        where = f"in project {project!r}" if project else "in any project"
        super().__init__(f"you may not write {where}")


class SearchTooWide(CatalogError):
    """A search looks at more models than there is time for, and would do so again."""

    def __init__(self) -> None:
        super().__init__(
            "the search took too long and was stopped: narrow it, with a comparison that few models"
            " meet in every alternative of an OR, such as '=' on the URI, the name or a tag, or"
            " order it by the field that it compares"
        )


class CatalogDisabled(CatalogError):
    """The catalogue was switched off by a setting; no database is ever asked."""


class CatalogUnavailable(CatalogError):
    """The catalogue cannot answer now: no configuration, no database, or no schema in it.

    The message names neither host nor user nor password.
    """


class SchemaMismatch(CatalogUnavailable):
    """The catalogue was not migrated to where this version can work with it, or was beyond that."""
