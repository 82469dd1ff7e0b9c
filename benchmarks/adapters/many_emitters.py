"""A process with many emitters of one kind: `bench_emitters` says what it measures.

    python many_emitters.py FOLDER KIND cost COUNT...       then a line "COUNT" for each round
    python many_emitters.py FOLDER KIND memory COUNT PORT   of traced allocations
    python many_emitters.py FOLDER KIND resident COUNT PORT

FOLDER is where the package is. The last two need sockets, and send each emitter's first record.
"""

import gc
import os
import sys
import time
import tracemalloc

MESSAGE = (
    "order 4711 of customer 1234 accepted: 3 items, 59.97 EUR, paid by card, sent to 12 Main St, OK"
).ljust(102, ".")
RECORDS = 10_000  # of a round, whatever the number of emitters
FIRST = 20  # emitters that are made before any is measured
PROCID = 4711  # else a header's size would depend on the process


class NoSocket:
    def sendto(self, data: bytes, address: object) -> None:
        pass

    def close(self) -> None:
        pass


# Of each kind, emit_each lets each of its emitters emit once; count_records does, too, and returns
# how many records came of it.


class Emitters:
    """Children of one emitter, by UDP or into a queue that is sent to /dev/null."""

    def __init__(self, port: "str | None") -> None:
        import syslogfast

        options = {"hostname": "host", "app_name": "agent", "procid": PROCID}
        if port is None:
            null = os.open(os.devnull, os.O_WRONLY)
            transport = syslogfast.connect(f"fd://{null}", overflow="block", **options)
        else:
            transport = syslogfast.connect(f"udp://127.0.0.1:{port}", **options)
        self.transport = transport
        self.make = transport.child

    def emit_each(self, emitters: list) -> None:
        for emitter in emitters:
            emitter.emit(6, MESSAGE)

    def count_records(self, emitters: list) -> int:
        before = self.transport.stats["offered"]
        self.emit_each(emitters)
        return self.transport.stats["offered"] - before


class Encoders:
    """Encoders, and one buffer into which each of them writes."""

    def __init__(self, port: "str | None") -> None:
        import syslogfast

        self.make = syslogfast.Encoder
        self.buffer = bytearray(1024)
        self.port = port

    def emit_each(self, encoders: list) -> None:
        buffer = self.buffer
        if self.port is None:
            for encoder in encoders:
                encoder.encode_into(buffer, 6, MESSAGE)
            return
        from socket import AF_INET, SOCK_DGRAM, socket

        with socket(AF_INET, SOCK_DGRAM) as sender:
            for encoder in encoders:
                end = encoder.encode_into(buffer, 6, MESSAGE)
                sender.sendto(buffer[:end], ("127.0.0.1", int(self.port)))

    def count_records(self, encoders: list) -> int:
        ends = [encoder.encode_into(self.buffer, 6, MESSAGE) for encoder in encoders]
        return sum(end > len(MESSAGE) for end in ends)


class Handlers:
    """Loggers of the standard library, each with its handler, which names the host in its text."""

    def __init__(self, port: "str | None") -> None:
        self.port = port

    def make(self, hostname: str, app_name: str) -> object:
        import logging.handlers

        handler = logging.handlers.SysLogHandler(("127.0.0.1", int(self.port or 9)))
        if self.port is None:
            handler.socket.close()
            handler.socket = NoSocket()
        handler.setFormatter(logging.Formatter(f"{hostname} {app_name}: %(message)s"))
        # getLogger would return the one that has this name already, with its handlers.
        logger = logging.Logger(app_name, logging.INFO)
        logger.addHandler(handler)
        return logger

    def emit_each(self, loggers: list) -> None:
        for logger in loggers:
            logger.info(MESSAGE)

    def count_records(self, loggers: list) -> int:
        sent: list[bytes] = []
        sendto = NoSocket.sendto
        NoSocket.sendto = lambda socket, data, address: sent.append(data)
        self.emit_each(loggers)
        NoSocket.sendto = sendto
        return len(sent)


KINDS = {"emitters": Emitters, "encoders": Encoders, "handlers": Handlers}
Kind = "Emitters | Encoders | Handlers"


def name_emitters(count: int) -> list[tuple[str, str]]:
    return [(f"vm-{number:05d}.example.com", f"service-{number}") for number in range(count)]


def make_emitters(kind: Kind, names: list[tuple[str, str]]) -> list:
    return [kind.make(hostname=hostname, app_name=app_name) for hostname, app_name in names]


def measure_cost(kind: Kind, counts: list[int]) -> None:
    """For each line, time so many emitters in turn, round and round; print the seconds."""
    rounds = {
        count: make_emitters(kind, name_emitters(count)) * (RECORDS // count) for count in counts
    }
    for emitters in rounds.values():
        assert kind.count_records(emitters) == RECORDS
    gc.disable()
    print("ready", flush=True)
    for line in sys.stdin:
        emitters = rounds[int(line)]
        kind.emit_each(emitters)  # as in any round but the first: what fits is in the caches
        start = time.perf_counter()
        kind.emit_each(emitters)
        print(time.perf_counter() - start, flush=True)


def read_resident() -> int:
    with open("/proc/self/smaps_rollup", "rb") as file:
        return int(file.read().partition(b"Rss:")[2].split()[0]) * 1024


def measure_memory(kind: Kind, count: int, traced: bool) -> None:
    """Print the bytes, and the descriptors, that so many emitters take when they have emitted."""
    names = name_emitters(FIRST + count)
    first = make_emitters(kind, names[:FIRST])  # kept: what they free would be used again
    kind.emit_each(first)  # imports, connects
    del names[:FIRST]
    emitters: list = [None] * count
    gc.collect()
    if traced:
        tracemalloc.start()
    read = (lambda: tracemalloc.get_traced_memory()[0]) if traced else read_resident
    descriptors = len(os.listdir("/proc/self/fd"))
    read()  # which needs some itself
    before = read()
    for index, (hostname, app_name) in enumerate(names):
        emitters[index] = kind.make(hostname=hostname, app_name=app_name)
    kind.emit_each(emitters)
    gc.collect()
    size = read() - before
    print(size, len(os.listdir("/proc/self/fd")) - descriptors)


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    kind, task, *arguments = sys.argv[2:]
    if task == "cost":
        measure_cost(KINDS[kind](None), [int(count) for count in arguments])
    else:
        count, port = arguments
        measure_memory(KINDS[kind](port), int(count), task == "memory")
