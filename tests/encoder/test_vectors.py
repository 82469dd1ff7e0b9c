"""The encoder gives the same octets and errors on every Python: those of vectors.jsonl.

The file is what the specification gives, so it is also judged by what shares nothing with that:
the strict parsers of grammar.py, and the standard library's calendar.
"""

import datetime
import json
import pathlib
import shutil
from types import ModuleType
from typing import Any

import pytest
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.other_interpreters import NAMES, PACKAGES, run_in_interpreter
from vectors import generate, replay

import syslogfast
from syslogfast.constants import FACILITIES, SEVERITIES

pytestmark = pytest.mark.portable

FOLDER = generate.PATH.parent
PACKAGE = pathlib.Path(syslogfast.__file__).parent
CASES = list(replay.read_cases(generate.PATH))
TRUSTED = ("octets that are no element", "ill-formed octets")  # which nobody makes well-formed


def test_generator_makes_the_file() -> None:
    assert generate.render() == generate.PATH.read_text(encoding="utf-8")


def test_file_is_wide() -> None:
    assert len(CASES) >= 500
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert {case["call"] for case in CASES} == {
        *("encode", "encode_into", "encode_many_into", "header", "max_size", "__repr__"),
        "format_timestamp",
    }
    given = [case for case in CASES if "gives" in case and "options" in case]
    forms = {(case["options"].get("protocol"), case["options"].get("framing")) for case in given}
    assert len(forms - {(None, None)}) >= 3 * 4
    assert {case["raises"][0] for case in CASES if "raises" in case} == {
        *("TypeError", "ValueError", "BufferError"),
    }


def test_vectors_in_process(encoder_module: ModuleType) -> None:
    differences = [replay.find_difference(case, encoder_module) for case in CASES]
    assert [difference for difference in differences if difference] == []


def replay_in_interpreter(interpreter: str, vectors: pathlib.Path) -> tuple[int, list[str]]:
    """Return the status and what was printed by `replay` in another interpreter."""
    # Node's have the folders in a file system of their own.
    is_nodes = interpreter in PACKAGES
    place = pathlib.PurePosixPath("/lib/site/vectors") if is_nodes else vectors
    code = f"from vectors import replay; replay.main({str(place / generate.PATH.name)!r})"
    result = run_in_interpreter(interpreter, code, PACKAGE, vectors)
    assert "Traceback" not in result.stderr or "SystemExit: 1" in result.stderr, result.stderr
    return result.returncode, result.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.surroundings
@pytest.mark.parametrize("interpreter", NAMES)
def test_vectors_in_other_interpreters(interpreter: str) -> None:
    kind = "cpython" if interpreter == "pyodide" else interpreter.removesuffix("-unix")
    expected = f"{kind} python: {len(CASES)} cases, 0 differ"
    assert replay_in_interpreter(interpreter, FOLDER) == (0, [expected])


@pytest.mark.slow
@pytest.mark.surroundings
@pytest.mark.parametrize("interpreter", ["pypy", "micropython", "micropython-unix"])
def test_difference_is_found(interpreter: str, tmp_path: pathlib.Path) -> None:
    """One octet, one error and one missing answer that differ are told, and nothing else."""
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    shutil.copy(FOLDER / "replay.py", vectors)
    cases = [dict(case) for case in CASES if case["name"].startswith(("severity/", "prefix/"))]
    octets, missing, *_, error = [case for case in cases if "options" in case]
    octets["gives"] = octets["gives"][:-1] + "y"
    del missing["gives"]
    cases = [case for case in cases if case is not error]
    bad = next(case for case in cases if "raises" in case)
    bad["raises"] = ["ValueError", "no"]
    lines = [json.dumps(case) + "\n" for case in cases]
    (vectors / generate.PATH.name).write_text("".join(lines), encoding="utf-8")
    status, printed = replay_in_interpreter(interpreter, vectors)
    assert status == 1
    assert [line.partition(": {")[0] for line in printed[:-1]] == [
        *(octets["name"], missing["name"], bad["name"]),
    ]
    assert printed[-1].endswith(f"python: {len(cases)} cases, 3 differ")


# --- judged by others ----------------------------------------------------------------------------


def list_records(case: dict[str, Any], options: dict[str, Any]) -> list[bytes]:
    """Return the records that a case gives, without framing and prefix."""
    arguments = replay.make(case["arguments"])
    given = case["gives"]
    if case["call"].endswith("_into"):
        (written, end), before = replay.make(given), arguments[0]
        end, count = end if isinstance(end, list) else (end, 1)
        offset = arguments[3] if len(arguments) > 3 else 0
        octets = written.encode()
        assert octets[:offset] == bytes(before)[:offset]
        assert octets[end:] == bytes(before)[end:]
        data = octets[offset:end]
    else:
        data, count = replay.make(given), 1
        data = data.encode() if isinstance(data, str) else data
    framing = options.get("framing")
    if case["call"] == "header":
        records = [data]
    elif framing:
        records = split_frames(data, framing)
        assert len(records) == count
    else:
        records = [data] if data else []
    prefix = options.get("prefix", b"")
    assert all(record.startswith(prefix) for record in records)
    limit = options.get("max_size") or (1024 if options.get("protocol") == "rfc3164" else 8192)
    assert all(len(record) <= limit for record in records)
    return [record[len(prefix) :] for record in records]


def find_timestamp(time_ns: int) -> datetime.datetime | None:
    try:
        microseconds = datetime.timedelta(microseconds=time_ns // 1000)
        return datetime.datetime(1970, 1, 1) + microseconds
    except (OverflowError, ValueError):
        return None


def write_timestamp(time_ns: "int | float", precision: int) -> str:
    """Return a time as RFC 5424 6.2.3 wants it, by the standard library's calendar."""
    timestamp = find_timestamp(time_ns) if isinstance(time_ns, int) else None
    if timestamp is None:
        return "-"
    fraction = f".{timestamp.microsecond:06d}"[: precision + 1] if precision else ""
    return f"{timestamp.replace(microsecond=0).isoformat()}{fraction}Z"


def read_code(code: "int | str", names: dict[str, int]) -> int:
    return code if isinstance(code, int) else names[code.lower().removeprefix("log_")]


def judge_record(case: dict[str, Any], options: dict[str, Any], record: bytes) -> None:
    severity = case["arguments"][1 if case["call"].endswith("_into") else 0]
    facility = options.get("facility", "user")
    priority = 8 * read_code(facility, FACILITIES) + read_code(severity, SEVERITIES)
    keeps = options.get("controls") == "keep"
    time_ns = replay.make(case["keywords"]["time_ns"])
    if options.get("protocol", "rfc5424") == "rfc5424":
        parsed = parse_rfc5424(record, keeps_controls=keeps)
        assert parsed.timestamp == write_timestamp(time_ns, options.get("precision", 6))
        message = (*replay.make(case["arguments"]), None)[1]
        text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
        has_own = isinstance(text, str) and text.startswith("\ufeff")
        bom = options.get("bom", False) or has_own
        assert parsed.bom == (bom and parsed.message is not None)
    else:
        has_host = options["protocol"] == "rfc3164"
        parsed = parse_rfc3164(record, has_host, keeps_controls=keeps)
        timestamp = find_timestamp(time_ns)
        if timestamp is not None:
            day = f"{timestamp.day:2d} {timestamp.time().replace(microsecond=0)}"
            assert parsed.timestamp == f"{timestamp:%b} {day}"
    assert parsed.priority == priority
    if case["arguments"] == [6, "sold out"] and "max_size" not in options:
        assert parsed.message == "sold out"


def judge_timestamp(case: dict[str, Any]) -> None:
    form = case.get("keywords", {})
    (time_ns,) = replay.make(case["arguments"])
    if form.get("protocol", "rfc5424") == "rfc5424":
        assert case["gives"] == write_timestamp(time_ns, form.get("precision", 6))
    else:
        timestamp = find_timestamp(time_ns)
        assert timestamp is not None
        assert case["gives"] == f"{timestamp:%b} {timestamp.day:2d} {timestamp:%H:%M:%S}"


def test_file_keeps_the_grammar() -> None:
    """What is not trusted octets is taken by strict parsers, with the time that it was given."""
    judged = 0
    for case in CASES:
        options = replay.make_all({**case.get("options", {}), **case.get("replace", {})})
        name = case["name"].rpartition("/")[2]
        if "gives" not in case or name in TRUSTED or case["call"] in ("max_size", "__repr__"):
            continue
        try:
            if case["call"] == "format_timestamp":
                judge_timestamp(case)
                continue
            for record in list_records(case, options):
                judge_record(case, options, record)
                judged += 1
        except (AssertionError, ValueError) as error:
            raise AssertionError(case["name"]) from error
    assert judged >= 1000


def test_errors_tell_the_rule() -> None:
    for case in CASES:
        if "raises" in case:
            field, must, rest = case["raises"][1].partition(" must ")
            assert field, case["name"]
            assert must, case["name"]
            assert ", got " in rest, case["name"]
