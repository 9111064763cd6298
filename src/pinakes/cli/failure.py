"""How a command fails."""


class CommandFailed(Exception):
    """The command could not do its work; the message says why and what to do."""
