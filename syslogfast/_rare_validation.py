"""Checks and errors of what few programs have: beside `_validation.py`, which every start loads.

What is here is loaded with a handler, a service or a lifecycle, with an option that is rare, or
when there is an error of configuration. No record needs it: `emit` imports nothing.
"""

from syslogfast._validation import (
    check_choice,
    check_int,
    check_kind,
    check_sd_name,
    check_seconds,
    complete_sd_id,
    describe,
    is_a,
    read_str,
)
from syslogfast.constants import FRAMING_SIZE, HEADER_FIELDS, SD_NAME_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

FILES = ("ca", "cert", "key")  # in a URL: their values are paths
SECRET_WORDS = ("pass", "pwd", "secret", "token", "auth", "cred", "key")  # in names of options


def reject_unframed(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out unless pri is True: it goes before PRI")


def reject_octets() -> "NoReturn":
    raise ValueError("prefix and structured_data must be UTF-8 in a Formatter: it returns a str")


def reject_entered() -> "NoReturn":
    raise RuntimeError("bound must be entered by one `with` statement at a time")


def check_recorder(size: "Any", max_size: "int", level: "object", dump_level: "object") -> "None":
    """Refuse the options of a flight recorder that would never have anything, or no space."""
    check_int("recorder_bytes", size)
    if not size:
        raise ValueError(
            f"dump_level must be left out without recorder_bytes, got {describe(dump_level)}"
        )
    least = 2 * (max_size + FRAMING_SIZE)
    if not least <= size < 1 << 62:
        raise ValueError(
            f"recorder_bytes must be 0 or at least {least}, for two records of max_size,"
            f" got {describe(size)}"
        )
    if level is None:
        raise ValueError("level must be given with recorder_bytes, got None")


def reject_identity(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out of a child: it is the transport's")


def check_emitter(value: "object", kind: "type") -> "None":
    if not isinstance(value, kind):
        raise TypeError(f"emitter must be an Emitter, as of connect(), got {describe_url(value)}")


def check_error(value: "object") -> "BaseException":
    if not isinstance(value, BaseException):
        raise TypeError(f"error must be an exception, got {describe(value)}")
    return value


def check_heartbeat(value: "object") -> "float":
    """Return the seconds between two signs of life."""
    seconds = check_seconds("heartbeat", value)
    if not seconds:
        raise ValueError(f"heartbeat must be above 0 seconds, got {describe(value)}")
    return seconds


def reject_fatal_url(url: "str | None") -> "NoReturn":
    raise ValueError(
        "fatal_url must be one that opens at once, udp:// with an address, unix:// or fd://,"
        f" got {describe_url(url)}"
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


def hide_secrets(text: "str") -> "str":
    """Return a URL, or the repr of what should be one, without what may be a secret in it.

    That is all between "//" and the last "@", and the values of options whose names say so.
    """
    before, at, after = text.rpartition("@")
    if at:
        scheme, slashes, _ = before.partition("//")
        is_scheme = slashes and scheme.endswith(":") and scheme.count(":") == 1
        text = (scheme + slashes if is_scheme else "") + "...@" + after
    address, question, query = text.partition("?")
    pairs = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        has_secret = any(word in pair.lower() for word in SECRET_WORDS)
        if equals and has_secret and (name not in FILES or "?" in value):
            pair = name + "=..."
        pairs.append(pair)
    return address + question + "&".join(pairs)


def describe_url(url: "object") -> "str":
    """Return the repr of what is, or should be, a URL, without what may be a secret in it."""
    if is_a(url, str):
        return describe(hide_secrets(read_str(url)))
    try:
        text = hide_secrets(repr(url))
    except Exception:
        return describe(url)
    return text if len(text) <= 100 else text[:97] + "..."


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
    # A URL, its options, or several hosts; and what is no host at all.
    if host.split() != [host] or any(char in host for char in "/?#@,"):
        reject_host(host)
    return host


def reject_host(host: "str") -> "NoReturn":
    raise ValueError(f"host must be a name or an address, got {describe_url(host)}")


def check_port(value: "object") -> "int":
    port = check_int("port", value, "an int unless url is given")
    if not 1 <= port <= 65535:
        raise ValueError(f"port must be in 1..65535, got {describe(value)}")
    return port


def reject_service_option(option: "str") -> "NoReturn":
    raise ValueError(f"{option} must be left out: it is the service's")


def check_attributes(
    attributes: "object", enterprise_id: "str"
) -> "dict[str, dict[str, str] | str]":
    """Return a copy of {sd_id: {name: attribute}} or {sd_id: "extra"}; refuse what is not that."""
    rule = "a dict of dicts of str, {sd_id: {name: attribute}}"
    copied: dict[str, Any] = {}
    for sd_id, names in check_kind("attributes", attributes, rule, dict).items():
        sd_id = check_sd_name("SD-ID", check_kind("attributes", sd_id, rule, str))
        if is_a(names, str):
            copied[sd_id] = check_choice("attributes of an element", names, ("extra",))
            continue
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
        field = check_choice("header_attributes field", field, HEADER_FIELDS)
        names = [names] if is_a(names, str) else check_header_kind(names, list, tuple)
        texts = tuple([read_str(check_header_kind(name, str)) for name in names])
        if not texts or "" in texts:
            raise ValueError(f"header_attributes must name attributes, got {describe(names)}")
        copied[field] = texts
    return copied


def check_header_kind(value: "Any", *kinds: "type") -> "Any":
    return check_kind("header_attributes", value, "{field: [attribute]}", *kinds)
