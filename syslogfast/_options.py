"""Who speaks, and how: the options of an encoder, checked, and rendered fit for the wire.

Both encoders use this module: all of it runs once, when an encoder is made.
"""

import sys

from syslogfast._platform import read_variable, system
from syslogfast._validation import (
    check_choice,
    check_enterprise_id,
    check_facility,
    check_field,
    check_max_size,
    check_precision,
    check_prefix,
)
from syslogfast.constants import (
    CONTROLS,
    DIGITS,
    EXAMPLE_ENTERPRISE_ID,
    FRAMINGS,
    IDENTITY,
    LETTERS,
    MAX_APP_NAME,
    MAX_HOSTNAME,
    MAX_MSGID,
    MAX_PROCID,
    MAX_SD_NAME,
    MAX_SIZE,
    MAX_SIZE_RFC3164,
    MAX_TAG,
    NILVALUE,
    PRINTUSASCII,
    PROTOCOLS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

HEX_DIGITS = DIGITS + "abcdefABCDEF"
HOST_CHARACTERS = LETTERS + DIGITS + "._:-"  # names and addresses, RFC 3164 4.1.2
TAG_CHARACTERS = LETTERS + DIGITS + "._/-"
PID_CHARACTERS = PRINTUSASCII.replace("[", "").replace("]", "")


def this_host() -> "str":
    """Return this host's name, as the kernel has it: no look-up is made."""
    if hasattr(system, "uname"):
        name = system.uname()[1]
        return NILVALUE if name == "(none)" else name  # Linux's own word for that
    return read_variable("COMPUTERNAME") or NILVALUE


def has_hostname() -> "bool":
    """Return True if the kernel has a name for this host that is not every host's."""
    return this_host().partition(".")[0] not in ("", NILVALUE, "localhost")


_full_names: "dict[str, str]" = {}  # by the kernel's name, as a look-up takes its time


def look_up_this_host() -> "str":
    """Return this host's name with its domain, as DNS or /etc/hosts has it; else as `this_host`."""
    name = this_host()
    if "." not in name and name not in _full_names:
        try:
            from socket import getfqdn
        except ImportError:
            return name
        full = getfqdn(name)
        if not full.startswith(f"{name}."):
            return name  # it is another host's, or there is no answer now
        _full_names[name] = full
    return _full_names.get(name, name)


def this_program() -> "str":
    """Return this program's name: that of its file or package, "python" if it has neither."""
    argv = getattr(sys, "argv", None) or [""]
    directory, _, name = argv[0].replace("\\", "/").rpartition("/")
    if name == "__main__.py":  # python -m package
        name = directory.rpartition("/")[2]
    if name.endswith(".py"):
        name = name[:-3]
    return "python" if name in ("", "-", "-c", "-m") else name


def this_process() -> "str":
    """Return this process's number; NILVALUE where there are no processes."""
    return str(system.getpid()) if hasattr(system, "getpid") else NILVALUE


def clean_field(text: "str", limit: "int", allowed: "str" = PRINTUSASCII) -> "str":
    """Return `text` as a header field: other octets than `allowed` as "_", truncated, never empty.

    An octet, not a character, is the unit: "é" gives "__".
    """
    if not text[:limit].strip(allowed):  # as most are
        return text[:limit] or NILVALUE
    field = ""  # no list: what CPython 3.15.0 cannot append to one it frees twice (gh-151818)
    for char in text[:limit]:
        # U+07FF is the last character of two octets, U+FFFF the last of three, as lone
        # surrogates are once they have become U+FFFD.
        octets = 1 if char < "\x80" else 2 if char < "\u0800" else 3 if char <= "\uffff" else 4
        field += char if char in allowed else "_" * octets
    return field[:limit] or NILVALUE


def clean_msgid(text: "str") -> "str":
    return clean_field(text, MAX_MSGID)  # RFC 5424 6.2.7: MSGID = NILVALUE / 1*32PRINTUSASCII


def is_octet(text: "str") -> "bool":
    """Return True if a text is a number up to 255, as one writes it."""
    if not 1 <= len(text) <= 3 or text.strip(DIGITS):
        return False
    return text == "0" or (text[0] != "0" and (len(text) < 3 or text <= "255"))


def is_ipv4_address(name: "str") -> "bool":
    parts = name.split(".")
    return len(parts) == 4 and all(is_octet(part) for part in parts)


def is_ipv6_address(name: "str") -> "bool":
    """RFC 4291 2.2: eight groups, or fewer around one "::"; the last two may be an IPv4 address."""
    name = name.partition("%")[0]  # RFC 4007 11: what follows is the zone
    left, gap, right = name.partition("::")
    groups = (left.split(":") if left else []) + (right.split(":") if right else [])
    if groups and is_ipv4_address(groups[-1]) and (right or not gap):
        groups.pop()
        groups += ["0", "0"]
    if not all(0 < len(group) <= 4 and not group.strip(HEX_DIGITS) for group in groups):
        return False
    return len(groups) < 8 if gap else len(groups) == 8


def is_address(name: "str") -> "bool":
    return is_ipv4_address(name) or (":" in name and is_ipv6_address(name))


def remove_domain(name: "str") -> "str":
    """Cut the domain off, but leave an IP address whole (RFC 3164 4.1.2)."""
    return name if is_address(name) else name.partition(".")[0]


def read_back(names: "tuple[object, ...]", fields: "str") -> "int":
    """Return which of hostname, app_name and procid were given, a bit for each.

    A fourth bit tells that procid was an int. -1 if `fields`, rendered for RFC 5424, does not
    have them as they were given: then they have to be kept beside it.
    """
    given = 0
    rendered = fields.split()
    for index in range(3):
        name = names[index]
        if type(name) is int:
            name = str(name)
            given |= 8
        if name is not None:
            if type(name) is not str or name != rendered[index]:
                return -1
            given |= 1 << index
    return given


def restore_names(given: "int", fields: "str") -> "tuple[str | None, str | None, str | int | None]":
    """Undo what `read_back` has allowed to be forgotten."""
    rendered = fields.split()
    hostname, app_name, procid = [
        rendered[index] if given >> index & 1 else None for index in range(3)
    ]
    return hostname, app_name, int(procid) if procid and given & 8 else procid


def render_fields(
    protocol: "str",
    fqdn: "bool",
    hostname: "str | None",
    app_name: "str | None",
    procid: "str | int | None",
) -> "str":
    """Return what stands between TIMESTAMP and MSGID (RFC 5424) or MSG (RFC 3164), SPs included.

    None stands for this host, this program, this process. RFC 5424 6.2.4 to 6.2.6; RFC 3164 4.1.2,
    4.1.3.
    """
    if hostname is None:
        hostname = look_up_this_host() if fqdn else this_host()
    else:
        hostname = check_field("hostname", hostname)
    app_name = this_program() if app_name is None else check_field("app_name", app_name)
    procid = this_process() if procid is None else check_field("procid", procid)
    if protocol != "rfc5424" and not fqdn:
        hostname = remove_domain(hostname)
    return join_fields(protocol, clean_names(protocol, [hostname, app_name, procid]))


def clean_names(protocol: "str", names: "list[str]") -> "list[str]":
    """Return hostname, app_name and procid as the header fields that they are in this protocol."""
    hostname, app_name, procid = names
    if protocol == "rfc5424":
        return [
            clean_field(hostname, MAX_HOSTNAME),
            clean_field(app_name, MAX_APP_NAME),
            clean_field(procid, MAX_PROCID),
        ]
    return [
        clean_field(hostname, MAX_HOSTNAME, HOST_CHARACTERS),
        clean_field(app_name, MAX_TAG, TAG_CHARACTERS),
        clean_field(procid, MAX_PROCID, PID_CHARACTERS),
    ]


def join_fields(protocol: "str", cleaned: "list[str]") -> "str":
    hostname, app_name, procid = cleaned
    if protocol == "rfc5424":
        return f" {hostname} {app_name} {procid} "
    tag = app_name if procid == NILVALUE else f"{app_name}[{procid}]"
    return f" {tag}: " if protocol == "local" else f" {hostname} {tag}: "


# The options of an Encoder, in their order, with their defaults; Settings has the checks. The
# signatures of both encoders say the same, which a test sees to.
OPTIONS: "dict[str, Any]" = {
    "protocol": "rfc5424",
    "facility": "user",
    "hostname": None,
    "app_name": None,
    "procid": None,
    "msgid": None,
    "structured_data": None,
    "framing": None,
    "local_time": None,
    "precision": 6,
    "controls": "escape",
    "bom": False,
    "max_size": None,
    "prefix": b"",
    "attributes": None,
    "header_attributes": None,
    "enterprise_id": None,
    "fqdn": False,
}


def check_names(
    given: "Collection[str]", door: "str", function: "Any" = None, others: "Collection[str]" = ()
) -> "None":
    """Refuse options that an Encoder does not have, nor `others`.

    door: what was called, for the message; function: has parameters beside them.
    """
    for name in given:
        if name not in OPTIONS and name not in others:
            from syslogfast._name_errors import reject_option

            reject_option(name, door, list(OPTIONS) + list(others), function)


def name_element(name: "str", enterprise_id: "str") -> "str":
    """Return the SD-ID of an element of the package's own (RFC 5424 6.3.2)."""
    end = f"@{enterprise_id or EXAMPLE_ENTERPRISE_ID}"
    return sys.intern(name[: MAX_SD_NAME - len(end)] + end)  # 10,000 emitters have the same one


class Settings:
    """What is constant in the records of one identity, but for its structured data.

    given: the arguments; those that are left out have their defaults.
    names, options: all of them as they were given. The former, which are those of IDENTITY, differ
    between 10,000 siblings, which share the latter.
    rule: what is escaped in a text, "escape" for all control characters, else the framing's
    delimiter. is_rfc5424: else it is one of the older protocols.
    space: octets that the names, and a message beside the longest header, may take.
    """

    def __init__(self, given: "dict[str, Any]") -> "None":
        check_names(given, "Encoder")
        options = dict(OPTIONS)
        options.update(given)
        enterprise_id = check_enterprise_id(options["enterprise_id"])
        self.enterprise_id = enterprise_id.encode()
        if options["attributes"] is not None:
            from syslogfast._rare_validation import check_attributes

            options["attributes"] = check_attributes(options["attributes"], enterprise_id)
        if options["header_attributes"] is not None:
            from syslogfast._rare_validation import check_header_attributes

            header_attributes = check_header_attributes(options["header_attributes"])
            options["header_attributes"] = header_attributes or None
        self.names = tuple([options.pop(name) for name in IDENTITY])
        self.options = options
        for name, choices in ("protocol", PROTOCOLS), ("framing", FRAMINGS), ("controls", CONTROLS):
            options[name] = check_choice(name, options[name], choices)
        protocol = options["protocol"]
        self.framing: str | None = options["framing"]
        self.is_rfc5424 = protocol == "rfc5424"
        self.lowest_priority = check_facility(options["facility"]) * 8  # PRIVAL of severity 0
        self.prefix = check_prefix(options["prefix"])
        self.precision = check_precision(options["precision"])
        self.identity_fields = render_fields(protocol, bool(options["fqdn"]), *self.names)
        self.msgid = NILVALUE
        if options["msgid"] is not None:
            self.msgid = clean_msgid(check_field("msgid", options["msgid"]))
        self.local_time = not self.is_rfc5424
        if options["local_time"] is not None:
            self.local_time = bool(options["local_time"])
        # A delimiter is always escaped, so that no text can end a record.
        self.rule = "escape" if options["controls"] == "escape" else self.framing
        # RFC 5424 6: [SP MSG], where MSG-UTF8 = BOM UTF-8-STRING (6.4).
        self.msg_separator = b""
        if self.is_rfc5424:
            self.msg_separator = b" \xef\xbb\xbf" if options["bom"] else b" "
        self.longest = self._measure_longest_header(self.is_rfc5424)
        max_size = options["max_size"]
        if max_size is None:
            max_size = MAX_SIZE_RFC3164 if protocol == "rfc3164" else MAX_SIZE
        self.max_size = check_max_size(max_size, self.longest)
        self.space = self.max_size - self.longest + len(self.identity_fields)

    def pack(self) -> "tuple[Any, ...]":
        """Return what the compiled core keeps of them, in the order in which it takes that."""
        is_rfc5424 = self.is_rfc5424
        given = read_back(self.names, self.identity_fields) if is_rfc5424 else -1
        return (
            is_rfc5424,
            self.lowest_priority,
            self.precision,
            self.local_time,
            FRAMINGS.index(self.framing),
            self.max_size,
            self.space,
            given,
            self.prefix,
            self.msg_separator,
            self.enterprise_id,
            self.identity_fields.encode(),
            self.msgid.encode(),
        )

    def _measure_longest_header(self, is_rfc5424: "bool") -> "int":
        size = len(self.prefix) + len(f"<{self.lowest_priority + 7}>") + len(self.identity_fields)
        if not is_rfc5424:
            return size + len("Mmm dd hh:mm:ss")
        size += len("1 yyyy-mm-ddThh:mm:ss") + (self.precision + 1 if self.precision else 0)
        size += len("+hh:mm") if self.local_time else len("Z")
        return size + MAX_MSGID + len(" -") + len(self.msg_separator)


def describe_options(kind: "type", options: "dict[str, Any]") -> "str":
    """Return the repr of an encoder without prefix and structured data, which may hold a token."""
    shown = ("protocol", "facility", "hostname", "app_name", "procid")
    described = ", ".join([f"{name}={options[name]!r}" for name in shown])
    return f"{kind.__name__}({described})"


def reduce_options(kind: "type", options: "dict[str, Any]") -> "tuple[Any, ...]":
    """Return what a pickle holds: where it is read, all is rendered anew."""
    from functools import partial

    return partial(kind, **options), ()
