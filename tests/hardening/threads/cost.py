"""Prints the CPU time of a record, in microseconds, with so many threads on one emitter: JSON."""

import json
import os
import sys
import threading
import time

import syslogfast

RECORDS = 40_000
COUNTS = (1, 2, 4, 8, 16)


def measure(count: int, records: int) -> float:
    null = os.open(os.devnull, os.O_WRONLY)
    with syslogfast.connect(f"fd://{null}", linger=0.01, overflow="block") as log:

        def work() -> None:
            for number in range(records // count):
                log.info("%d records", number)

        threads = [threading.Thread(target=work) for _ in range(count)]
        began = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.process_time() - began) / records * 1e6


if __name__ == "__main__":
    share = float(sys.argv[1])
    print(json.dumps({count: round(measure(count, int(RECORDS * share)), 2) for count in COUNTS}))
