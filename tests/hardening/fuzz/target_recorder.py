"""The flight recorder: what `dump` sends are whole records, in order, the newest that fit; each of
the twins keeps the same, and each record is accounted for."""

import re
from types import ModuleType
from typing import Any

from given import Given
from support.backends import load_emitter_module
from support.emitters import TIME, IdleSender
from support.grammar import parse_rfc5424

NUMBER = re.compile(rb'\[recorded@32473 number="(\d+)"\]')
MAX_SIZE = 480


class Watched(IdleSender):
    """A sender that sends nothing, but knows what it is asked for."""

    _transport = None

    def send_soon(self) -> None:
        pass


class Twin:
    """An emitter with a recorder, of one backend."""

    def __init__(self, module: ModuleType, size: int, limit: int, max_size: int) -> None:
        encoder = module.Encoder(
            hostname="web1", app_name="shop", procid=42, framing="octet", max_size=max_size
        )
        self.queue: Any = module.Queue(limit)
        recorder = module.make_recorder(size, encoder, self.queue, Watched(), None)
        self.ring: Any = recorder._queue
        self.emitter: Any = module.Emitter(
            encoder, self.queue, Watched(), None, 5, None, None, recorder, -1
        )

    def take(self) -> bytes:
        """Return all that is queued, and have it gone."""
        data = bytearray()
        while (view := self.queue.peek()) is not None:
            data += view
            self.queue.consume(len(view))
        return bytes(data)

    def count(self) -> tuple[Any, ...]:
        counts = self.queue.count_all(), self.ring.count_all()
        for count in counts:
            assert count["offered"] == (
                count["sent"] + count["queued"] + sum(count["dropped"].values())
            ), count
        return (*counts, self.queue.size, self.ring.size)


def split(data: bytes) -> list[bytes]:
    """Return the records of a stream with octet counts."""
    records = []
    while data:
        digits, _, rest = data.partition(b" ")
        assert len(rest) >= int(digits), f"a record is cut: {data[-300:]!r}"
        records.append(rest[: int(digits)])
        data = rest[int(digits) :]
    return records


def try_input(data: bytes) -> None:
    given = Given(data)
    max_size = MAX_SIZE + given.octet()
    size = 2 * (max_size + 24) + given.size() * 2
    limit = 600 + given.size() * 4
    twins = [Twin(load_emitter_module(name), size, limit, max_size) for name in ("c", "python")]
    frames: list[bytes] = []  # of all that was recorded and dumped since
    last = 0
    while not given.is_over():
        form = given.octet()
        if form < 192:
            last += 1
            text = given.text() if form < 8 else "x" * (form * 3 % 470 + given.octet() % 8)
            for twin in twins:
                twin.emitter.debug(text, time_ns=TIME)
        elif form < 208:
            for twin in twins:
                twin.emitter.notice("sent %d", form, time_ns=TIME)
        elif form < 224:
            frames.append(check_dump(twins, last))
        elif form < 232:
            child = {"app_name": "till"} if form & 1 else {"hostname": "db1"}
            for twin in twins:
                twin.emitter = twin.emitter.child(**child)
        elif form < 240:
            take_oldest(twins, form % 4)
        else:
            taken = [twin.take() for twin in twins]
            assert taken[0] == taken[1]
        counts = [twin.count() for twin in twins]
        assert counts[0] == counts[1], counts
    check_dump(twins, last)


def take_oldest(twins: list[Twin], count: int) -> None:
    """Take so many records off the rings, as a `dump` that is ended by an exception."""
    for _ in range(count):
        records = [twin.ring.peek(True) for twin in twins]
        assert records[0] == records[1]
        if records[0] is None:
            break
        for twin, record in zip(twins, records, strict=True):
            twin.ring.consume(len(record))
    for twin in twins:
        twin.ring.rewind()


def check_dump(twins: list[Twin], last: int) -> bytes:
    """Dump, and judge what has come of it."""
    for twin in twins:
        before = twin.queue.count
        kept, size = twin.ring.count, twin.ring.size
        space = twin.queue.limit - twin.queue.size - twin.ring.largest
        count = twin.emitter.dump()
        assert twin.ring.count == 0
        assert twin.queue.count == before + count
        assert count == kept if size <= space else count < max(kept, 1)
    taken = [twin.take() for twin in twins]
    assert taken[0] == taken[1], "the twins have kept others"
    numbers = []
    for record in split(taken[0]):
        parse_rfc5424(record)
        if number := NUMBER.search(record):
            numbers.append(int(number[1]))
    if numbers:
        newest = numbers[-len(numbers) :]
        assert newest == sorted(set(newest)), f"{newest} are not in order"
    if count:
        assert numbers[-1] == last, f"{numbers[-1]} is not the newest, {last}"
        assert numbers[-count:] == list(range(last + 1 - count, last + 1)), numbers
    return taken[0]
