"""examples/relays: a relay dies under load, and every record is accounted for, by its number."""

import importlib.util
import pathlib
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from types import ModuleType

import pytest

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]

MILLISECOND = 1_000_000
HANGS = 300 * MILLISECOND  # how long before the relay ends what hangs begins to
SLACK = 500 * MILLISECOND  # of a busy machine


@pytest.fixture(scope="session")
def folder(root: pathlib.Path) -> pathlib.Path:
    return root / "examples" / "relays"


@pytest.fixture(scope="session")
def relays(folder: pathlib.Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("relays", folder / "relays.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["relays"] = module
    spec.loader.exec_module(module)
    reason = module.find_missing()
    if reason:
        pytest.skip(reason)
    return module


def check_account(account: object) -> None:
    """What was logged was sent, and nothing else; nothing that came was not logged."""
    assert {number for _, number in account.stored} <= account.logged.keys()
    assert len(account.stored) + len(account.lost) == len(account.logged) + account.doubled
    assert sum(stats["sent"] for stats in account.stats) == len(account.logged)
    for stats in account.stats:
        assert (stats["offered"], stats["queued"], stats["dropped"]) == (stats["sent"], 0, {})
        # To the second relay, and perhaps back.
        assert stats["reconnects"] in (1, 2)


def test_tcp_loses_what_the_relay_had(
    relays: ModuleType, connect: Callable, tmp_path: pathlib.Path
) -> None:
    """A relay hangs, then dies: what was sent in between is lost; nothing before or after it is.

    `sent` has these records, for the kernel of the relay had taken them.
    """
    account = relays.lose_relay("tcp", "kill", tmp_path / "tier", "relay", connect, after=1.0)
    check_account(account)
    assert account.doubled == 0
    died = account.died[0]
    timestamps = [account.logged[number] for number in account.lost]
    assert len(timestamps) > 100
    assert died - HANGS - SLACK < min(timestamps)
    assert max(timestamps) < died + SLACK
    numbers = defaultdict(set)
    for host, number in account.lost:
        numbers[host].add(number)
    assert len(numbers) == relays.EMITTERS * relays.GUESTS
    for lost in numbers.values():
        assert len(lost) == max(lost) - min(lost) + 1, "one gap for each guest"


def test_relp_loses_nothing(relays: ModuleType, connect: Callable, tmp_path: pathlib.Path) -> None:
    account = relays.lose_relay("relp", "kill", tmp_path / "tier", "relay", connect)
    check_account(account)
    assert account.lost == set()


def test_relp_loses_nothing_while_the_central_collector_hangs(
    relays: ModuleType, tmp_path: pathlib.Path
) -> None:
    account = relays.lose_relay("relp", "kill", tmp_path / "tier", "central", after=0.3)
    check_account(account)
    assert account.lost == set()


def test_a_relay_with_a_queue_in_memory(relays: ModuleType, tmp_path: pathlib.Path) -> None:
    """What it has acknowledged dies with it: with RELP, too, the queue matters."""

    def change(configuration: str) -> str:
        assert configuration.count('queue.type="Direct"') == 1
        return configuration.replace('queue.type="Direct"', 'queue.type="LinkedList"')

    tier = tmp_path / "tier"
    account = relays.lose_relay("relp", "kill", tier, "central", change=change, after=0.1)
    check_account(account)
    assert len(account.lost) > 100
    died = account.died[0]
    for number in account.lost:
        assert died - HANGS - SLACK < account.logged[number] < died + SLACK


def test_the_readme(folder: pathlib.Path, relays: ModuleType) -> None:
    """Its last command runs as it stands."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    python, script, *arguments = shlex.split(block.splitlines()[-1])
    assert (python, script) == (".venv/bin/python", "examples/relays/relays.py")
    result = subprocess.run(
        [sys.executable, "-I", str(folder / "relays.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"^0 lost, \d+ doubled, \d+ out of order$", result.stdout, re.MULTILINE)
