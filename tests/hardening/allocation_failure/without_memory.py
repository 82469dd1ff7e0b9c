"""Emits where the process may have no more memory; strace counts what that asks the kernel for.

The last line of standard output has what became of the records as JSON.
"""

import json
import logging
import os
import pathlib
import re
import resource

import syslogfast

RECORDS = 25  # of each of four kinds
MARK = "/syslogfast-mark"  # its access is the begin and the end of what is counted

log = syslogfast.connect(
    *("tcp://127.0.0.1:9",),
    queue_bytes=1 << 30,
    timeout=0.1,
    on_failure=False,
    hostname="h",
    app_name="a",
    procid=1,
)
text = "x" * 1000
record = logging.makeLogRecord({"msg": text, "levelno": 20})
log.info(text)
log.emit_record(record)
log.close(0)
log = syslogfast.connect("tcp://127.0.0.1:9", queue_bytes=1 << 30, timeout=0.1, on_failure=False)
log.info(text)
status = pathlib.Path("/proc/self/status").read_text()
size = int(re.search(r"VmSize:\s+(\d+)", status)[1]) << 10  # type: ignore[index]
resource.setrlimit(resource.RLIMIT_AS, (size + (6 << 20), resource.RLIM_INFINITY))
while not log.stats["dropped"]:
    log.info(text)
before = log.stats
os.access(MARK, 0)
for _ in range(RECORDS):
    log.info(text)
    log.info("%s", text)
    log.emit_record(record)
    log._sender.enqueue(text.encode())
os.access(MARK, 0)
after = log.stats
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert set(after["dropped"]) == {"memory"}, after
assert after["offered"] == after["sent"] + after["queued"] + after["dropped"]["memory"], after
dropped = after["dropped"]["memory"] - before["dropped"]["memory"]
log.info(text)
assert log.stats["queued"] == after["queued"] + 1, (after, log.stats)
log.close(0)
print(json.dumps({"dropped": dropped}))
