"""Numbers in structured data: [meta sequenceId="n"] (RFC 5424 7.3.1), where there is more in it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_SEQUENCE_ID = 2147483647  # RFC 5424 7.3.1; after that comes 1


def add_sequence_id(structured_data: "Any", number: "int") -> "Any":
    """Return structured data with a sequenceId in their element "meta".

    What they have of it themselves is kept; what is no structured data is returned as it is.
    """
    if issubclass(type(structured_data), bytes):
        if b"[meta " in structured_data:
            return structured_data
        given = b"" if structured_data == b"-" else structured_data
        return b'%b[meta sequenceId="%d"]' % (given, number)
    if not issubclass(type(structured_data), dict):
        return structured_data
    meta = structured_data.get("meta", {})
    if issubclass(type(meta), dict):
        meta = {"sequenceId": number, **meta}
    elif issubclass(type(meta), (list, tuple)):
        meta = [("sequenceId", number), *meta]
    return {**structured_data, "meta": meta}
