"""Runs in a process with hooks.c preloaded: what the compiled queue does while a fatal signal comes
at each of its accesses to memory, in another thread or in its own, and what must come of it.

usage: core.py HOOKS SECONDS      prints what was counted, as JSON
       core.py HOOKS OPERATION FIRST_STOP OTHER_STOP ITSELF HALVES      repeats one
"""

import ctypes
import json
import os
import pickle
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from syslogfast._encoder_c import Queue, Sequence
from syslogfast._lifecycle_c import arm

from syslogfast import Encoder

SEED = 1
HANG = 20  # seconds that a child may take
NEVER = 1 << 60


def make_frames(count: int, size: int, start: int = 0) -> list[bytes]:
    return [
        f"<14>1 - - - - - - r{number} ".encode().ljust(size - 1, b"x") + b"\n"
        for number in range(start, start + count)
    ]


class Operation:
    """What the first thread does. `loses`: it drops, so that the signal's handler may have sent
    what is counted as dropped; else each record comes once, and is counted so. `counts`: it counts
    a record, as the handler in another thread does, and neither has a lock: no second switch."""

    def __init__(
        self,
        name: str,
        act: Callable[["World"], object],
        *,
        size: int = 40,
        kind: int = socket.SOCK_STREAM,
        limit: int = 1 << 16,
        is_ring: bool = False,
        loses: bool = False,
        counts: bool = False,
    ) -> None:
        self.name, self.act, self.size, self.kind = name, act, size, kind
        self.limit, self.is_ring, self.loses, self.counts = limit, is_ring, loses, counts


class World:
    """A queue with three records, the way to a collector, and a handler that is armed."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.sending, self.receiving = socket.socketpair(socket.AF_UNIX, operation.kind)
        self.stderr, writer = os.pipe()
        os.dup2(writer, 2)
        os.set_blocking(self.stderr, False)
        framing = "lf" if operation.kind == socket.SOCK_STREAM else None
        self.encoder = Encoder(hostname="h", app_name="a", procid=1, framing=framing)
        self.frames = make_frames(3, operation.size)
        self.offered = list(self.frames)
        self.queue = Queue(operation.limit, 200) if not operation.is_ring else Queue(1000)
        self.queue.descriptor = self.sending.fileno()
        self.ring = Queue(160, 80, True) if operation.is_ring else None
        into = self.ring if self.ring is not None else self.queue
        for frame in self.frames:
            into.put(frame)
        record = self.encoder.encode(2, "dying", time_ns=0).rstrip(b"\n")
        self.kept = Sequence(), (record,) * 5
        arm(self.encoder, self.queue, *self.kept, 0, 0, self.ring)

    def put(self, number: int) -> None:
        (frame,) = make_frames(1, self.operation.size, number)
        if (self.ring if self.ring is not None else self.queue).put(frame):
            self.offered.append(frame)

    def take_by_python(self, one: bool = False, share: float = 1.0) -> None:
        view = self.queue.peek(one)
        if view is not None:
            self.queue.consume(os.write(self.sending.fileno(), view[: int(len(view) * share)]))

    def receive(self) -> list[bytes]:
        """Return the records that have come, those of the crash left out."""
        self.receiving.setblocking(False)
        parts = []
        try:
            while part := self.receiving.recv(1 << 20):
                parts.append(part)
        except BlockingIOError:
            pass
        if self.operation.kind == socket.SOCK_STREAM:
            parts = b"".join(parts).splitlines(keepends=True)
        try:
            said = os.read(self.stderr, 1 << 16)
        except BlockingIOError:
            said = b""
        crashes = [part for part in parts if b"dying" in part]
        self.crashes = len(crashes) + said.count(b"dying")
        return [part for part in parts if b"dying" not in part]

    def check(self, is_signalled: bool) -> None:
        queue = self.queue
        for _ in range(20):  # what is left of it
            if not queue.count:
                break
            if self.operation.kind == socket.SOCK_STREAM:
                queue.send_stream(False)
            else:
                queue.send_datagrams(0)
        queue.peek()  # what is wrong with an empty queue is mended by the next look
        came = self.receive()
        counts = queue.count_all()
        about = f"{counts}, came {came}"
        assert set(came) <= set(self.offered), f"torn: {about}"
        assert len(set(came)) == len(came), f"doubled: {about}"
        accounted = counts["sent"] + counts["queued"] + sum(counts["dropped"].values())
        if not self.operation.loses:
            assert counts["offered"] == accounted, f"no account: {about}"
            assert (queue.count, queue.size) == (0, 0), f"{queue.size} bytes are left: {about}"
            assert len(came) == counts["sent"], f"the account is of others: {about}"
            if self.ring is None:
                assert set(came) == set(self.offered), f"lost: {about}"
                assert counts["bytes"] == sum(map(len, came)), about
            order = sorted(came, key=self.offered.index)
            assert came == order, f"out of order: {about}"
        assert self.crashes == is_signalled, f"{self.crashes} records of the signal: {about}"


def drop_oldest(world: World) -> None:
    world.queue.drop_oldest(world.operation.limit - world.operation.size)


def rewind(world: World) -> None:
    world.take_by_python(one=True)
    world.queue.peek()
    world.queue.rewind()


def sort(world: World) -> None:
    world.queue.sort()


def put_and_send(world: World) -> None:
    world.put(7)
    world.queue.send_stream(False)
    world.put(8)
    world.queue.send_stream(False)


OPERATIONS = [
    Operation("stream", lambda world: world.queue.send_stream(False)),
    Operation("stream, one", lambda world: world.queue.send_stream(True)),
    Operation("stream, long", lambda world: world.queue.send_stream(False), size=3000),
    Operation("datagrams", lambda world: world.queue.send_datagrams(0), kind=socket.SOCK_DGRAM),
    Operation("put and send", put_and_send, counts=True),
    Operation("put", lambda world: world.put(7), size=100, counts=True),
    Operation("peek and consume", lambda world: world.take_by_python()),
    Operation("peek one and consume", lambda world: world.take_by_python(one=True)),
    Operation("rewind", rewind),
    Operation("sort", sort),
    Operation("drop-oldest", drop_oldest, loses=True),
    Operation("clear", lambda world: world.queue.clear("closed"), loses=True),
    Operation("record", lambda world: [world.put(7), world.put(8)], is_ring=True, loses=True),
]


class Runner:
    def __init__(self, hooks: str) -> None:
        self.hooks = ctypes.CDLL(hooks)
        for name in ("end", "count_other", "count_returned"):
            getattr(self.hooks, f"hooks_{name}").restype = ctypes.c_long
        self.hooks.hooks_begin.argtypes = [ctypes.c_long] * 2 + [ctypes.c_int] * 2

    def run(
        self, operation: Operation, first: int, other: int, itself: bool, halves: bool
    ) -> tuple[int, int]:
        """Return the accesses of both, in a process that was forked for that."""
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                self.hooks.hooks_prepare()
                world = World(operation)
                self.hooks.hooks_begin(first, other, itself, halves)
                operation.act(world)
                count = self.hooks.hooks_end()
                world.check(0 < first <= count)
                found: Any = (count, self.hooks.hooks_count_other())
            except BaseException as error:
                found = repr(error)
            os.write(writer, pickle.dumps(found))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            waiting = select.poll()
            waiting.register(reader, select.POLLIN)
            if not waiting.poll(HANG * 1000):
                os.kill(pid, signal.SIGKILL)
            data = pipe.read()
        status = os.waitpid(pid, 0)[1]
        found = pickle.loads(data) if data else f"it has ended by {status}"
        if isinstance(found, str):
            where = f"{operation.name!r} {first} {other} {int(itself)} {int(halves)}"
            raise AssertionError(f"--core {where}: {found}")
        return tuple(found)  # type: ignore[return-value]


def main(hooks: str, seconds: float) -> None:
    runner = Runner(hooks)
    pick = random.Random(SEED)
    singles = doubles = places = pairs = 0
    for operation in OPERATIONS:
        for halves in (False, True) if operation.kind == socket.SOCK_STREAM else (False,):
            share = seconds / (2 * len(OPERATIONS))
            end = time.monotonic() + share
            most, _ = runner.run(operation, 0, NEVER, False, halves)
            assert most, f"{operation.name}: the core has no hooks"
            order = [(first, itself) for first in range(1, most + 1) for itself in (True, False)]
            pick.shuffle(order)
            lengths = {}
            for first, itself in order:
                if (
                    lengths or operation.loses or operation.counts
                ) and time.monotonic() > end - share / 2:
                    break
                count = runner.run(operation, first, NEVER, itself, halves)[1]
                singles += 1
                if not itself and not operation.loses:
                    assert count, f"{operation.name}: the handler has no hooks"
                    if not operation.counts:
                        lengths[first] = count
            places += len(order)
            others = [(first, other) for first in lengths for other in range(1, lengths[first] + 1)]
            pairs += len(others)
            pick.shuffle(others)
            for first, other in others:
                if time.monotonic() > end:
                    break
                runner.run(operation, first, other, False, halves)
                doubles += 1
    figures = {"signals amid the core": singles, "accesses": places}
    print(json.dumps(figures | {"with a second switch": doubles, "pairs": pairs}))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], float(sys.argv[2]))
    else:
        hooks, name, first, other, itself, halves = sys.argv[1:]
        (operation,) = (each for each in OPERATIONS if each.name == name)
        found = Runner(hooks).run(
            operation, int(first), int(other), bool(int(itself)), bool(int(halves))
        )
        print(found)
