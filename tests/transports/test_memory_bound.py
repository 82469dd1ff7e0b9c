"""What emitters take when nobody reads: their queues, and a bounded amount beside each."""

import resource
import socket
from collections.abc import Callable

import pytest

EMITTERS = 200
QUEUE_BYTES = 1 << 14
OTHER_BYTES = 1 << 16  # what an emitter may take beside its queue: its thread, its socket's objects
STALL = """
import os, resource, sys, time
import syslogfast

url, emitters, queue_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (emitters + 100, emitters + 100))
text = "x" * (queue_bytes // 4)

def connect():
    return syslogfast.connect(
        url, queue_bytes=queue_bytes, hostname="web1", app_name="shop", procid=42
    )

def read_resident():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("Rss:"))

def fill(log):
    # Tell whether its queue and the kernels had no space for even one record.
    before = log.stats["dropped"].get("full", 0)
    count = 0
    while log.stats["dropped"].get("full", 0) == before:
        log.info(text)
        count += 1
    return count == 1

with connect() as log:  # what the first one loads is not the others'
    log.info(text)
    assert log.flush(10)
before = read_resident()
logs = [connect() for _ in range(emitters)]
for log in logs:
    log.info("up")
for log in logs:
    assert log.flush(60)
deadline = time.monotonic() + 60
while not all([fill(log) for log in logs]):
    assert time.monotonic() < deadline
    time.sleep(0.3)
connections = sum(log._sender._transport is not None for log in logs)
queued = sum(log._queue.size for log in logs)
print(read_resident() - before, connections, queued, flush=True)
os._exit(0)  # closing all of them would be waited for
"""


@pytest.mark.slow
def test_stopped_collector_and_memory(run_python: Callable[..., object], backend: str) -> None:
    """200 emitters on connections of their own, which nobody reads, have what they may have.

    That is the bound of their queues, all of which are full, and 64 KiB each, thread and all.
    """
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < EMITTERS + 100:
        pytest.skip(f"this user may not open {EMITTERS:,} descriptors")
    with socket.socket() as listener:
        # Nobody accepts: to a peer, that is no different from a process that is stopped.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(2 * EMITTERS)
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        result = run_python(STALL, url, str(EMITTERS), str(QUEUE_BYTES), backend=backend)
    assert result.stderr == ""
    growth, connections, queued = map(int, result.stdout.split())
    assert connections == EMITTERS
    assert queued > EMITTERS * QUEUE_BYTES // 2  # or they were not full
    assert growth <= EMITTERS * (QUEUE_BYTES + OTHER_BYTES)
    assert growth > queued  # or it was not measured
