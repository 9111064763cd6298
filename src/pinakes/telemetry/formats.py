"""How a log is written, which the settings decide."""

from enum import Enum


class LogFormat(Enum):
    """How a line of the log is written."""

    JSON = "json"
    TEXT = "text"
