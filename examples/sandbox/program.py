"""PID 1 of a sandbox: boots, works, and ends as its last argument says.

usage: python3 program.py UDP-URL TCP-URL clean|exception|segv
"""

import ctypes
import sys

import syslogfast
from syslogfast import lifecycle

REQUESTS = 200


def work(log: syslogfast.Emitter) -> None:
    for number in range(1, REQUESTS + 1):
        log.info("request %d served", number, msgid="REQUEST", request=number)
    log.flush()


if __name__ == "__main__":
    udp, tcp, end = sys.argv[1:]
    identity = {"hostname": "sandbox", "app_name": "shop"}
    log = syslogfast.connect(udp, linger=0.01, sequence_ids=True, **identity)
    lifecycle.install(log, version="1.2")
    work(log)
    with syslogfast.connect(tcp, **identity) as other:
        other.notice("%d requests served", REQUESTS, msgid="SUMMARY")
    if end == "exception":
        raise LookupError("nobody knows the price")
    if end == "segv":
        ctypes.string_at(0)
