"""Read one variable of the environment."""

from collections.abc import Mapping

TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

MAX_PORT = 65535


class SettingsError(Exception):
    """A setting has a value that means nothing; the message names it."""


def read_truth(environment: Mapping[str, str], name: str) -> bool | None:
    """Read true or false, None where nothing is said."""
    value = environment.get(name, "").strip().lower()
    if value and value not in TRUTHS:
        raise SettingsError(f"{name} is {value!r}, expected true or false")
    return TRUTHS.get(value)


def read_list(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Read a comma list; blanks around its items, and empty ones, do not count."""
    items = (item.strip() for item in environment.get(name, "").split(","))
    return tuple(dict.fromkeys(item for item in items if item))


def read_choice(environment: Mapping[str, str], name: str, *choices: str) -> str:
    """Read one of some words, the first of them where nothing is said."""
    value = environment.get(name) or choices[0]
    if value not in choices:
        expected = " or ".join(choice for choice in choices if choice)
        raise SettingsError(f"{name} is {value!r}, expected {expected}")
    return value


def read_port(environment: Mapping[str, str], name: str) -> int | None:
    """Read a port, None where nothing is said; 0 is any free one."""
    value = environment.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and int(value) <= MAX_PORT):
        raise SettingsError(f"{name} is {value!r}, expected a port, 0 to {MAX_PORT}")
    return int(value)
