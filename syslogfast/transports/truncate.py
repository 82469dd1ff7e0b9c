"""Truncating a record that is encoded already, when a transport turns out to be too narrow."""

OCTAL = b"01234567"


def find_message(record: "bytes") -> "int":
    """Return where the text begins of a record as this package writes it."""
    start = record.find(b">") + 1
    if record[start : start + 2] != b"1 ":  # RFC 3164 4.1.3: TAG, colon
        return max(start, record.find(b": ", start) + 2)
    for _ in range(6):  # RFC 5424 6: VERSION to MSGID
        start = record.find(b" ", start) + 1
    if record[start : start + 1] == b"-":
        return start + 1
    is_quoted = is_escaped = False
    for index in range(start, len(record)):
        char = record[index : index + 1]
        if is_escaped or char == b"\\":
            is_escaped = not is_escaped  # RFC 5424 6.3.3
        elif char == b'"':
            is_quoted = not is_quoted
        elif char == b"]" and not is_quoted and record[index + 1 : index + 2] != b"[":
            return index + 1
    return len(record)


def truncate_record(record: "bytes", size: "int") -> "bytes | None":
    """Return a record truncated to so many bytes, within its text alone; None: that is not enough.

    No character and no "#ooo" is broken.

    >>> truncate_record("<14>1 - web1 shop 42 - - 3 €".encode(), 29)
    b'<14>1 - web1 shop 42 - - 3 '
    """
    start = find_message(record)
    if size < start:
        return None
    while size > start and size < len(record) and record[size] & 0xC0 == 0x80:
        size -= 1
    sharp = record.rfind(b"#", max(start, size - 3), size)
    if sharp >= 0 and all(octet in OCTAL for octet in record[sharp + 1 : sharp + 4]):
        size = sharp
    return record[:size]
