"""What `syslogfast demo` does: many emitters on one transport, and a collector that counts."""

import signal
import subprocess
import sys
import threading
from time import monotonic, process_time

from syslogfast import BACKEND, Emitter, connect
from syslogfast.commands.delivery import GRACE, NoReports
from syslogfast.commands.interruption import Interruption
from syslogfast.commands.progress import ProgressLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.commands.arguments import Values

LINGER = 0.02  # seconds
TIMEOUT = 2.0  # seconds that a record may wait for space
COUNT_TIMEOUT = 60.0  # seconds for the collector to count what has arrived
INTERRUPTED_TIMEOUT = 3.0  # the same once a signal has come
LOOK_INTERVAL = 0.2  # seconds from one look whether a signal has come to the next


class UnwritableError(Exception):
    """Standard output takes no more, and why."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class SecondProcess:
    """The embedded collector: what it has counted so far, and how it ended."""

    def __init__(self) -> None:
        # The same sys.path: this may run from a zip, or from a folder that is not installed.
        code = (
            f"import runpy, sys; sys.path[:] = {sys.path!r};"
            " runpy.run_module('syslogfast.commands.collector', run_name='__main__')"
        )
        # In a group of its own Ctrl-C leaves it alone: it counts what arrives until this one ends.
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
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

    def end(self, timeout: float) -> str:
        """Let it count to the end; return what was wrong with it, or nothing."""
        self._input.close()
        self._reader.join(timeout)
        if not self.has_ended:
            self._process.kill()
            self._process.wait()
            return "the collector was stopped"
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


def run_lives(
    log: Emitter,
    emitters: int,
    records: int,
    second: SecondProcess | None,
    interruption: Interruption,
) -> bool:
    """Let all emitters live, in turn; False if the collector has died or takes nothing."""
    watch = ProgressWatch(log, emitters * records, second)
    children = [
        log.child(hostname=f"vm-{number:05d}", app_name=f"service-{number % 100:02d}")
        for number in range(1, emitters + 1)
    ]
    try:
        return emit_steps(children, records, watch, interruption)
    finally:
        watch.end()


def emit_steps(
    children: list[Emitter], records: int, watch: ProgressWatch, interruption: Interruption
) -> bool:
    """Let all of them live; False if the collector has died or takes nothing."""
    offered = 0
    for step in range(records):
        for child in children:
            emit_step(child, step, records)
            offered += 1
            if interruption.number:
                return True
            if not watch.look(offered):
                return False
    return True


def send_rest(log: Emitter, second: SecondProcess | None, interruption: Interruption) -> bool:
    """Wait until all is sent, GRACE after a signal; False if the collector takes nothing."""
    deadline = monotonic() + TIMEOUT
    sent = -1
    while log.stats["queued"]:
        log.flush(LOOK_INTERVAL)
        now, before = monotonic(), sent
        sent = log.stats["sent"]
        if interruption.number and now > interruption.since + GRACE:
            return True
        if sent != before:
            deadline = now + TIMEOUT
        elif (now > deadline and second is None) or (second and second.has_ended):
            return False
    return True


def account(log: Emitter, second: SecondProcess | None) -> tuple[int, int, int, list[str]]:
    """Return how many were offered and have arrived, are lost, and what has become of those."""
    stats = log.stats
    offered, sent = stats["offered"], stats["sent"]
    lines = [f"dropped: {count} ({reason})" for reason, count in stats["dropped"].items()]
    if second is None:
        return offered, sent, offered - sent, lines
    arrived, malformed = second.received, second.malformed
    if malformed:
        lines.append(f"malformed: {malformed}")
    if sent > arrived + malformed:
        lines.append(f"sent, but not received: {sent - arrived - malformed}")
    return offered, arrived, offered - arrived, lines


def say(text: str) -> None:
    """Print a line; UnwritableError: it cannot be."""
    try:
        print(text, flush=True)
    except OSError as error:
        raise UnwritableError(error) from None


def demonstrate(options: "Values") -> int:
    """Do what `syslogfast demo` says; return the exit status."""
    try:
        return show_lives(options)
    except UnwritableError as error:
        from syslogfast.commands.manual import tell_of_output

        return tell_of_output(error.reason)
    except KeyboardInterrupt:  # while it tells what has become of the records
        return 130


def show_lives(options: "Values") -> int:
    interruption = Interruption()
    second = None if options.to else SecondProcess()
    url = str(options.to) if options.to else f"tcp://127.0.0.1:{second.port}"  # type: ignore[union-attr]
    say(
        f"{options.emitters} emitters, {options.records} records each, on one transport to {url};"
        f" backend {BACKEND}"
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
    NoReports(log)
    # An `emit` that waits for space ends when a signal comes: its record is dropped as "closed".
    interruption.call = lambda: setattr(log._queue, "closed", True)
    is_alive = False
    try:
        is_alive = run_lives(log, options.emitters, options.records, second, interruption)
        is_alive = is_alive and send_rest(log, second, interruption)
        log.close(TIMEOUT if is_alive and not interruption.number else 0)
        cpu = process_time() - cpu_started
        patience = INTERRUPTED_TIMEOUT if interruption.number else COUNT_TIMEOUT
        trouble = second.end(patience) if second else ""
    except KeyboardInterrupt:  # somebody has asked twice
        log.close(0)
        cpu = process_time() - cpu_started
        trouble = second.end(0) if second else ""
    elapsed = monotonic() - started
    offered, arrived, lost, lines = account(log, second)
    if trouble:
        say(f"{trouble} before the end")
    for line in lines:
        say(line)
    say(
        f"offered {offered} {'received' if second else 'sent'} {arrived} lost {lost};"
        f" {offered / elapsed:,.0f} records/s, {cpu / max(offered, 1) * 1e6:.2f} us of CPU a record"
    )
    if interruption.number:
        return 128 + interruption.number
    return 1 if trouble or lost or not is_alive else 0
