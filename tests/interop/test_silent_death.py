"""Real collectors with the configurations of docs/unikernels.md: who falls silent is told of."""

import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
from support.collectors import Collector, Rsyslog, SyslogNg, free_ports
from support.page_sections import DOCS, read_sections
from support.receivers import wait_until

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]

SILENCE = 3  # seconds, in the place of the page's 180
PATIENCE = 30.0  # seconds for an alarm to come
SECTION = read_sections(DOCS / "unikernels.md")["How a collector notices a silent death"]


class Shown(Collector):
    """A collector with a configuration of the page, but for its port, its time and its files."""

    begins: ClassVar[str]

    def _choose_ports(self) -> dict[str, int]:
        return {"udp": free_ports(1)[0]}

    def _sockets(self) -> list[pathlib.Path]:
        return []

    def _configuration(self) -> str:
        (shown,) = [block.text for block in SECTION.left if block.text.startswith(self.begins)]
        shown = shown.replace("%", "%%")  # values are put into it by `%`
        for old, new, count in (
            ("514", "%(udp)d", 1),
            ("180", str(SILENCE), 2),
            ("/var/log/", "%(directory)s/", 2),
        ):
            assert shown.count(old) == count, old
            shown = shown.replace(old, new)
        return shown

    def read_alarms(self) -> list[str]:
        path = self.directory / "alarms"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


class ShownRsyslog(Shown, Rsyslog):
    begins = "module("


class ShownSyslogNg(Shown, SyslogNg):
    begins = "@version"


PROGRAM = """
import sys, time, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect(sys.argv[1], hostname=sys.argv[2], app_name="shop", procid=1)
lifecycle.install(log, heartbeat=0.5, network=False)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start_machine() -> Iterator[Callable]:
    """Give a function that starts a program of a host of that name."""
    started = []

    def start(collector: Shown, hostname: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-Ic", PROGRAM, f"udp://127.0.0.1:{collector.ports['udp']}", hostname],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", [ShownRsyslog, ShownSyslogNg], ids=lambda kind: kind.name)
def test_a_silent_death_is_told_of(
    kind: type[Shown], tmp_path: pathlib.Path, start_machine: Callable
) -> None:
    """One dies without a word, one hangs; one lives; one has ended, and has said so."""
    reason = kind.find_missing()
    if reason:
        pytest.skip(reason)
    collector = kind(tmp_path)
    try:
        machines = {name: start_machine(collector, name) for name in ("dies", "hangs", "lives")}
        ended = start_machine(collector, "ends")
        time.sleep(2 * SILENCE)
        assert collector.read_alarms() == []
        ended.communicate(timeout=30)
        machines["dies"].kill()
        machines["hangs"].send_signal(signal.SIGSTOP)

        def list_hosts() -> list[str]:
            lines = collector.read_alarms()
            return [re.findall(r"(\w+) has been silent for", line)[0] for line in lines]

        assert wait_until(lambda: {"dies", "hangs"} <= set(list_hosts()), PATIENCE)
        time.sleep(SILENCE)
        hosts = list_hosts()
        assert "lives" not in hosts
        if kind is ShownSyslogNg:
            assert sorted(hosts) == ["dies", "hangs"]
        stored = (collector.directory / "hosts").read_text(encoding="utf-8")
        assert {"dies", "hangs", "lives", "ends"} <= set(re.findall(r"\w+", stored))
    finally:
        collector.stop()
