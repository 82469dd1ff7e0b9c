"""What an encoder's options mean: checked and rendered here, once, for both encoders."""

from syslogfast._checks import (
    check_choice,
    check_facility,
    check_field,
    check_max_size,
    check_precision,
    check_prefix,
)
from syslogfast._identity import clean_msgid, render_fields
from syslogfast.constants import (
    CONTROLS,
    FRAMINGS,
    MAX_MSGID,
    MAX_SIZE,
    MAX_SIZE_RFC3164,
    NILVALUE,
    PROTOCOLS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# What is escaped in a text: all control characters, or the delimiter of a framing.
RULES = (None, "octet", "lf", "nul", "escape")


class Settings:
    """What is constant in the records of one identity, but for its structured data.

    `names` and `options` are the arguments as they were given: the former differ between 10,000
    siblings, which share the latter.
    """

    __slots__ = (
        "fields",
        "lead",
        "local_time",
        "longest",
        "lowest",
        "max_size",
        "msgid",
        "names",
        "options",
        "precision",
        "rule",
        "start",
    )

    def __init__(
        self,
        protocol: "Any",
        facility: "Any",
        hostname: "Any",
        app_name: "Any",
        procid: "Any",
        msgid: "Any",
        structured_data: "Any",
        framing: "Any",
        local_time: "Any",
        precision: "Any",
        controls: "Any",
        bom: "Any",
        max_size: "Any",
        prefix: "Any",
        attributes: "Any",
    ) -> "None":
        if attributes is not None:
            from syslogfast._log_record import copy_attributes  # rarely needed

            attributes = copy_attributes(attributes)
        self.names = (hostname, app_name, procid)
        self.options = {
            "protocol": protocol,
            "facility": facility,
            "msgid": msgid,
            "structured_data": structured_data,
            "framing": framing,
            "local_time": local_time,
            "precision": precision,
            "controls": controls,
            "bom": bom,
            "max_size": max_size,
            "prefix": prefix,
            "attributes": attributes,
        }
        check_choice("protocol", protocol, PROTOCOLS)
        check_choice("framing", framing, FRAMINGS)
        check_choice("controls", controls, CONTROLS)
        is_rfc5424 = protocol == "rfc5424"
        self.lowest = check_facility(facility) * 8  # PRIVAL of severity 0
        self.start = check_prefix(prefix)
        self.precision = check_precision(precision)
        self.fields = render_fields(protocol, hostname, app_name, procid)
        self.msgid = NILVALUE if msgid is None else clean_msgid(check_field("msgid", msgid))
        self.local_time = not is_rfc5424 if local_time is None else bool(local_time)
        # A delimiter is always escaped, so that no text can end a record.
        self.rule = "escape" if controls == "escape" else framing
        # RFC 5424 6: [SP MSG], where MSG-UTF8 = BOM UTF-8-STRING (6.4).
        self.lead = b"" if not is_rfc5424 else b" \xef\xbb\xbf" if bom else b" "
        self.longest = self._measure_longest_header(is_rfc5424)
        if max_size is None:
            max_size = MAX_SIZE_RFC3164 if protocol == "rfc3164" else MAX_SIZE
        self.max_size = check_max_size(max_size, self.longest)

    def list_numbers(self) -> "tuple[int, ...]":
        """Return all that is a number, for C."""
        return (
            self.lowest,
            self.precision,
            self.local_time,
            FRAMINGS.index(self.options["framing"]),
            RULES.index(self.rule),
            self.max_size,
            self.max_size - self.longest + len(self.fields),
            len(self.start),
            len(self.fields),
            len(self.lead),
        )

    def _measure_longest_header(self, is_rfc5424: "bool") -> "int":
        size = len(self.start) + len(f"<{self.lowest + 7}>") + len(self.fields)
        if not is_rfc5424:
            return size + len("Mmm dd hh:mm:ss")
        size += len("1 yyyy-mm-ddThh:mm:ss") + (self.precision + 1 if self.precision else 0)
        size += len("+hh:mm") if self.local_time else len("Z")
        return size + MAX_MSGID + len(" -") + len(self.lead)


def describe_options(kind: "type", options: "dict[str, Any]") -> "str":
    """Return the repr of an encoder without prefix and structured data, which may hold a token."""
    shown = ("protocol", "facility", "hostname", "app_name", "procid")
    described = ", ".join([f"{name}={options[name]!r}" for name in shown])
    return f"{kind.__name__}({described})"


def reduce_options(kind: "type", options: "dict[str, Any]") -> "tuple[Any, ...]":
    """Return what a pickle holds: where it is read, all is rendered anew."""
    from functools import partial

    return partial(kind, **options), ()
