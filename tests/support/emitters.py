"""Emitters without a collector: their records stay in the queue, and the test takes them."""

from types import ModuleType

from support.grammar import parse_rfc5424, split_frames

TIME = 1_065_910_455_003_000_000
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
LEVELS = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]
# What a program that never uses them does not pay for.
HEAVY = ["logging", "socket", "ssl", "re", "enum", "datetime", "typing", "threading"]


class IdleSender:
    """Leaves all in the queue."""

    class retry_policy:  # noqa: N801
        reconnects = 0
        failure = None
        urls = ("tls://logs:6514?ca=TOKEN", "udp://[::1]")

    outlives_block = False

    def pump(self) -> None:
        pass

    start_lingering = pump

    def apply_overflow(self, size: int, deadline: float | None) -> None:
        return None

    def flush(self, timeout: float | None = None) -> bool:
        return False

    def close(self, timeout: float | None = None) -> None:
        pass


def make_emitter(module: ModuleType, limit: int = 1 << 24, **options: object) -> object:
    """Return an emitter whose records stay in the queue."""
    encoder = module.Encoder(**{**IDENTITY, "framing": "lf", **options})
    return module.Emitter(encoder, module.Queue(limit), IdleSender())


def take(emitter: object) -> list[bytes]:
    """Return the records that are queued, without their LF."""
    data = bytearray()
    while view := emitter._queue.peek():
        data += view
        emitter._queue.consume(len(view))
    return split_frames(bytes(data), "lf")


def take_one(emitter: object) -> bytes:
    (record,) = take(emitter)
    return record


def take_text(emitter: object) -> str | None:
    return parse_rfc5424(take_one(emitter)).message
