"""What does a constrained runtime pay?

**Start.** A fresh interpreter imports, connects by UDP and logs one record. Time and memory are
those of the process itself, without the interpreter's own start. Memory that is not written is
pages of files, which processes share. The files are those that Python opens. The start is measured
without site (`-S`), as in a unikernel, and with it.

**Installed.** Files and bytes that an installation adds, with those of all packages that it needs.
Metadata and commands are left out. A stripped module has no debug information.

**The small build** (`SYSLOGFAST_SMALL=1`), beside the usual one.

**Allocations.** Each malloc, calloc and realloc of CPython's allocators for one record. An int
above 256, such as the end of a record further on in a buffer, is one of them; objects that Python
keeps for reuse, such as small tuples and floats, are not. The queue's block of 128 KiB for some 700
records is left out.

**Instructions.** Those of one record, counted by callgrind: in our compiled module alone, and in
the whole process, which is mostly the interpreter. The former are the same in every run, however
busy the machine, so they are kept in `benchmarks/data/instructions.json`, and one that grows by
more than 5 % is an error. They do depend on compilers: if the kept ones are of another compiler,
nothing is compared. A record of January or February takes some five more.
"""

import os
import pathlib
import re
import socket
import statistics
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from types import ModuleType

import pytest
from adapters.adapter import ARGS, TEMPLATE
from adapters.competitors import BUILDERS, FORMATTERS, choose
from adapters.fresh_start import FOLDER, IMPORTS, OURS, PROGRAMS, Start, run_fresh
from measure import small_build
from measure.calls import Call, list_calls
from measure.installed import list_allocating, measure_installed, measure_stripped
from measure.instructions import KEPT, MODULE, describe_toolchain, load_counts, measure_instructions
from measure.missing import MissingError, find_program, is_installed, require_compiler
from measure.record import IDENTITY, MESSAGE
from measure.rounds import Rounds, repeat_call, tabulate
from measure.tables import Cell, Column, Table

Publish = Callable[[Table], None]
LeaveOut = Callable[[str], None]

SMALL = "syslogfast, small build"
LIGHT = {"syslogfast", SMALL, "syslogfast, Python twin", "syslogfast.lifecycle"}
UNWANTED = {"logging", "socket", "ssl", "re", "enum", "datetime", "typing", "threading"}
PACKAGES = (
    "syslogfast",
    "syslog-rfc5424-formatter",
    "rfc5424-logging-handler",
    "hat-syslog",
    "structlog",
    "loguru",
)
MODULES = {  # of packages that may be missing
    "syslog-rfc5424-formatter": "syslog_rfc5424_formatter",
    "rfc5424-logging-handler": "rfc5424logging",
    "hat-syslog": "hat.syslog.handler",
    "structlog": "structlog",
    "loguru": "loguru",
}
GROWTH = 1.05
REPEATS = 100  # of a call whose allocations are counted: fewer than fill a block of the queue


@pytest.fixture
def collector() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        yield receiver


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    """The compiled modules of the usual and the small build, each beside its Python files."""
    require_compiler()
    folder = tmp_path_factory.mktemp("builds")
    modules = {
        name: small_build.build(folder / name, name == "small") for name in ("usual", "small")
    }
    os.sync()  # what is not on the disk yet would count as memory that was written
    return modules


def find_usable(names: "Iterable[str]", leave_out: LeaveOut) -> list[str]:
    """Return the names of programs and packages whose module can be imported here."""
    found = []
    for name in names:
        package = name.partition(" + ")[0]
        if package in MODULES and not is_installed(MODULES[package]):
            leave_out(f"{package}: it is not installed")
        else:
            found.append(name)
    return found


def measure_starts(
    rounds: Rounds,
    programs: dict[str, str],
    yardstick: str,
    names: tuple[str, str],
    site: bool = False,
    collector: "socket.socket | None" = None,
    small_build: str = FOLDER,
) -> Table:
    """Run each program in a fresh interpreter, in turn; all but its clock is looked at, too."""
    watched: dict[str, Start] = {}
    memory: dict[str, list[tuple[int, int]]] = {row: [] for row in programs}

    def start(row: str, watches: bool = False) -> Start:
        folder = small_build if row == SMALL else FOLDER
        seen = run_fresh(programs[row], site, collector, "twin" in row, watches, folder)
        check_record(row, seen.record, collector is not None)
        return seen

    def take(row: str) -> float:
        seen = start(row)
        memory[row].append((seen.memory, seen.written))
        return seen.seconds

    for row in programs:
        start(row)  # from now on, all is compiled
        watched[row] = start(row, watches=True)
        assert row not in LIGHT or not UNWANTED & set(watched[row].modules)
    runs = {row: lambda row=row: take(row) for row in programs}
    table = tabulate(*names, rounds.measure(runs, rounds=40), yardstick, calls=1)
    table.columns += [
        Column("memory", "bytes"),
        Column("of it written", "bytes"),
        Column("modules", "count"),
        Column("files", "count"),
    ]
    for cells in table.rows:
        row = cells[0]
        seen = watched[row]
        cells += [*map(statistics.median, zip(*memory[row], strict=True))]
        cells += [len(seen.modules), seen.files]
    return table


def check_record(row: str, record: bytes, is_awaited: bool) -> None:
    """Look for what was logged; RFC 5424 itself is what only some of them write by default."""
    if not is_awaited:
        return
    ends = {"structlog + SysLogHandler": b"event='up'\0", "loguru + SysLogHandler": b"up\0"}
    standard = row == "logging.handlers" or row in ends
    header = rb"<14>" if standard else rb"<14>1 [-0-9]{10}T[:.0-9]+(Z|[+-]\d\d:\d\d) \S+ "
    assert re.match(header, record), record
    assert record.endswith(ends.get(row, b"up\0" if standard else b"up")), record


@pytest.mark.parametrize("site", [False, True], ids=["no site", "site"])
@pytest.mark.usefixtures("smaps")
def test_start(
    request: pytest.FixtureRequest,
    rounds: Rounds,
    publish: Publish,
    leave_out: LeaveOut,
    collector: socket.socket,
    site: bool,
) -> None:
    names = (
        ("start-site", "Import, connect by UDP, one record: with site")
        if site
        else ("start", "Import, connect by UDP, one record: without site")
    )
    programs = {name: PROGRAMS[name] for name in find_usable(PROGRAMS, leave_out)}
    folder = FOLDER
    if not site:  # which would find the installed one
        try:
            folder = str(request.getfixturevalue("builds")["small"].parent.parent)
            programs[SMALL] = OURS
        except MissingError as error:
            leave_out(str(error))
    table = measure_starts(rounds, programs, "logging.handlers", names, site, collector, folder)
    remarks = {"hat-syslog": "a thread sends it: not timed"}
    for row in ("logging.handlers", "structlog + SysLogHandler", "loguru + SysLogHandler"):
        remarks[row] = "no header"
    table.remarks = {row: remark for row, remark in remarks.items() if row in programs}
    publish(table)


@pytest.mark.usefixtures("smaps")
def test_import(rounds: Rounds, publish: Publish) -> None:
    names = ("import", "Import alone, without site")
    publish(measure_starts(rounds, IMPORTS, "logging", names))


def test_installed(publish: Publish, leave_out: LeaveOut) -> None:
    find_program("strip")
    rows: list[list[Cell]] = []
    for package in find_usable(PACKAGES, leave_out):
        seen = measure_installed(package)
        assert seen.source
        sizes = [seen.source, seen.bytecode, seen.compiled, seen.stripped]
        rows.append([package, seen.packages, seen.files, *map(float, sizes)])
    columns = [Column(""), Column("packages", "count"), Column("files", "count")]
    columns += [
        Column(heading, "bytes") for heading in (".py", ".pyc", "compiled", "compiled, stripped")
    ]
    publish(Table("installed", "Installed, with all that is needed", columns, rows))


def test_small(rounds: Rounds, publish: Publish, builds: dict[str, pathlib.Path]) -> None:
    """The small build beside the usual one: what it saves, and what that costs."""
    for program in ("strip", "valgrind"):
        find_program(program)
    runs = {}
    for row, module in builds.items():
        encoder = small_build.load(module).Encoder(**IDENTITY)
        names = {"encode": encoder.encode, "message": MESSAGE}
        runs[row] = repeat_call("encode(6, message)", **names)
    title = "The small build: encode, size and instructions"
    table = tabulate("small", title, rounds.measure(runs), "usual")
    calls = ("encode", "encode_into", "emit")
    table.columns.append(Column("compiled, stripped", "bytes"))
    table.columns += [Column(f"instructions of {call}", "count") for call in calls]
    for cells in table.rows:
        counts = measure_instructions(builds[cells[0]])
        cells += [float(measure_stripped(builds[cells[0]]))]
        cells += [counts[call].own for call in calls]
    publish(table)


def list_formatting(leave_out: LeaveOut) -> dict[str, Call]:
    """Return what competitors do for the same record, after a look at what they write."""
    calls = {}
    for adapter in choose(FORMATTERS[1:-1] + BUILDERS[2:], leave_out):
        write = adapter.prepare()
        record = adapter.make_record()
        adapter.check(write(record), adapter.expect(record))
        calls[adapter.name] = Call("write(record)", {"write": write, "record": record})
    return calls


def list_all_calls(leave_out: LeaveOut) -> dict[str, Call]:
    calls = list_calls(IDENTITY, MESSAGE, TEMPLATE, ARGS)
    far = calls["encode_into"].names
    calls["encode_into, at offset 1,000"] = Call("encode_into(buffer, 6, message, 1000)", far)
    return {**calls, **list_formatting(leave_out)}


def count_allocations(module: ModuleType, call: Call) -> tuple[float, float]:
    """Return allocations of one record, and their bytes: what as many calls again take more."""
    run = call.compile()
    run(repeat(None, REPEATS))  # Python keeps some things for reuse
    once = module.count_allocations(run, repeat(None, REPEATS))
    twice = module.count_allocations(run, repeat(None, 2 * REPEATS))
    made = REPEATS * call.records
    return (twice[0] - once[0]) / made, (twice[1] - once[1]) / made


@pytest.mark.usefixtures("program")
def test_allocations(publish: Publish, leave_out: LeaveOut, allocations_module: ModuleType) -> None:
    find_program("objdump")
    counter = allocations_module.count_allocations
    assert counter(lambda size: bytearray(size), 1000)[0] == 2  # the object, and what it holds
    # The C library's own, whose work would not be seen, is called by the import alone, the second
    # one where that enters the module into a table.
    assert list_allocating(MODULE) == {"__pyx_pymod_exec__encoder_c", "syslogfast_grow_table"}
    seen, again = (
        {row: count_allocations(allocations_module, call) for row, call in calls.items()}
        for calls in (list_all_calls(leave_out), list_all_calls(leave_out))
    )
    assert seen == again
    assert seen["encode_into"] == (0, 0)
    assert seen["encode"][0] == 1
    columns = [Column(""), Column("allocations", "count"), Column("memory", "bytes")]
    rows: list[list[Cell]] = [[row, *counts] for row, counts in seen.items()]
    publish(Table("allocations", "Heap allocations of one record", columns, rows))


def test_instructions(publish: Publish) -> None:
    """Compare with those kept: they are written anew by benchmarks/instructions.py."""
    find_program("valgrind")
    toolchain = describe_toolchain()
    kept = load_counts().get(toolchain)
    seen = measure_instructions()
    assert all(0 < count.own < count.whole for count in seen.values())
    rows: list[list[Cell]] = [
        [row, count.own, (kept or {}).get(row), count.whole] for row, count in seen.items()
    ]
    headings = ("our module", "kept", "whole process")
    columns = [Column(""), *[Column(heading, "count") for heading in headings]]
    title = "Instructions of one record"
    note = f"Compiled for {toolchain}."
    publish(Table("instructions", title, columns, rows, note))
    if kept is None:
        raise MissingError(f"{KEPT.name} has no counts for {toolchain}")
    assert set(kept) == set(seen), how_to_keep()
    grown = [
        f"{row}: {count.own:,.2f}, {count.own / kept[row] - 1:+.1%}"
        for row, count in seen.items()
        if count.own > kept[row] * GROWTH
    ]
    assert not grown, "\n".join(["more instructions than kept:", *grown, how_to_keep()])


def how_to_keep() -> str:
    command = "(cd benchmarks && python -m measure.instructions)"
    return f"If that is meant to be, write {KEPT.name} anew: {command}"
