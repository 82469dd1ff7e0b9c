"""Numbers in structured data: [meta sequenceId="n"] (RFC 5424 7.3.1), where there is more in it."""

from syslogfast._structured_data import split_elements
from syslogfast._validation import is_a, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def add_sequence_id(structured_data: "Any", number: "int") -> "Any":
    """Return structured data with a sequenceId in their element "meta".

    One that they have themselves is kept; what is no structured data is returned as it is.
    """
    if is_a(structured_data, bytes):
        elements = read_bytes(structured_data)
        return add_to_rendered(b"" if elements == b"-" else elements, number)
    if not is_a(structured_data, dict):
        return structured_data
    meta = structured_data.get("meta")
    if meta is None:
        meta = {"sequenceId": number}
    elif is_a(meta, dict):
        meta = {"sequenceId": number, **meta}
    elif is_a(meta, list, tuple) and "sequenceId" not in list_names(meta):
        meta = [("sequenceId", number), *meta]
    return {**structured_data, "meta": meta}


def list_names(pairs: "Any") -> "list[Any]":
    return [pair[0] for pair in pairs if is_a(pair, list, tuple) and pair]


def add_to_rendered(elements: "bytes", number: "int") -> "bytes":
    """Do so with what is rendered already, which may have a "[meta" in a value, too."""
    sequence_id = b' sequenceId="%d"' % number
    if b"[meta" in elements:
        for sd_id, element in split_elements(elements):
            if sd_id == b"meta":
                if b' sequenceId="' in element:
                    return elements
                return elements.replace(element, b"[meta%b%b" % (sequence_id, element[5:]), 1)
    return b"%b[meta%b]" % (elements, sequence_id)
