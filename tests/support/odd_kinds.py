"""Objects that are not what they seem: subclasses of plain kinds with methods of their own.

Whatever these methods do, an encoder takes what the object is: the octets of a bytes, the digits of
an int; only how a container gives its items is its own affair. Each is without state, so that both
encoders meet the same.
"""

import array
import ctypes
import functools
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st


def answer(value: object) -> "Callable[..., Any]":
    """Return a method that always returns this."""
    return lambda *_, **__: value


def fail(*_: object, **__: object) -> Any:
    raise ArithmeticError("a method of one's own")


LIES: "dict[str, Callable[..., Any]]" = {
    "zero": answer(0),
    "minus one": answer(-1),
    "much": answer(1 << 40),
    "true": answer(True),
    "text": answer("lie\n"),
    "octets": answer(b"lie\n"),
    "none": answer(None),
    "items": answer([("a", "lie")]),
    "no items": answer(iter(())),
    "failure": fail,
}
# Which methods an object of each kind may have of its own.
ARITHMETIC = "add sub mul floordiv mod divmod neg abs and or xor lshift rshift index int bool"
COMPARISON = "eq ne lt le gt ge hash"
OWN_METHODS: "dict[type, list[str]]" = {
    int: [f"__{name}__" for name in f"{ARITHMETIC} {COMPARISON} str repr".split()],
    str: [f"__{name}__" for name in f"{COMPARISON} len iter getitem contains str add mod".split()]
    + ["encode", "isascii", "lower", "upper", "replace", "translate", "join", "split"],
    bytes: [f"__{name}__" for name in f"{COMPARISON} len iter getitem contains bytes".split()]
    + ["decode", "isascii", "replace", "translate", "find"],
    bytearray: [f"__{name}__" for name in ["len", "iter", "getitem", "eq", "bytes"]] + ["decode"],
    list: [f"__{name}__" for name in ["len", "iter", "getitem", "eq", "bool", "contains"]],
    tuple: [f"__{name}__" for name in ["len", "iter", "getitem", "eq", "hash", "contains"]],
    dict: [f"__{name}__" for name in ["len", "iter", "getitem", "eq", "contains"]]
    + ["items", "keys", "values", "get"],
}


@functools.cache
def make_odd_kind(kind: type, methods: "tuple[str, ...]", lie: str) -> type:
    """Return a subclass of a kind, in which these methods lie."""
    namespace: dict[str, Any] = dict.fromkeys(methods, LIES[lie])
    if "__eq__" in namespace and kind.__hash__ is not None:
        namespace.setdefault("__hash__", kind.__hash__)
    name = f"Odd_{kind.__name__}"
    # What Hypothesis shows, as it does that of each value in advance.
    shown = f"{name} {' '.join(methods)}: {lie}"
    namespace["_repr_pretty_"] = lambda _, printer, __: printer.text(f"<{shown}>")
    return type(name, (kind,), namespace)


def make_odd(kind: type, value: object, methods: "tuple[str, ...]", lie: str) -> Any:
    return make_odd_kind(kind, methods, lie)(value)


class Pretender:
    """An object that says to be of another class."""

    def __init__(self, kind: type) -> None:
        self._name = kind.__name__
        self._kind = kind
        if kind is not memoryview:  # which has no subclasses
            # What Hypothesis shows; it believes what this says.
            show = {"_repr_pretty_": lambda _, printer, __: printer.text(repr(self))}
            self._kind = type(kind.__name__, (kind,), show)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._kind

    def __repr__(self) -> str:
        return f"Pretender({self._name})"


def odd(kind: type, given: st.SearchStrategy) -> st.SearchStrategy:
    """Return a strategy for values of a subclass, some methods of which lie."""
    methods = st.lists(st.sampled_from(OWN_METHODS[kind]), min_size=1, max_size=4).map(tuple)
    return st.builds(make_odd, st.just(kind), given, methods, st.sampled_from(sorted(LIES)))


pretenders = st.sampled_from(
    [Pretender(kind) for kind in (str, bytes, int, list, tuple, dict, memoryview, float)]
)


class Shown:
    """An object whose text is what it was given, or raises that."""

    def __init__(self, text: object) -> None:
        self._text = text

    def __str__(self) -> Any:
        if isinstance(self._text, Exception):
            raise self._text
        return self._text

    def __repr__(self) -> str:
        return "Shown()"


def make_array(octets: bytes, number: int) -> Any:
    """Return what else holds octets: an array, of C as well, or a view of several dimensions."""
    whole = octets[: len(octets) // 8 * 8]
    view = memoryview(whole)
    arrays: list[Any] = [
        array.array("B", octets),
        array.array("b", bytes(octet & 127 for octet in octets)),
        array.array("H", whole),
        array.array("d", whole),
        (ctypes.c_char * len(octets)).from_buffer_copy(octets),
        (ctypes.c_uint32 * (len(whole) // 4)).from_buffer_copy(whole),
        view.cast("B"),
        view.cast("I"),
        view.cast("q"),
        view[::-1],
        view[::3],
    ]
    if whole:
        arrays += [
            view.cast("B", (len(whole) // 4, 4)),
            view.cast("B", (2, len(whole) // 8, 4)),
            view.cast("B", (len(whole) // 4, 4))[::-1],
            ((ctypes.c_char * 4) * (len(whole) // 4)).from_buffer_copy(whole),
        ]
    return arrays[number % len(arrays)]
