"""PID 1 of the same microVM with the standard library's SysLogHandler, to be measured beside it.

What is logged before the network is up would be lost, so nothing is.
"""

import atexit
import logging
import logging.handlers
import sys
import time

import system

REQUEST_TIME = 0.1  # seconds


def main() -> "None":
    atexit.register(system.power_off)  # the first, so that it is the last to run
    system.start()
    words = system.read_words()
    system.show("booted")
    address = system.bring_up_network()
    host, _, port = words["log"].rpartition("/")[2].partition(":")
    handler = logging.handlers.SysLogHandler((host, int(port)))
    handler.setFormatter(logging.Formatter("microvm[1]: %(message)s"))
    log = logging.getLogger()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    sys.excepthook = lambda *caught: log.critical("crashed", exc_info=caught)
    log.info("network up: %s", address)
    system.show(f"up with {address}")
    work(log, words.get("crash"))


def work(log: "logging.Logger", crash: "str | None") -> "None":
    for number in range(1, 4):
        time.sleep(REQUEST_TIME)
        log.info("request %d served", number)
    memory = system.read_memory()
    log.info(
        "resident memory %d KB, of which %d KB are no file's, %.3f s after boot",
        *(memory["VmRSS"], memory["RssAnon"], system.read_uptime()),
    )
    if crash == "exception":
        raise RuntimeError("the fourth request cannot be served")
    system.show("done")


if __name__ == "__main__":
    main()
