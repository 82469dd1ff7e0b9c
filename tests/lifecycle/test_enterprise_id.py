"""The package's own elements have the enterprise_id of the emitter, or the number for examples."""

from types import ModuleType

import pytest
from support.backends import load_backend, load_emitter_module
from support.emitters import make_emitter, take
from support.grammar import parse_rfc5424

from syslogfast.lifecycle import records

NUMBERS = [(None, "32473"), (9, "9"), ("32473.1.2", "32473.1.2"), ("1" * 30, "1" * 30)]
numbers = pytest.mark.parametrize(("given", "number"), NUMBERS, ids=str)


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


def list_own(record: bytes) -> list[str]:
    """Return the SD-IDs that are not IANA's; a strict parser has looked at all."""
    return [sd_id for sd_id, _ in parse_rfc5424(record).structured_data if "@" in sd_id]


@numbers
def test_records_of_a_life(module: ModuleType, given: object, number: str) -> None:
    """A name that the number leaves no space for is shortened."""
    emitter = make_emitter(module, enterprise_id=given)
    records.booted(emitter, software="shop")
    records.crashed(emitter, ValueError("sold out"))
    records.terminated(emitter, "SIGTERM")
    names = ("runtime", "exception", "signal")
    assert [list_own(record) for record in take(emitter)] == [
        [f"{name[: 31 - len(number)]}@{number}"] for name in names
    ]


@numbers
def test_record_of_drops(module: ModuleType, given: object, number: str) -> None:
    """So has the record that reports drops."""
    encoder = make_emitter(module, enterprise_id=given)._encoder
    record = module.make_report_renderer(encoder, None)({"full": 3}, 0).removesuffix(b"\n")
    assert list_own(record) == [f"{'dropped'[: 31 - len(number)]}@{number}"]


@numbers
def test_records_of_fatal_signals(given: object, number: str) -> None:
    """So have the records that C code sends."""
    encoder = load_backend("c").Encoder(hostname="h", enterprise_id=given)
    from syslogfast.lifecycle.fatal_signals import render_records

    prepared = [record for record in render_records(encoder) if record]
    assert prepared
    for record in prepared:
        assert list_own(record) == [f"{'signal'[: 31 - len(number)]}@{number}"]
