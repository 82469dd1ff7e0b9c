#!/usr/bin/python3
"""Store what rsyslog's omprog hands over, and confirm each line once it is on the disk.

It is rsyslog that waits for the confirmation, and RELP's acknowledgement that waits for rsyslog.
"""

import os
import sys


def store(file: int, line: bytes) -> None:
    """Append a line and wait for the disk; OSError: nothing of it was stored."""
    end = os.lseek(file, 0, os.SEEK_END)
    try:
        if os.write(file, line) < len(line):
            raise OSError("there is no space for all of it")
        os.fsync(file)
    except OSError:
        os.ftruncate(file, end)
        raise


if __name__ == "__main__":
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    print("OK", flush=True)
    for line in sys.stdin.buffer:
        if not line.endswith(b"\n"):
            break  # rsyslog has died amid it: it would become the beginning of the next line
        try:
            store(file, line)
            print("OK", flush=True)
        except OSError as error:
            print(f"not stored: {error}", flush=True)  # rsyslog tries it again
