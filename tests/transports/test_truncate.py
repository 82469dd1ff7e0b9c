"""Cutting a record that has been written already: still a record, and no character cut through."""

import re

import pytest
from support.grammar import parse_rfc3164, parse_rfc5424

from syslogfast import Encoder
from syslogfast.transports.datagram import truncate_record

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
DATA = {"a@32473": {"quote": 'x"] [b@1 c="', "back": "\\"}, "b@32473": [("n", "1"), ("n", "2")]}
TEXT = "3 € sold#, \n\x1b and 🎉 more - \x00" * 3


@pytest.mark.parametrize("options", [{}, {"structured_data": DATA}, {"bom": True}, {"msgid": "ID"}])
def test_every_length_of_an_rfc5424_record(options: dict) -> None:
    """Cut anywhere, the header and the data stay, and the text is the start of what it was."""
    encoder = Encoder(**IDENTITY, **options)
    record = encoder.encode("info", TEXT, time_ns=0)
    whole = parse_rfc5424(record)
    header = len(encoder.header("info", time_ns=0).rstrip(b"\xef\xbb\xbf")) - 1
    for size in range(len(record) + 1):
        short = truncate_record(record, size)
        if size < header:
            assert short is None
            continue
        assert size - 4 < len(short) <= size
        parsed = parse_rfc5424(short)
        assert parsed[:7] == whole[:7]
        assert (whole.message or "").startswith(parsed.message or "")
        cut = len(parsed.message or "")
        escapes = re.finditer("#[0-7]{3}", whole.message or "")
        assert not [escape for escape in escapes if escape.start() < cut < escape.end()]


def test_every_length_of_an_rfc3164_record() -> None:
    encoder = Encoder(protocol="rfc3164", **IDENTITY)
    record = encoder.encode("info", TEXT, time_ns=0)
    for size in range(len(record) + 1):
        short = truncate_record(record, size)
        if size < record.index(b": ") + 2:
            assert short is None
        else:
            assert parse_rfc3164(record).message.startswith(parse_rfc3164(short).message)


def test_a_record_without_a_header() -> None:
    assert truncate_record(b"<14>text", 6) == b"<14>te"
    assert truncate_record(b"<14>text", 3) is None
