"""The errors that the package raises, so that both encoders use the same words.

`check_...` returns a valid value in the form that the encoders work with; `reject_...` is for
callers that have already found the value bad: it never returns. A message says
`<field> must <rule>, got <repr>`, but for what may hold a token: there, only the type is named.
Those that few programs can meet are in `_rare_validation.py`, those of unknown names in
`_name_errors.py`.
"""

import builtins

from syslogfast.constants import (
    DIGITS,
    EMIT_OPTIONS,
    FACILITIES,
    MAX_ENTERPRISE_ID,
    MAX_FACILITY,
    MAX_PRECISION,
    MAX_SD_NAME,
    MAX_SEVERITY,
    REGISTERED_SD_IDS,
    SD_NAME_CHARACTERS,
    SEVERITIES,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any, NoReturn

# MicroPython has none.
NoSpace: "Any" = getattr(builtins, "BufferError", None) or type("BufferError", (ValueError,), {})


def describe(value: "object") -> "str":
    """Return a repr that cannot raise and is not longer than 100 characters."""
    try:
        text = repr(value)
    except Exception:
        text = "<unprintable " + type(value).__name__ + ">"
    return text if len(text) <= 100 else text[:97] + "..."


def is_a(value: "object", *kinds: "type") -> "bool":
    """Return True if a value is of these types, whatever its `__class__` pretends."""
    return issubclass(type(value), kinds)


def is_float_without_time(value: "Any") -> "bool":
    """Tell NaN and the infinities, which stand for an unknown time, from other floats."""
    return is_a(value, float) and read_float(value) - read_float(value) != 0.0


def read_int(value: "Any") -> "int":
    """Return the value of an int, whatever arithmetic a subclass has of its own."""
    return value if type(value) is int else int.__add__(value, 0)


def is_number(text: "str", most: "int") -> "bool":
    """Return True for digits that say no more than `most`."""
    return text.isdigit() and text.isascii() and len(text) < 11 and read_number(text) <= most


def read_number(text: "str") -> "int":
    """Return int(text) of up to 15 digits: that takes 20 us more for the first of a process."""
    return int(float(text))


def read_float(value: "Any") -> "float":
    return value if type(value) is float else float.__add__(value, 0.0)


def read_str(value: "Any") -> "str":
    """Return the value of a str, whatever text a subclass pretends to be."""
    return "".join([value])


def read_bytes(value: "Any") -> "bytes":
    """Return the value of bytes, whatever octets a subclass pretends to be."""
    return value if type(value) is bytes else bytes.__getitem__(value, slice(None))


def check_kind(field: "str", value: "object", rule: "str", *kinds: "type") -> "Any":
    """Return a value of one of these types."""
    if not is_a(value, *kinds):
        raise TypeError(f"{field} must be {rule}, got {describe(value)}")
    return value


def check_int(field: "str", value: "object", rule: "str" = "an int") -> "int":
    return read_int(check_kind(field, value, rule, int))


def check_code(field: "str", value: "object", names: "Mapping[str, int]", highest: "int") -> "int":
    """Return the number of a severity or facility: a number in range, an enum or a keyword.

    A keyword may be in any case, and as syslog.h has it, as in LOG_INFO.
    """
    keyword: str | None = None
    if is_a(value, int):
        number = read_int(value)
        if 0 <= number <= highest:
            return number
    else:
        keyword = read_str(check_kind(field, value, "an int or a str", str)).lower()
        if keyword[:4] == "log_":
            keyword = keyword[4:]
        if keyword in names:
            return names[keyword]
    from syslogfast._name_errors import reject_code

    return reject_code(field, keyword, names, highest, describe(value))


def check_severity(value: "object") -> "int":
    return check_code("severity", value, SEVERITIES, MAX_SEVERITY)


def check_facility(value: "object") -> "int":
    return check_code("facility", value, FACILITIES, MAX_FACILITY)


def check_choice(field: "str", value: "object", choices: "Collection[object]") -> "Any":
    """Return one of the choices; a text may be in any case, and have "_" for "-"."""
    choice = read_str(value) if is_a(value, str) else value
    if (choice is not None and type(choice) is not str) or choice not in choices:
        from syslogfast._name_errors import find_choice

        return find_choice(field, choice if type(choice) is str else "", choices, describe(value))
    return choice


def check_field(field: "str", value: "object") -> "str":
    """Return a header field as text. PROCID, which is mostly a number, may be given as one."""
    if field != "procid":
        return read_str(check_kind(field, value, "a str", str))
    check_kind(field, value, "a str or an int", str, int)
    return read_str(value) if is_a(value, str) else str(read_int(value))


def check_precision(value: "object") -> "int":
    digits = check_int("precision", value)
    if not 0 <= digits <= MAX_PRECISION:
        raise ValueError(f"precision must be in 0..{MAX_PRECISION}, got {describe(value)}")
    return digits


def check_prefix(value: "Any") -> "bytes":
    if not is_a(value, bytes):
        raise TypeError(f"prefix must be bytes, got {type(value).__name__}")
    return read_bytes(value)


def check_max_size(value: "object", longest_header: "int") -> "int":
    size = check_int("max_size", value)
    if size < longest_header:
        raise ValueError(
            f"max_size must be at least {longest_header}, the longest header, got {describe(value)}"
        )
    if size > 0x7FFFFFFF:
        raise ValueError(f"max_size must be below 2 GiB, got {describe(value)}")
    return size


def find_option(keyword: "str") -> "int":
    """Return which of EMIT_OPTIONS a keyword of `emit` is; -1: it names a field.

    One that differs in underscores and case alone would be a field that nobody wanted.
    """
    keyword = read_str(keyword)
    plain = keyword.replace("_", "").lower()
    for index, option in enumerate(EMIT_OPTIONS):
        if keyword == option:
            return index
        if plain == option.replace("_", ""):
            raise TypeError(f"field must not be nearly {option}, got {describe(keyword)}")
    return -1


def reject_change() -> "NoReturn":
    raise TypeError("an Encoder must not be initialised twice: replace() makes another")


def reject_unready() -> "NoReturn":
    raise AttributeError("an Encoder must be initialised before it is used")


def reject_message(value: "object") -> "NoReturn":
    raise TypeError(f"message must be a str or a bytes-like object, got {describe(value)}")


def reject_messages(value: "object") -> "NoReturn":
    raise TypeError(f"messages must be a list or a tuple, got {describe(value)}")


def reject_time(value: "object") -> "NoReturn":
    raise TypeError(f"time_ns must be an int, got {describe(value)}")


def reject_structured_data(value: "object") -> "NoReturn":
    raise TypeError(f"structured_data must be a dict or bytes, got {type(value).__name__}")


def reject_parameters(value: "object") -> "NoReturn":
    raise TypeError(
        "structured_data parameters must be a dict or a list of (name, value) pairs,"
        f" got {type(value).__name__}"
    )


def check_sd_name(field: "str", value: "object") -> "str":
    """RFC 5424 6.3.3: SD-NAME = 1*32PRINTUSASCII except '=', SP, ']' and '"'."""
    name = read_str(value) if is_a(value, str) else ""
    if not 1 <= len(name) <= MAX_SD_NAME or not all(char in SD_NAME_CHARACTERS for char in name):
        reject_sd_name(field, value)
    return name


def is_enterprise_id(text: "str") -> "bool":
    """RFC 5424 7.2.2: a private enterprise number, or more numbers with periods between them."""
    parts = text.split(".") if len(text) <= MAX_ENTERPRISE_ID else [""]
    return all(part and not part.strip(DIGITS) for part in parts)


def check_enterprise_id(value: "object") -> "str":
    """Return a private enterprise number as text; "" for None."""
    if value is None:
        return ""
    check_kind("enterprise_id", value, "an int or a str", int, str)
    number = read_str(value) if is_a(value, str) else ""
    if is_a(value, int) and 0 <= read_int(value) < 10**MAX_ENTERPRISE_ID:
        number = str(read_int(value))
    if not is_enterprise_id(number):
        rule = f"up to {MAX_ENTERPRISE_ID} digits, and periods between them"
        raise ValueError(f"enterprise_id must be {rule}, got {describe(value)}")
    return number


def complete_sd_id(sd_id: "str", enterprise_id: "str", others: "Collection[object]") -> "str":
    """RFC 5424 6.3.2: a name of IANA's, or one with "@" and a number, which may be this one."""
    name, at, number = sd_id.partition("@")
    if at and not (name and is_enterprise_id(number)):
        raise ValueError(
            "structured_data SD-ID must be NAME or NAME@NUMBER, got " + describe(sd_id)
        )
    if at or not enterprise_id or sd_id in REGISTERED_SD_IDS:
        return sd_id
    complete = check_sd_name("SD-ID", f"{sd_id}@{enterprise_id}")
    if complete in others:  # "The same SD-ID MUST NOT exist more than once in a message."
        raise ValueError(f"structured_data SD-ID must not occur twice, got {describe(complete)}")
    return complete


def reject_sd_name(field: "str", value: "object") -> "NoReturn":
    check_kind(f"structured_data {field}", value, "a str", str)
    raise ValueError(
        f"structured_data {field} must be 1 to 32 printable ASCII characters other than"
        f' = ] " and space, got {describe(value)}'
    )


def reject_buffer(value: "object") -> "NoReturn":
    raise TypeError(
        f"buffer must be a bytearray or another writable, contiguous buffer, got {describe(value)}"
    )


def check_offset(value: "object", size: "int") -> "int":
    offset = check_int("offset", value)
    if not 0 <= offset <= size:
        reject_offset(value, size)
    return offset


def reject_offset(value: "object", size: "int") -> "NoReturn":
    check_int("offset", value)
    raise ValueError(f"offset must be in 0..{size}, the length of buffer, got {describe(value)}")


def reject_space(needed: "int", space: "int") -> "NoReturn":
    raise NoSpace(f"buffer must have space for {needed} bytes after offset, got {space}")


def check_seconds(field: "str", value: "Any") -> "float":
    check_kind(field, value, "a number of seconds", int, float)
    if not 0 <= value < 1e9:
        raise ValueError(f"{field} must be in 0..1e9 seconds, got {describe(value)}")
    return float(value)


def check_on_failure(value: "Any") -> "Any":
    if value is not None and value is not False and not callable(value):
        raise TypeError(f"on_failure must be a callable, False or None, got {describe(value)}")
    return value


def check_timeout(value: "Any") -> "float":
    """Return how long to wait; a negative number is no time, and infinity has no end."""
    check_kind("timeout", value, "a number of seconds", int, float)
    if value != value:
        raise ValueError(f"timeout must be a number of seconds, got {describe(value)}")
    return float(value)


def check_queue_bytes(value: "object") -> "int":
    size = check_int("queue_bytes", value)
    if not 1 <= size < 1 << 62:
        raise ValueError(f"queue_bytes must be in 1..{(1 << 62) - 1}, got {describe(value)}")
    return size
