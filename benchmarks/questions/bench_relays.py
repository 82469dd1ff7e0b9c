"""What is lost when a relay dies?

Eight emitters log 4,000 records a second to the first of two rsyslogs, which pass them on to a
third one. The first is killed (SIGKILL) or terminated (SIGTERM), and comes back. In some rows it or
the central collector hangs for 0.3 s before: then there is something to lose. The configurations
are those of examples/relays; in the row "queue in memory" the relay for RELP also has a queue.
HOSTNAME and sequenceId identify a record. Doubled records are stored twice by the central
collector, late ones after a later one of the same HOSTNAME. The longest silence is the longest time
in which nothing arrived.

The rates are those of one relay on this machine, beside its emitters, which have no option, and the
central collector: medians of three runs, in which all records arrived.
"""

import importlib.util
import pathlib
import statistics
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from measure.missing import MissingError, find_program
from measure.record import MESSAGE
from measure.rounds import Rounds
from measure.tables import Cell, Column, Table

RELAYS = pathlib.Path(__file__).parent.parent.parent / "examples" / "relays" / "relays.py"
KILLS = 3
TRIALS = 3  # of a rate
DIRECT = 'queue.type="Direct"'
IN_MEMORY = 'queue.type="LinkedList" queue.size="100000"'
ON_DISK = 'queue.type="Disk" queue.fileName="relay" queue.checkpointInterval="1"'
# The transport, how the relay ends, who hangs before that, and its queue.
CRASHES = {
    "TCP, relay killed": ("tcp", "kill", "", ""),
    "TCP, relay hangs, then killed": ("tcp", "kill", "relay", ""),
    "TCP, relay terminated": ("tcp", "terminate", "", ""),
    "RELP, relay killed": ("relp", "kill", "", DIRECT),
    "RELP, relay hangs, then killed": ("relp", "kill", "relay", DIRECT),
    "RELP, collector hangs, relay killed": ("relp", "kill", "central", DIRECT),
    "RELP, relay terminated": ("relp", "terminate", "", DIRECT),
    "RELP, queue in memory, collector hangs, relay killed": ("relp", "kill", "central", IN_MEMORY),
}
RATES = {
    "TCP": ("tcp", "", 400_000),
    "RELP": ("relp", DIRECT, 40_000),
    "RELP, queue on disk": ("relp", ON_DISK, 4000),
}


@pytest.fixture(scope="module")
def relays() -> ModuleType:
    spec = importlib.util.spec_from_file_location("relays", RELAYS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["relays"] = module
    spec.loader.exec_module(module)
    reason = module.find_missing()
    if reason:
        raise MissingError(reason)
    find_program("setpriv")
    return module


def change_queue(queue: str) -> Callable[[str], str]:
    """Return what gives a configuration this queue; of that without one "Direct" is the name."""

    def change(configuration: str) -> str:
        assert configuration.count(DIRECT) == bool(queue)
        return configuration.replace(DIRECT, queue)

    return change


def count_losses(relays: ModuleType, row: str, folder: pathlib.Path, quick: bool) -> list[Cell]:
    transport, end, hangs, queue = CRASHES[row]
    accounts = [
        relays.lose_relay(
            *(transport, end, folder / row / str(kill), hangs),
            change=change_queue(queue),
            rate=1000 if quick else 4000,
            after=0 if quick else 1.8,
        )
        for kill in range(1 if quick else KILLS)
    ]
    for account in accounts:
        assert sum(stats["sent"] for stats in account.stats) == len(account.logged)
        assert {number for _, number in account.stored} <= account.logged.keys()
    logged = sum(len(account.logged) for account in accounts)
    lost = sum(len(account.lost) for account in accounts)
    doubled = sum(account.doubled for account in accounts)
    late = sum(account.reordered for account in accounts)
    silence = max(account.silence for account in accounts)
    return [row, logged, logged - lost, lost, doubled, late, silence]


def test_crashes(
    rounds: Rounds, publish: Callable[[Table], None], relays: ModuleType, tmp_path: pathlib.Path
) -> None:
    def measure() -> list[list[Cell]]:
        return [count_losses(relays, row, tmp_path, rounds.quick) for row in CRASHES]

    counted = ("logged", "stored", "lost", "doubled", "late")
    columns = [Column(""), *[Column(name, "count") for name in counted]]
    columns.append(Column("longest silence", "ns"))
    rows = rounds.benchmark.pedantic(measure, rounds=1)
    title = f"One of two relays dies, {1 if rounds.quick else KILLS} times each"
    publish(Table("relays", title, columns, rows))


def test_rates(
    rounds: Rounds, publish: Callable[[Table], None], relays: ModuleType, tmp_path: pathlib.Path
) -> None:
    def measure() -> list[list[Cell]]:
        return [
            [
                row,
                statistics.median(
                    relays.measure_rate(
                        transport,
                        tmp_path / row / str(trial),
                        count // 20 if rounds.quick else count,
                        MESSAGE,
                        change_queue(queue),
                    )
                    for trial in range(1 if rounds.quick else TRIALS)
                ),
            ]
            for row, (transport, queue, count) in RATES.items()
        ]

    columns = [Column(""), Column("records", "per second")]
    rows = rounds.benchmark.pedantic(measure, rounds=1)
    publish(Table("relay-rates", "What one relay passes on", columns, rows))
