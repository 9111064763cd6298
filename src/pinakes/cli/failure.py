"""How a command fails."""


class CommandFailed(Exception):
    """The command could not do its work; the message says why and what to do."""


class WrongUsage(CommandFailed):
    """What was asked for makes no sense; the command ends with 2, as for an unknown option."""
