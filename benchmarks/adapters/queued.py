"""An emitter whose queue is looked into: with a connection, though nothing is sent while timed."""

import contextlib
import time
from collections.abc import Callable, Iterator

from measure.record import IDENTITY, MESSAGE
from measure.rounds import Rounds, Run, Times
from measure.strict import Expected, expect_now
from receivers.receiver import run_receiver

import syslogfast

QUEUED = 200  # records: fewer bytes than an emitter gathers before it sends
GIVEN = {"order": 17, "by": "alice", "shop": "web"}
FIELDS = [("fields@32473", [(name, str(value)) for name, value in GIVEN.items()])]


@contextlib.contextmanager
def connect(open_url: Callable[..., syslogfast.Emitter] = syslogfast.connect) -> Iterator:
    """Give what `open_url` makes, an emitter or a handler that has one, with a connection."""
    with run_receiver() as receiver:
        url = f"tcp://127.0.0.1:{receiver.port}?framing=lf"
        made = open_url(url, linger=3600, **IDENTITY)
        emitter = getattr(made, "_emitter", made)
        emitter.info(MESSAGE)
        assert emitter.flush()
        yield made
        made.close()


def expected(has_fields: bool) -> Expected:
    return expect_now(MESSAGE, structured_data=FIELDS if has_fields else [])


def take(emitter: syslogfast.Emitter) -> bytes:
    """Return the record that is queued, without its LF."""
    data = bytes(emitter._queue.peek())
    emitter._queue.clear("taken")
    return data.removesuffix(b"\n")


def measure(rounds: Rounds, emitter: syslogfast.Emitter, rows: dict[str, Run]) -> Times:
    def settle() -> None:
        assert emitter.stats["queued"] in (0, QUEUED)  # nothing was sent meanwhile
        assert emitter.flush()
        time.sleep(0.00001)  # else the thread that sends them takes its last steps in a run

    times = rounds.measure(rows, 4, settle=settle)
    settle()
    return times
