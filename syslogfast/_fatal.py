"""What is prepared for the moment at which a signal ends the process; the rest is in C."""

import time

from syslogfast._encoder_c import Queue, arm, disarm  # type: ignore[import-not-found]
from syslogfast._life_records import CRIT, numbers
from syslogfast._sequence import MAX_SEQUENCE_ID
from syslogfast.emitter import make_report_renderer
from syslogfast.transports.delivery import Delivery
from syslogfast.transports.url import agree_on_framing, agree_on_protocol

TYPE_CHECKING = False
if not TYPE_CHECKING:
    import _signal as signal  # what it is made of: the module itself imports enum
if TYPE_CHECKING:
    import signal

    from syslogfast._encoder import Encoder
    from syslogfast.emitter import Emitter
    from syslogfast.transports.url import Url

# In the order in which `arm` takes their records.
SIGNALS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")
PLACEHOLDER = b'sequenceId="%d"' % MAX_SEQUENCE_ID
QUEUE_BYTES = 1 << 12  # nothing is ever queued


class FatalRoad:
    """The road for records of fatal signals: the emitter's, or one that is kept open for them.

    url: one that opens without waiting; None for the emitter's.
    """

    def __init__(self, emitter: "Emitter", url: "Url | None") -> None:
        self._emitter = emitter
        self._queue = emitter._queue
        self._delivery: Delivery | None = None
        self._changes: dict[str, object] = {}
        if url is None:
            return
        self._changes["framing"] = agree_on_framing([url], None)
        if url.scheme == "unix":
            self._changes["protocol"] = agree_on_protocol([url])
        self._queue = Queue(QUEUE_BYTES)
        self._delivery = Delivery(
            [url],
            self._queue,
            linger=0.0,
            overflow="drop-newest",
            timeout=0.0,
            render_report=make_report_renderer(emitter._get_encoder(), None),
        )

    def open(self) -> None:
        """Open a road of its own, if that has not been possible before."""
        if self._delivery:
            self._delivery.open()

    def arm(self) -> None:
        """Have each of the signals send its record from now on."""
        self.open()
        encoder = self._emitter._get_encoder().replace(**self._changes)
        records = [None if is_handled(name) else render_record(encoder, name) for name in SIGNALS]
        place = max([record.find(PLACEHOLDER) for record in records if record], default=-1)
        number, end = place + len(b'sequenceId="'), place + len(PLACEHOLDER) - 1
        if place < 0:  # RFC 3164 has no structured data
            number = end = 0
        sequence = self._emitter._sequence or numbers
        arm(encoder, self._queue, sequence, tuple(records), number, end)

    def disarm(self) -> None:
        """Leave the signals to whoever had them before."""
        disarm()
        if self._delivery:
            self._delivery.close(0)


def is_handled(name: str) -> bool:
    """Tell whether a signal ends nothing: it is ignored, or Python code of the program has it."""
    handler = signal.getsignal(getattr(signal, name))
    return callable(handler) or handler == signal.SIG_IGN


def render_record(encoder: "Encoder", name: str) -> bytes:
    """Return what is to be said of a signal, without framing and with a number to be replaced."""
    number = getattr(signal, name)
    return encoder.replace(framing=None).encode(
        CRIT,
        f"about to crash: {name} ({signal.strsignal(number)})",
        time_ns=time.time_ns(),
        msgid="CRASHED",
        structured_data={
            "meta": {"sequenceId": MAX_SEQUENCE_ID},
            "signal@32473": {"name": name, "number": int(number)},
        },
    )
