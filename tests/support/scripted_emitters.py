"""An emitter with its queue, and the steps of a script that both backends must take alike."""

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from support import odd_records
from support.emitters import IDENTITY, TIME


class ScriptedSender:
    """Notes what it is asked for, and does about a full queue what the script says."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue
        self.calls: list[object] = []
        self.emitter: Any = None
        self.overflow = "keep"

    def pump(self) -> None:
        self.calls.append("pump")

    def start_lingering(self) -> None:
        self.calls.append("linger")

    def apply_overflow(self, size: int, deadline: "float | None") -> "float | None":
        self.calls.append((size, deadline))
        if self.overflow == "raise":
            raise ArithmeticError("no space")
        if self.overflow == "drop oldest":
            self.queue.drop_oldest(size)
        elif self.overflow == "send":
            self.queue.consume(len(self.queue.peek(True) or b""))
        elif self.overflow == "close":
            self.queue.closed = True
        elif self.overflow == "emit":
            self.overflow = "drop oldest"
            self.emitter.emit(6, "within", time_ns=TIME)
        return None if self.overflow == "keep" else 1.0 + (deadline or 0.0)


class Beginning:
    """Bytes that are the beginning of others, or the reverse.

    How many a queue gives at once depends on its blocks, which only the compiled one has.
    """

    def __init__(self, data: Any) -> None:
        self.data = bytes(data) if type(data) is memoryview else list(data)

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Beginning)
        size = min(len(self.data), len(other.data))
        return self.data[:size] == other.data[:size]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Beginning({self.data!r})"


FIXED = {**IDENTITY, "framing": "lf", "local_time": False, "precision": 0}


class Twin:
    """An emitter with its queue, and what a script does with both."""

    def __init__(
        self, module: ModuleType, limit: int, numbered: bool, level: int, options: dict
    ) -> None:
        encoder = module.Encoder(**{**FIXED, **options})
        self.queue = module.Queue(limit)
        self.sender = ScriptedSender(self.queue)
        sequence = module.Sequence() if numbered else None
        self.emitter = module.Emitter(encoder, self.queue, self.sender, sequence, level)
        self.bound: ContextVar = ContextVar("bound")
        module.watch_bound(self.bound)
        self.sender.emitter = self.emitter

    def do(self, name: str, *arguments: Any) -> object:
        """Do one step; return what comes out of it, or is raised, and how all is afterwards."""
        try:
            result = getattr(self, f"do_{name}")(*arguments)
        except Exception as error:
            result = type(error), re.sub(" at 0x[0-9a-fA-F]+>", ">", str(error))
        queue = self.queue
        calls, self.sender.calls = self.sender.calls, []
        state = queue.count, queue.size, queue.closed, queue.truncations, queue.drops_since > 0
        return result, calls, state, queue.count_all()

    def do_emit(self, severity: Any, message: Any, arguments: tuple, options: dict) -> None:
        self.emitter.emit(severity, message, *arguments, **options)

    def do_level(self, name: str, message: Any, arguments: tuple, options: dict) -> None:
        getattr(self.emitter, name)(message, *arguments, **options)

    def do_bind(self, given: dict) -> None:
        self.emitter = self.emitter.bind(**given)

    def do_bound(self, given: dict) -> None:
        self.bound.set((given, {}))

    def do_emit_many(self, severity: Any, messages: list, form: str) -> None:
        def generate() -> Iterator[Any]:
            yield from messages
            if form == "r":
                raise ArithmeticError("no more")

        given = {"l": messages, "t": tuple(messages)}.get(form)
        self.emitter.emit_many(severity, generate() if given is None else given)

    def do_emit_record(self, record: tuple, message: Any) -> None:
        self.emitter.emit_record(odd_records.make_any_record(*record), message)

    def do_lines(self, severity: Any, text: bytes, start: int) -> int:
        return self.emitter._emit_lines(severity, text, start)

    def hold_one(self) -> bytes:
        """Return the first record, which alone is held then."""
        return bytes(self.queue.peek(True) or b"")

    def do_peek(self) -> object:
        data = self.queue.peek()
        return (None if data is None else Beginning(data)), self.hold_one()

    def do_peek_records(self) -> object:
        found = self.queue.peek_records()
        return (None if found is None else list(map(Beginning, found))), self.hold_one()

    def do_peek_run(self, longest: int, most: int, space: int) -> object:
        found = self.queue.peek_run(longest, most, space)
        return (None if found is None else (Beginning(found[0]), found[1])), self.hold_one()

    def do_take(self, size: int) -> object:
        taken = bytearray()
        while size > 0 and (data := self.queue.peek(True)) is not None:
            taken += data[:size]
            self.queue.consume(min(size, len(data)))
            size -= len(data)
        return bytes(taken)

    def do_boundary(self) -> bool:
        return self.queue.at_record_boundary()

    def do_overflow(self, name: str) -> None:
        self.sender.overflow = name

    def do_threshold(self, size: int) -> None:
        self.queue.threshold = size

    def do_closed(self, closed: bool) -> None:
        self.queue.closed = closed

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Return a method of the queue, for the steps that are no more than a call."""
        return getattr(self.queue, name.removeprefix("do_"))
