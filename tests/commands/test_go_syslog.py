"""Where the strict parser of `syslogfast listen` and go-syslog's differ, and who is right.

Of 174,000 mutated records, on 2026-11-29, all verdicts and fields were the same but for differences
of these kinds. Some of each are kept here; the folder go_syslog has what finds more.
"""

import re

import pytest

from syslogfast.commands.parse import MalformedError, parse_record

KINDS = {
    "escape": "RFC 5424 6.3.3: a backslash before another character is a regular backslash",
    "octets": "RFC 5424 6: MSG-ANY = *OCTET, not starting with BOM",
    "version": "RFC 5424 6.2.2, 9.1: this document's VERSION is 1, and no other is registered",
    "number": "RFC 5424 6.3.2, 7.2.2: after the @ of an SD-ID is a private enterprise number",
}
# go-syslog refuses them.
ACCEPTED = {
    "escape": [
        rb'<0>1 2004-02-29T23:59:59+14:00 h a 1 m [x@1 a="\"\\\2" b=""][y] x',
        rb'<165>1 2007-02-15T09:17:15.719+02:00 router1 mgd 3046 UI [j@2636.1.1 a="b\n\]"] x',
        rb'<13>1 - h a p m [x a="\"\\\:"]',
    ],
    "octets": [
        b"<13>1 - h a p m - \xff",
        b'<13>1 2000-02-29T00:00:00Z - - - ="- [a@1 b=""][c@2] x\xff\xfe',
        b"<34>1 2003-10-11T22:14:15.003Z m.example.com su - ID47 - \xef\xbb='su root'",
        b"<13>1 - h a p m - \xe2\x8231\xac",
    ],
}
# go-syslog accepts them.
REFUSED = {
    "version": [
        b"<13>11 - h a p m - ",
        b"<13>2 - h a p m - ",
        b"<34>601 1985-04-12T19:20:50.52-00:00 h a p m [timeQuality] x",
    ],
    "number": [
        b'<0>1 2004-02-29T23:59:59+14:00 h a 1 m [@1 a=""] x',
        b"<13>1 - h a 1 m [x@] x",
        b"<13>1 - h a 1 m [x@Z] x",
        b"<13>1 - h a 1 m [x@-1] x",
        b"<13>1 - h a 1 m [x@1@2] x",
        b"<13>1 - h a 1 m [x@1.] x",
    ],
}


def find_kind(data: bytes, refused: MalformedError | None) -> str | None:
    """Return of which kind a difference is."""
    if refused:
        if re.match(rb"<[0-9]{1,3}>[1-9][0-9]{0,2} ", data):
            kind = "number" if "must be NAME or NAME@NUMBER" in refused.what else "version"
            is_version = not re.match(rb"<[0-9]{1,3}>1 ", data)
            return kind if is_version == (kind == "version") else None
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return "octets"
    return "escape" if re.search(rb'\\[^"\\\]]', data) else None


@pytest.mark.parametrize(("kind", "records"), ACCEPTED.items(), ids=ACCEPTED)
def test_accepted_here(kind: str, records: list[bytes]) -> None:
    for data in records:
        assert parse_record(data).protocol == "rfc5424"
        assert find_kind(data, None) == kind


@pytest.mark.parametrize(("kind", "records"), REFUSED.items(), ids=REFUSED)
def test_refused_here(kind: str, records: list[bytes]) -> None:
    for data in records:
        with pytest.raises(MalformedError) as caught:
            parse_record(data)
        assert find_kind(data, caught.value) == kind
