"""Repeats public calls in a CPython that counts its references, and says what has grown.

usage: count.py KIND URL SCRATCH ROUNDS

KIND: "calls", "children", "interpreters", or "reconnects", whose URL is of a collector that hangs
up after each record. The last line of standard output has the counts as JSON. A finding is an
AssertionError.
"""

import gc
import json
import logging
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from public_calls import CASES, DELIVERY, LIMIT, World, call_once, check_registry

import syslogfast

BATCHES = 3
WARM = 20  # calls until CPython and the package have what they keep
MOST = 12  # references or blocks that may be more after a batch, in all
CONFIRMATION = 16  # times as many rounds, where more has grown
SETTLE = 2.0  # seconds in which threads that have ended go
OF_INTERPRETER = 400  # blocks that CPython or Cython keep of each that has ended, see measure

CODE = """
import syslogfast
with syslogfast.connect({url!r}, hostname="h", app_name="a", procid=1, linger=0.01) as log:
    log.info("%d sold", 3)
    log.child(app_name="b").info("sold")
syslogfast.Encoder(hostname="h").encode("info", "sold", structured_data={{"a@1": {{"b": "c"}}}})
"""


class Count:
    """What there is of references, blocks, descriptors and threads."""

    def __init__(self, threads: int = 0) -> None:
        deadline = time.monotonic() + SETTLE
        while threads and count_entries("task") > threads and time.monotonic() < deadline:
            time.sleep(0.005)
        gc.collect()
        self.threads = count_entries("task")
        self.descriptors = count_entries("fd")
        self.blocks = sys.getallocatedblocks()
        self.references = sys.gettotalrefcount()  # type: ignore[attr-defined]

    def __sub__(self, other: "Count") -> dict[str, int]:
        return {name: vars(self)[name] - vars(other)[name] for name in vars(self)}


def count_entries(name: str) -> int:
    return len(os.listdir(f"/proc/self/{name}"))


def measure(call: Callable[[], object], rounds: int, batches: int = BATCHES) -> dict[str, int]:
    """Return by how much each count grows in a batch of calls, whatever happens to be beside it.

    What leaks does so in each batch; what a cache takes, or a thread, does not.
    """
    for _ in range(WARM):
        call()
    found = []
    before = Count()
    for _ in range(batches):
        for _ in range(rounds):
            call()
        after = Count(before.threads)
        found.append(after - before)
        before = after
    return {name: min(counts[name] for counts in found) for name in found[0]}


def find_growth(growth: dict[str, int], rounds: int) -> list[str]:
    """Return what has grown by more than what happens to be beside it.

    Blocks, of dicts and caches for instance, settle slowly; those that leak do so in each round.
    """
    blocks = max(MOST, 3 * rounds // 4)
    limits = {"references": MOST, "blocks": blocks, "descriptors": 0, "threads": 0}
    return [what for what in limits if growth[what] > limits[what]]


def check_growth(
    name: str, call: Callable[[], object], rounds: int, confirmation: int = 2
) -> dict[str, int]:
    """Return the growth of a call; AssertionError: it leaks, which more rounds confirm."""
    growth = measure(call, rounds)
    if find_growth(growth, 0):
        rounds *= confirmation
        growth = measure(call, rounds)
        over = find_growth(growth, rounds)
        assert not over, f"{name}: {over} grow by {growth} in {rounds} rounds"
    return growth


def count_calls(url: str, scratch: str, rounds: int) -> dict[str, Any]:
    world = World(url, scratch)
    findings = []
    largest = 0
    for each in CASES.values():

        def call(each: Any = each) -> None:
            raised = call_once(each, world)
            assert raised is None, f"{each.name}: {raised!r}"
            world.log.flush(LIMIT)
            world.end_call()

        began = time.monotonic()
        try:
            growth = check_growth(each.name, call, rounds, CONFIRMATION)
        except AssertionError as finding:
            findings.append(str(finding))
            continue
        print(f"{each.name}: {growth}, {time.monotonic() - began:.2f} s", flush=True)
        largest = max(largest, growth["references"])
    world.close()
    assert not findings, "\n".join(findings)
    calls = len(CASES) * (WARM + BATCHES * rounds)
    return {"cases": len(CASES), "calls": calls, "references more, at most": largest}


def count_children(url: str, scratch: str, rounds: int) -> dict[str, Any]:
    log = syslogfast.connect(url, **DELIVERY)
    check_growth("child", lambda: log.child(app_name="till"), rounds // BATCHES)
    log.close()
    return {"children": rounds}


def count_reconnects(url: str, scratch: str, rounds: int) -> dict[str, Any]:
    log = syslogfast.connect(url, **DELIVERY)

    def reconnect() -> None:
        before = log.stats["reconnects"]
        deadline = time.monotonic() + LIMIT
        while log.stats["reconnects"] == before:
            assert time.monotonic() < deadline, f"no reconnection: {log.stats}"
            log.error("sold")
            log.flush()
            log._sender.send_soon(is_reachable=True)  # which waits for no backoff
            time.sleep(0.0005)

    check_growth("reconnect", reconnect, rounds // BATCHES)
    stats = log.stats
    known = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
    assert stats["offered"] == known, stats
    log.close()
    return {"reconnects": stats["reconnects"]}


def count_interpreters(url: str, scratch: str, rounds: int) -> dict[str, Any]:
    import _xxsubinterpreters as interpreters

    def live(code: str) -> None:
        interpreter = interpreters.create(isolated=False)
        try:
            interpreters.run_string(interpreter, code)
        finally:
            destroy(interpreter)

    def destroy(interpreter: Any) -> None:
        deadline = time.monotonic() + SETTLE
        while True:
            try:
                interpreters.destroy(interpreter)
                return
            except RuntimeError:  # a thread that has been joined has still to go
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    bare = measure(lambda: live("import socket, select, atexit"), rounds, batches=1)
    growth = measure(lambda: live(CODE.format(url=url)), rounds, batches=1)
    own = (growth["blocks"] - bare["blocks"]) // rounds
    print(f"an interpreter: {growth}, without the package {bare}", flush=True)
    assert own <= OF_INTERPRETER, f"{own} blocks are left of each interpreter: {growth}, {bare}"
    assert growth["descriptors"] <= 0, f"interpreters: {growth}"
    assert growth["threads"] <= 0, f"interpreters: {growth}"
    return {"interpreters": 2 * (rounds + WARM), "blocks left by each": own}


def main() -> None:
    kind, url, scratch, rounds = sys.argv[1:]
    logging.raiseExceptions = False
    check_registry()
    print(json.dumps(globals()[f"count_{kind}"](url, scratch, int(rounds))))


if __name__ == "__main__":
    main()
