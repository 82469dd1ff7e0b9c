"""What `syslogfast demo` does: many emitters on one transport, and a collector that counts."""

import signal
import subprocess
import sys
import threading
from time import monotonic, process_time

from syslogfast import BACKEND, Emitter, connect
from syslogfast.commands.progress import ProgressLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

LINGER = 0.02  # seconds
TIMEOUT = 2.0  # seconds that a record may wait for space
COUNT_TIMEOUT = 60.0  # seconds for the collector to count what has arrived


class SecondProcess:
    """The embedded collector: what it has counted so far, and how it ended."""

    def __init__(self) -> None:
        # The same sys.path: this may run from a zip, or from a folder that is not installed.
        code = (
            f"import runpy, sys; sys.path[:] = {sys.path!r};"
            " runpy.run_module('syslogfast.commands.collector', run_name='__main__')"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self.port = int(self._output.readline())
        self.received = 0
        self.malformed = 0
        self.has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._output:
            if line.endswith("\n"):  # else a signal has interrupted it
                self.received, self.malformed = map(int, line.split())
        self.has_ended = True

    def end(self) -> str:
        """Let it count to the end; return what was wrong with it, or nothing."""
        self._input.close()
        self._reader.join(COUNT_TIMEOUT)
        if not self.has_ended:
            self._process.kill()
        status = self._process.wait()
        if status < 0:
            return f"the collector was killed by {signal.Signals(-status).name}"
        return f"the collector ended with status {status}" if status else ""


class ProgressWatch:
    """Shows how far it is, and checks that the records are taken."""

    def __init__(self, log: Emitter, total: int, second: SecondProcess | None) -> None:
        self._log = log
        self._total = total
        self._second = second
        self._line = ProgressLine()
        self._sent = -1

    def look(self, offered: int) -> bool:
        """Show how far it is, now and then; False if the collector has died or takes nothing."""
        if self._second and self._second.has_ended:
            return False
        if not self._line.is_due():
            return True
        stats = self._log.stats
        has_stalled = stats["sent"] == self._sent and "full" in stats["dropped"]
        self._sent = stats["sent"]
        arrived = f", {self._second.received:,} received" if self._second else ""
        self._line.show(f"{offered:,} of {self._total:,} offered{arrived}")
        return not has_stalled

    def end(self) -> None:
        self._line.clear()


def emit_step(emitter: Emitter, step: int, records: int) -> None:
    """Emit the record of one step in an emitter's life."""
    if step == 0:
        data = {"demo@32473": {"records": records}}
        emitter.notice("booted and awake", msgid="BOOT", structured_data=data)
    elif step < records - 1:
        emitter.info("request %d served in %d us", step, 100 + step % 900, msgid="WORK")
    else:
        emitter.notice("about to end", msgid="END")


def run_lives(log: Emitter, emitters: int, records: int, second: SecondProcess | None) -> bool:
    """Let all emitters live, in turn; False if the collector has died or takes nothing."""
    watch = ProgressWatch(log, emitters * records, second)
    children = [
        log.child(hostname=f"vm-{number:05d}", app_name=f"service-{number % 100:02d}")
        for number in range(1, emitters + 1)
    ]
    offered = 0
    for step in range(records):
        for child in children:
            emit_step(child, step, records)
            offered += 1
            if not watch.look(offered):
                watch.end()
                return False
    watch.end()
    return True


def demonstrate(options: "Namespace") -> int:
    """Do what `syslogfast demo` says; return the exit status."""
    second = None if options.to else SecondProcess()
    url = str(options.to) if options.to else f"tcp://127.0.0.1:{second.port}"  # type: ignore[union-attr]
    print(
        f"{options.emitters} emitters, {options.records} records each, on one transport to {url};"
        f" backend {BACKEND}",
        flush=True,
    )
    started, cpu_started = monotonic(), process_time()
    log = connect(
        url,
        linger=LINGER,
        on_failure=False,  # the command tells of it at its end
        overflow="block",
        timeout=TIMEOUT,
        hostname="demo",
    )
    was_interrupted = False
    try:
        is_alive = run_lives(log, options.emitters, options.records, second)
        while is_alive and log.stats["queued"] and not log.flush(TIMEOUT):
            is_alive = second is not None and not second.has_ended
    except KeyboardInterrupt:
        is_alive, was_interrupted = False, True
    log.close(TIMEOUT if is_alive else 0)
    cpu = process_time() - cpu_started
    trouble = second.end() if second else ""
    elapsed = monotonic() - started
    stats = log.stats
    arrived = second.received if second else stats["sent"]
    offered = stats["offered"]
    lost = offered - arrived
    malformed = second.malformed if second else 0
    if trouble:
        print(f"{trouble} before the end")
    for reason, count in stats["dropped"].items():
        print(f"dropped: {count} ({reason})")
    if malformed:
        print(f"malformed: {malformed}")
    print(
        f"offered {offered} {'received' if second else 'sent'} {arrived} lost {lost};"
        f" {offered / elapsed:,.0f} records/s, {cpu / max(offered, 1) * 1e6:.2f} us of CPU a record"
    )
    if was_interrupted:
        return 130
    return 1 if trouble or lost or malformed or not is_alive else 0
