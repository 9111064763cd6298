"""Read the fields of a JSON object, as leniently as the published clients need and no more."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import msgspec

from pinakes.query.fields import read_number
from pinakes.wire.errors import BadRequest
from pinakes.wire.names import at_key, proto_name

MAX_DIGITS = 400
"""An integer with more is beyond every double."""
INT64 = range(-(2**63), 2**63)
INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)

Value = TypeVar("Value")


def read_body(body: bytes, read: Callable[[object], Value]) -> Value:
    """Read a JSON body; raise BadRequest where it is not JSON or ``read`` refuses it.

    msgspec refuses some values without naming their field: lone surrogates, numbers beyond all
    bounds, and NaN, which is no JSON. Such bodies are read once more, for ``read`` to name it.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            return _read_again(body, read)
        except (ValueError, RecursionError):
            raise BadRequest("", f"the body is not JSON: {error}") from error
    return read(value)


def _read_again(body: bytes, read: Callable[[object], Value]) -> Value:
    text = body.decode()
    value = read(json.loads(text, parse_int=_read_integer))
    json.loads(text, parse_int=_read_integer, parse_constant=_refuse_constant)
    return value


def _read_integer(text: str) -> float:
    return int(text) if len(text) < MAX_DIGITS else math.inf


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


class Fields:
    """The fields of one JSON object.

    Each counts under its JSON name or its proto name, but not under both at once. An absent field
    and a null are the same. Unknown fields are ignored. Whatever does not fit raises BadRequest,
    which names the field by its path from the root of the body.
    """

    def __init__(self, value: object, path: str = "") -> None:
        self._values = read_object(value, path)
        self._path = path

    def path(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self._path}.{name}" if self._path else name

    def get(self, name: str) -> object:
        """Return the value of a field, None where there is none."""
        proto = proto_name(name)
        if proto != name and proto in self._values and name in self._values:
            raise BadRequest(self.path(name), f"is given twice, as {name} and as {proto}")
        return self._values.get(name, self._values.get(proto))

    def text(self, name: str) -> str:
        """Read a text; the empty one where there is none."""
        return self._read(name, read_text, "")

    def choice(self, name: str, choices: Mapping[str, Value], default: Value) -> Value:
        """Read an enum, given by one of its names or by its number."""
        value = self.get(name)
        return default if value is None else read_choice(value, self.path(name), choices)

    def integer(self, name: str) -> int:
        """Read an int64, given as a number or as the text of one; 0 where there is none."""
        return self._read(name, read_integer, 0)

    def truth(self, name: str) -> bool:
        """Read true or false; false where there is none."""
        return self._read(name, read_truth, default=False)

    def map_of(self, name: str, read: Callable[[object, str], Value]) -> dict[str, Value]:
        """Read a map, whose values are never null; an empty one where there is none."""
        path = self.path(name)
        entries = self._read(name, read_object, {})
        return {
            read_text(key, path + at_key(key)): read(value, path + at_key(key))
            for key, value in entries.items()
        }

    def list_of(self, name: str, read: Callable[[object, str], Value]) -> list[Value]:
        """Read a list, whose items are never null; an empty one where there is none."""
        path = self.path(name)
        items = self._read(name, read_array, [])
        return [read(item, f"{path}[{index}]") for index, item in enumerate(items)]

    def _read(self, name: str, read: Callable[[object, str], Value], default: Value) -> Value:
        value = self.get(name)
        return default if value is None else read(value, self.path(name))


def read_object(value: object, path: str) -> dict[str, object]:
    """Read a JSON object."""
    if not isinstance(value, dict):
        raise BadRequest(path, f"expected an object, got {_kind(value)}")
    return cast("dict[str, object]", value)


def read_array(value: object, path: str) -> list[object]:
    """Read a JSON array."""
    if not isinstance(value, list):
        raise BadRequest(path, f"expected an array, got {_kind(value)}")
    return cast("list[object]", value)


has_surrogate = re.compile("[\ud800-\udfff]").search


def read_text(value: object, path: str) -> str:
    """Read a text without NUL and without lone surrogates, neither of which PostgreSQL can keep."""
    if not isinstance(value, str):
        raise BadRequest(path, f"expected a string, got {_kind(value)}")
    if "\0" in value:
        raise BadRequest(path, "has a NUL character")
    if has_surrogate(value):
        raise BadRequest(path, "has a lone surrogate, which is no character")
    return value


def read_integer(value: object, path: str) -> int:
    """Read an int64: a whole number, or the text of one."""
    number = _whole(value)
    if number is None or number not in INT64:
        raise BadRequest(path, "expected a whole number of 64 bits")
    return number


def _whole(value: object) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if INTEGER.fullmatch(value):
            return int(value)
        case _:
            return None


def read_truth(value: object, path: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise BadRequest(path, f"expected true or false, got {_kind(value)}")
    return value


def read_double(value: object, path: str) -> float:
    """Read a finite double: a number, or the text of one."""
    is_candidate = isinstance(value, int | float | str) and not isinstance(value, bool)
    number = read_number(str(value)) if is_candidate else None
    if number is None:
        raise BadRequest(path, "expected a finite number")
    return number


def read_choice(value: object, path: str, choices: Mapping[str, Value]) -> Value:
    """Read one of ``choices``, by its name or by its number.

    The numbers are those of the distinct values in their order, as protobuf counts them; older
    spellings of a value stand behind all others.
    """
    if isinstance(value, str) and value in choices:
        return choices[value]
    numbered: Sequence[Value] = list(dict.fromkeys(choices.values()))
    if isinstance(value, int) and not isinstance(value, bool) and value in range(len(numbered)):
        return numbered[value]
    raise BadRequest(path, f"unknown value, expected one of {', '.join(choices)}")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return "a number"
