"""Every error that the package raises, so that both encoders use the same words.

`check_...` returns a valid value in the form that the encoders work with; `reject_...` is for
callers that have already found the value bad: it never returns. A message says
`<field> must <rule>, got <repr>`, but for what may hold a token: there, only the type is named.
"""

import builtins

from syslogfast.constants import (
    DIGITS,
    FACILITIES,
    HEADER_FIELDS,
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
    raise ValueError(f"{field} must be in 0..{highest} or a keyword, got {describe(value)}")


def check_severity(value: "object") -> "int":
    return check_code("severity", value, SEVERITIES, MAX_SEVERITY)


def check_facility(value: "object") -> "int":
    return check_code("facility", value, FACILITIES, MAX_FACILITY)


def reject_option(name: "object") -> "NoReturn":
    raise TypeError(f"Encoder() got an unexpected keyword argument {describe(name)}")


def check_choice(field: "str", value: "object", choices: "Collection[object]") -> "Any":
    """Return one of the choices."""
    choice = read_str(value) if is_a(value, str) else value
    if (choice is not None and type(choice) is not str) or choice not in choices:
        known = ", ".join([repr(choice) for choice in choices])
        raise ValueError(f"{field} must be one of {known}, got {describe(value)}")
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


def reject_unframed(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out unless pri is True: it goes before PRI")


def reject_octets() -> "NoReturn":
    raise ValueError("prefix and structured_data must be UTF-8 in a Formatter: it returns a str")


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


def reject_identity(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out of a child: it is the transport's")


def check_emitter(value: "object", kind: "type") -> "None":
    if not isinstance(value, kind):
        raise TypeError(f"emitter must be an Emitter, got {describe(value)}")


def check_error(value: "object") -> "BaseException":
    if not isinstance(value, BaseException):
        raise TypeError(f"error must be an exception, got {describe(value)}")
    return value


def reject_fatal_url(url: "str | None") -> "NoReturn":
    raise ValueError(
        "fatal_url must be one that opens at once, udp:// with an address, unix:// or fd://,"
        f" got {describe(url)}"
    )


def reject_missing_url() -> "NoReturn":
    raise ValueError("urls must not be empty unless SYSLOGFAST_URL is set, got none")


def reject_backend(value: "str") -> "NoReturn":
    raise ValueError(f"SYSLOGFAST_BACKEND must be 'c' or 'python', got {describe(value)}")


def warn_of_fallback(error: "ImportError") -> "None":
    import warnings

    warnings.warn(
        "the compiled encoder must be in an interpreter that can load it: here the Python fallback"
        f" is used, which is 13 times slower ({error}); SYSLOGFAST_BACKEND=python asks for it",
        RuntimeWarning,
        stacklevel=2,
    )


def reject_url_kind(value: "object") -> "NoReturn":
    raise TypeError(f"url must be a str, got {describe(value)}")


def reject_url(rule: "str", url: "str") -> "NoReturn":
    raise ValueError(f"url must {rule}, got {describe(url)}")


def reject_loader(loader: "str") -> "NoReturn":
    raise ValueError(f'loader must be of the form "package.module:Class", got {describe(loader)}')


def reject_missing_protocol(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out unless protocol is given: it is of the header")


def reject_double_header() -> "NoReturn":
    raise ValueError(
        "formatter must not be a syslogfast.Formatter in a handler that writes the header:"
        " its options go to the handler"
    )


def reject_datagrams(option: "str", socktype: "object") -> "NoReturn":
    raise ValueError(f"socktype must be SOCK_STREAM with {option}, got {describe(socktype)}")


def reject_socktype(socktype: "object") -> "NoReturn":
    raise ValueError(f"socktype must be left out with a URL, got {describe(socktype)}")


def reject_tls_kind(value: "object") -> "NoReturn":
    raise TypeError(
        "tls must be True, an ssl.SSLContext, or a dict of ca, cert, key, name and insecure,"
        f" got {type(value).__name__}"
    )


def reject_tls(address: "object") -> "NoReturn":
    raise ValueError(f"tls must be left out with a path, got {describe(address)}")


def reject_tls_of_url(url: "str") -> "NoReturn":
    raise ValueError(
        f"tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs, got {describe(url)}"
    )


def check_token(field: "str", value: "object") -> "bytes":
    """Return a service's token as octets; it may stand in an SD-ID, before "@" (RFC 5424 6.3.2).

    It is a secret, so nothing of it is shown.
    """
    if not is_a(value, str):
        raise TypeError(f"{field} must be a str, got {type(value).__name__}")
    token = read_str(value)
    if not token or not all(char in SD_NAME_CHARACTERS and char != "@" for char in token):
        raise ValueError(
            f'{field} must be printable ASCII characters other than @ = ] " and space,'
            f" got {type(value).__name__}"
        )
    return token.encode()


def check_tags(value: "Any") -> "list[str]":
    if not is_a(value, list, tuple) or not all(is_a(tag, str) for tag in value):
        raise TypeError(f"tags must be a list or a tuple of str, got {describe(value)}")
    return list(value)


def check_host(value: "object") -> "str":
    host = read_str(check_kind("host", value, "a str unless url is given", str))
    if not host or "?" in host:  # which would begin the options of a URL
        raise ValueError(f"host must be a name or an address, got {describe(value)}")
    return host


def check_port(value: "object") -> "int":
    return check_int("port", value, "an int unless url is given")


def reject_service_option(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out: it is the service's")


def check_attributes(attributes: "object", enterprise_id: "str") -> "dict[str, dict[str, str]]":
    """Return a copy of {sd_id: {name: attribute}}; refuse what is not that."""
    rule = "a dict of dicts of str, {sd_id: {name: attribute}}"
    copied: dict[str, dict[str, str]] = {}
    for sd_id, names in check_kind("attributes", attributes, rule, dict).items():
        sd_id = check_sd_name("SD-ID", check_kind("attributes", sd_id, rule, str))
        copied[sd_id] = {}
        for name, attribute in check_kind("attributes", names, rule, dict).items():
            name = check_sd_name("PARAM-NAME", check_kind("attributes", name, rule, str))
            copied[sd_id][name] = read_str(check_kind("attributes", attribute, rule, str))
    for sd_id in copied:
        complete_sd_id(sd_id, enterprise_id, copied)
    return copied


def check_header_attributes(given: "object") -> "dict[str, tuple[str, ...]]":
    """Return a copy of {field: attributes}; refuse what is not that."""
    copied = {}
    for field, names in check_header_kind(given, dict).items():
        field = read_str(check_header_kind(field, str))
        check_choice("header_attributes field", field, HEADER_FIELDS)
        names = [names] if is_a(names, str) else check_header_kind(names, list, tuple)
        texts = tuple([read_str(check_header_kind(name, str)) for name in names])
        if not texts or "" in texts:
            raise ValueError(f"header_attributes must name attributes, got {describe(names)}")
        copied[field] = texts
    return copied


def check_header_kind(value: "Any", *kinds: "type") -> "Any":
    return check_kind("header_attributes", value, "{field: [attribute]}", *kinds)
