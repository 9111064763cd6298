"""The one way in which the embedded PostgreSQL fails."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run.

    The message is for the person who started it: what happened, to which file, what to do next.
    It never holds the password.
    """
