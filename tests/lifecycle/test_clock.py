"""timeQuality (RFC 5424 7.1): whether the clock of a machine is to be believed."""

import os
from types import ModuleType
from typing import Any

import pytest
from support.backends import load_emitter_module
from support.emitters import make_emitter, take_one
from support.grammar import parse_rfc5424

from syslogfast import lifecycle
from syslogfast.lifecycle import clock

pytestmark = pytest.mark.versions


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


@pytest.mark.parametrize(
    ("quality", "parameters", "text"),
    [
        (None, {}, ""),
        ((True, 1234), {"isSynced": "1", "syncAccuracy": "1234"}, "; clock within 1.234 ms"),
        ((True, 0), {"isSynced": "1", "syncAccuracy": "0"}, "; clock within 0 ms"),
        (
            (True, 16_000_000),
            {"isSynced": "1", "syncAccuracy": "16000000"},
            "; clock within 16000 ms",
        ),
        ((False, 16_000_000), {"isSynced": "0"}, "; clock not synchronised"),
    ],
)
def test_what_the_kernel_says(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, quality: Any, parameters: Any, text: str
) -> None:
    """7.1.3: syncAccuracy is there only if isSynced is 1; what nobody says is left out."""
    monkeypatch.setattr(clock, "read_clock_quality", lambda: quality)
    emitter = make_emitter(module)
    lifecycle.booted(emitter)
    record = parse_rfc5424(take_one(emitter))
    found = {sd_id: dict(pairs) for sd_id, pairs in record.structured_data}
    assert found["timeQuality"] == {"tzKnown": "1", **parameters}
    assert (record.message or "").endswith(f", PID {os.getpid()}{text}")


def test_no_compiled_module(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is what is known without."""
    monkeypatch.setattr(clock, "read_clock_quality", None)
    emitter = make_emitter(module)
    lifecycle.booted(emitter)
    found = dict(parse_rfc5424(take_one(emitter)).structured_data)
    assert found["timeQuality"] == [("tzKnown", "1")]


@pytest.mark.parametrize(
    ("local_time", "zone", "has_file", "known"),
    [
        (None, None, False, "1"),  # Z, which needs no zone
        (False, None, False, "1"),
        (True, "Asia/Tokyo", False, "1"),
        (True, None, True, "1"),
        (True, None, False, "0"),  # +00:00, for want of a better one
    ],
)
def test_the_zone(
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    local_time: Any,
    zone: Any,
    has_file: bool,
    known: str,
) -> None:
    """7.1.1: 1 if the offset that is written is known, 0 if it is in doubt."""
    monkeypatch.setattr(clock, "ZONE_FILE", os.devnull if has_file else "/nowhere")
    monkeypatch.delenv("TZ", raising=False)
    if zone:
        monkeypatch.setenv("TZ", zone)
    emitter = make_emitter(module, local_time=local_time)
    lifecycle.booted(emitter)
    found = dict(parse_rfc5424(take_one(emitter)).structured_data)
    assert dict(found["timeQuality"])["tzKnown"] == known
