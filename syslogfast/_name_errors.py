"""Errors of names that nobody knows, keywords, choices and options: they propose the nearest one.

Loaded when there is such an error. `_validation.py` calls this, so that it can import nothing of
it: a value comes as the text that it is, and as its repr.
"""

from syslogfast.constants import DIGITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any, NoReturn

# What stands in a URL, and is given to `connect` by mistake.
URL_OPTIONS = ("bind", "ca", "cert", "insecure", "keepalive", "key", "order", "resolve", "retry")


def count_edits(text: "str", other: "str") -> "int":
    """Return how many letters differ: put in, left out, replaced, or swapped with the next."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i in range(len(text)):
        row = [i + 1]
        for j in range(len(other)):
            edits = min(last[j] + (text[i] != other[j]), last[j + 1] + 1, row[j] + 1)
            if i and j and text[i] == other[j - 1] and text[i - 1] == other[j]:
                edits = min(edits, before[j - 1] + 1)
            row.append(edits)
        before, last = last, row
    return last[-1]


def is_near(plain: "str", other: "str", edits: "int") -> "bool":
    """Return True if one text was probably to be the other: few edits, or a part of it."""
    if 5 * edits <= 2 * max(len(plain), len(other)):
        return True
    shorter = min(len(plain), len(other))
    shared = 0
    while shared < shorter and plain[shared] == other[shared]:
        shared += 1
    if shared >= 3 and (shared == shorter or (shared >= 5 and 2 * shared >= shorter)):
        return True
    return shorter >= 4 and (plain.endswith(other) or other.endswith(plain))


def find_nearest(text: "str", names: "Iterable[str]") -> "str":
    """Return the name that a text was probably to be; empty if none is near.

    Case, underscores, hyphens and spaces do not count.
    """
    plain = flatten(text[:64])
    nearest, fewest = "", 64
    for name in sorted(names):  # MicroPython's dicts have no order
        edits = count_edits(plain, flatten(name))
        if edits < fewest and plain and is_near(plain, flatten(name), edits):
            nearest, fewest = name, edits
    return nearest


def flatten(text: "str") -> "str":
    return text.lower().replace("_", "").replace("-", "").replace(" ", "")


def ask(near: "object") -> "str":
    """Return the end of a message that proposes something; empty if there is nothing."""
    return f". Did you mean {near!r}?" if near != "" else ""


def reject_code(
    field: "str", text: "str | None", names: "Mapping[str, int]", highest: "int", shown: "str"
) -> "NoReturn":
    """Refuse a severity or facility; `text` is a keyword, without LOG_; None: it is a number."""
    known = "a keyword"
    near: object = ""
    if text is not None:
        codes = sorted([(names[name], name) for name in names])
        known = "one of " + ", ".join([name for _, name in codes])
        near = find_nearest(text, names)
        if 1 <= len(text) <= 2 and not text.strip(DIGITS) and int(text) <= highest:
            near = int(text)
    raise ValueError(f"{field} must be in 0..{highest} or {known}, got {shown}{ask(near)}")


def find_choice(field: "str", text: "str", choices: "Collection[Any]", shown: "str") -> "str":
    """Return the choice that differs in case, and in "_" for "-", alone; refuse what is none.

    text: empty if it is none.
    """
    names = [choice for choice in choices if choice]
    plain = text.lower().replace("_", "-")
    same = [name for name in names if name.lower().replace("_", "-") == plain]
    if len(same) == 1:
        return same[0]  # type: ignore[no-any-return]
    known = ", ".join([repr(choice) for choice in choices])
    near = find_nearest(text, names)
    raise ValueError(f"{field} must be one of {known}, got {shown}{ask(near)}")


def list_parameters(function: "Any") -> "list[str]":
    """Return the names of the parameters that a function of ours has; none for None."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return [name for name in names if name != "self"]


def reject_option(
    name: "str", door: "str", options: "Iterable[str]", function: "Any" = None
) -> "NoReturn":
    """Raise what Python says of a keyword that is not known, and what it may have been.

    door: what was called; function: has parameters beside the options.
    """
    name = "".join([name])  # whatever a subclass of str has for a repr
    known = list(options) + list_parameters(function)
    end = ask(find_nearest(name, known))
    if name in URL_OPTIONS and "linger" in known:
        end = f": it is an option of the URL, as in tls://collector?{name}=..."
    if name in ("url", "urls") and door == "connect":
        end = ": URLs have no keyword, as in connect('udp://127.0.0.1:514')"
    raise TypeError(f"{door}() got an unexpected keyword argument {name!r}{end}")
