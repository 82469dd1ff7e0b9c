"""Records of logging that are not what logging has made: other classes, and attributes gone."""

import logging
import types
from typing import Any

from hypothesis import strategies as st


class Subclass(logging.LogRecord):
    pass


class OwnMessage(logging.LogRecord):
    def getMessage(self) -> Any:  # noqa: N802
        return self.msg


class RaisingMessage(logging.LogRecord):
    def getMessage(self) -> str:  # noqa: N802
        raise ArithmeticError("no message")


class HasAll(logging.LogRecord):
    """A record that has whatever it is asked for."""

    def __getattr__(self, name: str) -> str:
        return f"{name}\n"


class LacksAll(logging.LogRecord):
    """A record that gives away nothing but what `object` has."""

    def __init__(self, *_: object) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        raise ArithmeticError(name)


class Closed(logging.LogRecord):
    """A record that takes no attributes once it is made."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.__dict__["is_made"] = True

    def __setattr__(self, name: str, value: object) -> None:
        if "is_made" in self.__dict__:
            raise ArithmeticError(name)
        super().__setattr__(name, value)


class Defaults(logging.LogRecord):
    """A record of a class that has what its records lack."""

    levelno = 50
    msgid = "CLASS"
    structured_data = b'[a class="1"]'
    msg = "of the class"


KINDS = [Subclass, OwnMessage, RaisingMessage, HasAll, LacksAll, Closed, Defaults]
NAMES = [
    *["msg", "args", "levelno", "name", "process", "exc_info", "exc_text", "stack_info", "lineno"],
    *["created", "msgid", "structured_data"],
]
# Those that have no time but the present one, and what has their time.
TIMED = {LacksAll: logging.LogRecord, type(None): logging.LogRecord}
kinds = st.sampled_from([logging.LogRecord] * 5 + [*KINDS, types.SimpleNamespace, type(None)])
removed = st.one_of(st.just(()), st.just(()), st.lists(st.sampled_from(NAMES), max_size=4))


def give_time(kind: type) -> type:
    """Return a class whose records have a time, where the present one cannot be compared."""
    return TIMED.get(kind, kind)


def make_any_record(kind: type, fields: "dict[str, Any]", removed: "list[str]") -> Any:
    """Return a record of this class with these attributes, and without those that are removed."""
    if kind is type(None):
        return None
    if kind is types.SimpleNamespace:
        record = types.SimpleNamespace()
    else:
        record = kind("name", 20, "path.py", 7, "message", (), None)
    attributes = object.__getattribute__(record, "__dict__")
    attributes.update(fields)
    for name in removed:
        attributes.pop(name, None)
    return record
