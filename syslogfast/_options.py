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
from syslogfast._log_record import check_attributes, print_value
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


class Settings:
    """What is constant in the records of one identity, but for its structured data."""

    __slots__ = (
        "fields",
        "lead",
        "local_time",
        "longest",
        "lowest",
        "max_size",
        "msgid",
        "precision",
        "rule",
        "start",
    )

    def __init__(self, names: "tuple[Any, Any, Any]", options: "dict[str, Any]") -> "None":
        protocol = options["protocol"]
        check_choice("protocol", protocol, PROTOCOLS)
        check_choice("framing", options["framing"], FRAMINGS)
        check_choice("controls", options["controls"], CONTROLS)
        is_rfc5424 = protocol == "rfc5424"
        self.lowest = check_facility(options["facility"]) * 8  # PRIVAL of severity 0
        self.start = check_prefix(options["prefix"])
        self.precision = check_precision(options["precision"])
        self.fields = render_fields(protocol, *names)
        msgid = options["msgid"]
        self.msgid = NILVALUE if msgid is None else clean_msgid(check_field("msgid", msgid))
        local_time = options["local_time"]
        self.local_time = not is_rfc5424 if local_time is None else bool(local_time)
        # A delimiter is always escaped, so that no text can end a record.
        self.rule = "escape" if options["controls"] == "escape" else options["framing"]
        # RFC 5424 6: [SP MSG], where MSG-UTF8 = BOM UTF-8-STRING (6.4).
        self.lead = b"" if not is_rfc5424 else b" \xef\xbb\xbf" if options["bom"] else b" "
        self.longest = self._measure_longest_header(is_rfc5424)
        max_size = options["max_size"]
        if max_size is None:
            max_size = MAX_SIZE_RFC3164 if protocol == "rfc3164" else MAX_SIZE
        self.max_size = check_max_size(max_size, self.longest)
        if options["attributes"] is not None:
            check_attributes(options["attributes"])

    def _measure_longest_header(self, is_rfc5424: "bool") -> "int":
        size = len(self.start) + len(f"<{self.lowest + 7}>") + len(self.fields)
        if not is_rfc5424:
            return size + len("Mmm dd hh:mm:ss")
        size += len("1 yyyy-mm-ddThh:mm:ss") + (self.precision + 1 if self.precision else 0)
        size += len("+hh:mm") if self.local_time else len("Z")
        return size + MAX_MSGID + len(" -") + len(self.lead)


def render_own_fields(
    names: "tuple[Any, Any, Any]", protocol: "str", process: "object", known: "str", room: "int"
) -> "str | None":
    """Return the fields of a record that another process than `known` has made.

    None if it was not another, or if the fields take more than `room`.
    """
    if not isinstance(process, (int, str)):
        return None
    procid = print_value(process)
    if procid == known:
        return None
    fields = render_fields(protocol, names[0], names[1], procid)
    return fields if len(fields) <= room else None
