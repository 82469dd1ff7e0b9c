"""Four threads look at readings at the same time; they share an encoder, each has its own log."""

import array
import concurrent.futures
import math
import sys

import readings

import syslogfast

encoder = syslogfast.Encoder(facility="local0", app_name="readings", framing="lf")


def inspect(phase: int) -> bytes:
    values = array.array("d", [math.sin(i / 100 + phase) for i in range(100_000)])
    log = bytearray(1 << 16)
    size, count = readings.inspect(encoder, values, 0.99999, log)
    assert size < len(log) - 200, f"{count} records are too many"
    return bytes(log[:size])


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for log in pool.map(inspect, range(4)):
        sys.stdout.write(log.decode())
