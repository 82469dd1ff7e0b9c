"""Sixteen threads do all that threads may do at a time; ThreadSanitizer watches, if it is there.

usage: stress.py SECONDS SEED      prints what was counted, as JSON
"""

import json
import os
import random
import re
import socket
import sys
import tempfile
import threading
import time
from typing import Any

import syslogfast

THREADS = 16
IDENTITY: dict[str, Any] = {"hostname": "h", "app_name": "a", "procid": 1}
RECORD = re.compile(rb"<\d+>1 \S+ h (?:a|child) 1 - (?:-|\[.*?\]) (\d+) (\d+) x*")


class Transport:
    """A collector of one kind, and the emitter that sends there."""

    def __init__(self, kind: str, folder: str, **options: Any) -> None:
        self.kind = kind
        self.data: list[bytes] = []
        self.is_over = False
        if kind == "tcp":
            self.socket = socket.create_server(("127.0.0.1", 0))
            url = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        elif kind == "fd":
            self.end, self.writer = os.pipe()
            url = f"fd://{self.writer}"
        else:
            family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.bind(f"{folder}/log" if kind == "unix" else ("127.0.0.1", 0))
            self.socket.settimeout(0.1)
            url = f"unix://{folder}/log"
            if kind == "udp":
                url = f"udp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.numbers = [0] * THREADS
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        options = {"protocol": "rfc5424"} | options
        self.log = syslogfast.connect(url, timeout=20, on_failure=False, **IDENTITY, **options)

    def read(self) -> None:
        if self.kind == "fd":
            while data := os.read(self.end, 1 << 16):
                self.data.append(data)
        elif self.kind == "tcp":
            connection = self.socket.accept()[0]
            while data := connection.recv(1 << 16):
                self.data.append(data)
        else:
            while not self.is_over:
                try:
                    self.data.append(self.socket.recv(1 << 17) + b"\n")
                except TimeoutError:
                    pass

    def check(self) -> int:
        """Close it, and return how many records came: each whole, once, in its thread's order."""
        self.log.flush(20)
        self.log.close(20)
        stats = check_balance(self.log)
        self.is_over = True
        if self.kind == "fd":
            os.close(self.writer)
        self.thread.join(20)
        last = [0] * THREADS
        lines = b"".join(self.data).splitlines()
        records = 0
        for line in lines:
            if b" DROPPED " in line:
                continue
            match = RECORD.fullmatch(line)
            assert match, f"{self.kind}: torn: {line!r}"
            thread, number = int(match[1]), int(match[2])
            assert last[thread] < number <= self.numbers[thread], f"{self.kind}: {line!r}"
            last[thread] = number
            records += 1
        assert stats["queued"] == 0, stats
        if self.kind != "udp":  # which the kernel may drop
            assert len(lines) == stats["sent"], f"{self.kind}: {len(lines)} came: {stats}"
        return records


def check_balance(log: Any) -> Any:
    stats = log.stats
    accounted = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
    assert stats["offered"] == accounted, stats
    return stats


def encode(shared: dict[str, Any], thread: int, pick: random.Random) -> None:
    """Write records of an encoder that all share."""
    encoder, buffer, texts = shared["encoder"], shared["buffer"], shared["texts"]
    elements = shared["elements"]
    text = f"{thread} {pick.randrange(1000)} " + "x" * pick.randrange(200)
    record = encoder.encode(6, text, time_ns=0)
    assert record.endswith(text.encode()), record
    own = bytearray()
    encoder.encode_into(own, 6, text, 0, time_ns=0)
    assert own == record, (own, record)
    encoder.encode_into(buffer, 6, text, pick.randrange(100), time_ns=0)
    texts.append(text)
    del texts[: pick.randrange(4)]
    encoder.encode_many_into(bytearray(), 6, texts, time_ns=0)
    record = encoder.encode(6, text, structured_data=elements, time_ns=0)
    assert record.startswith(b"<14>1 "), record
    assert record.endswith(text.encode()), record


def work(
    thread: int, transports: list[Transport], shared: dict[str, Any], end: float, seed: int
) -> None:
    pick = random.Random(seed * THREADS + thread)
    children = [transport.log.child(app_name="child") for transport in transports]
    elements = shared["elements"]
    while time.monotonic() < end:
        index = pick.randrange(len(transports))
        transport = transports[index]
        log = transport.log
        what = pick.randrange(24)
        if what == 0:
            log.flush(0.01)
        elif what == 1:
            check_balance(log)
        elif what == 2:
            children[index] = log.child(app_name="child", structured_data={"c@1": {"n": thread}})
        elif what == 3:
            elements["ctx@1"][f"k{pick.randrange(5)}"] = pick.randrange(99)
            elements["ctx@1"].pop(f"k{pick.randrange(5)}", None)
        elif what < 7:
            encode(shared, thread, pick)
        else:
            transport.numbers[thread] += 1
            number = transport.numbers[thread]
            size = pick.choice([0, 10, 300, 5000])
            if what < 10:
                log.info("%d %d %s", thread, number, "x" * size)
            elif what < 12:
                log.emit(pick.choice([3, 6]), f"{thread} {number} " + "x" * size)
            elif what < 14:
                children[index].info(f"{thread} {number} " + "x" * size, user=thread)
            elif what < 16:
                log.warning(f"{thread} {number} ", structured_data=elements)
            elif what < 17:
                transport.numbers[thread] += 1
                log.emit_many(6, [f"{thread} {number} ", f"{thread} {number + 1} x"])
            else:
                log.info(f"{thread} {number} xx")
        if what == 23 and pick.randrange(20) == 0:
            shared["recorded"].debug("%d %d x", thread, 0)
            if pick.randrange(5) == 0:
                shared["recorded"].dump()
            check_balance(shared["recorded"])


def main(seconds: float, seed: int) -> None:
    pick = random.Random(seed)
    failures: list[BaseException] = []
    with tempfile.TemporaryDirectory() as folder:
        common = [{"overflow": "drop-oldest"}, {"overflow": "block"}, {}]
        transports = []
        for kind in ("udp", "tcp", "unix", "fd"):
            options = dict(pick.choice(common))
            options["linger"] = pick.choice([None, 0, 0.005])
            options["queue_bytes"] = pick.choice([20_000, 1 << 20])
            options["sequence_ids"] = pick.random() < 0.5
            transports.append(Transport(kind, folder, **options))
        null = os.open(os.devnull, os.O_WRONLY)
        shared = {
            "encoder": syslogfast.Encoder(**IDENTITY),
            "buffer": bytearray(300),
            "texts": ["x"],
            "elements": {"ctx@1": {"n": 0}},
            "recorded": syslogfast.connect(
                f"fd://{null}", level="info", recorder_bytes=1 << 18, **IDENTITY
            ),
        }
        end = time.monotonic() + seconds

        def begin(thread: int) -> None:
            try:
                work(thread, transports, shared, end, seed)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=begin, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 120)
            assert not thread.is_alive(), "a thread does not end"
        if failures:
            raise failures[0]
        shared["recorded"].close()
        came = sum(transport.check() for transport in transports)
    emitted = sum(sum(transport.numbers) for transport in transports)
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(json.dumps({"emitted": emitted, "came": came, "gil": has_gil}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
