"""The records of fatal signals, prepared before there is one; the rest is in C."""

import os
import time

from syslogfast._encoder_c import Queue  # type: ignore[import-not-found]
from syslogfast._lifecycle_c import (  # type: ignore[import-not-found]
    arm,
    disarm,
    use_stack_dump,
)
from syslogfast._platform import find_signal_action
from syslogfast.constants import LOGGLY_NUMBER, MAX_SEQUENCE_ID, SUMOLOGIC_NUMBER
from syslogfast.emitter import name_own_element
from syslogfast.lifecycle.records import CRIT, numbers
from syslogfast.transports import IMPORT_FAILURES
from syslogfast.transports.retry import load_transport, open_transport
from syslogfast.transports.url import agree_on_framing, agree_on_protocol

TYPE_CHECKING = False
if not TYPE_CHECKING:
    import _signal as signal  # what it is made of: the module itself imports enum
if TYPE_CHECKING:
    import signal
    from typing import Any

    from syslogfast._backend import Encoder
    from syslogfast.emitter import Emitter
    from syslogfast.transports import Transport
    from syslogfast.transports.url import Url

# In the order in which `arm` takes their records.
SIGNALS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")
PLACEHOLDER = b'sequenceId="%d"' % MAX_SEQUENCE_ID
TOKEN_ENDS = (b"@%d" % LOGGLY_NUMBER, b"@%d" % SUMOLOGIC_NUMBER)  # of SD-IDs: six characters
QUEUE_BYTES = 1  # nothing is ever queued


class FatalTransport:
    """The transport for records of fatal signals: the emitter's, or one that is kept open for them.

    url: one that opens without waiting; None for the emitter's.
    """

    def __init__(self, emitter: "Emitter", url: "Url | None") -> None:
        self._emitter = emitter
        self._url = url
        self._transport: Transport | None = None
        self._queue = Queue(QUEUE_BYTES) if url else emitter._queue
        self._stack = StackDump()
        self._changes: dict[str, Any] = {}
        if url:
            self._changes["framing"] = agree_on_framing([url], None)
            if url.scheme == "unix":
                self._changes["protocol"] = agree_on_protocol([url])
        urls = emitter._sender.retry_policy.urls
        self._is_elsewhere = bool(url) or not any(takes_bytes(each) for each in urls)

    def open(self) -> None:
        """Open what can be opened without waiting, if that has not been possible before."""
        if self._url is None:
            self._emitter._sender.open_early()
        elif self._transport is None:
            try:
                self._transport = open_transport(self._url, 0.0)
                self._queue.descriptor = self._transport.descriptor
            except OSError:
                pass  # there is no network yet

    def arm(self) -> None:
        """Have each of the signals send its record from now on."""
        self._close()  # that of the process that has forked this one
        self.open()
        encoder = self._emitter._get_encoder().replace(**self._changes)
        if self._is_elsewhere:
            encoder = leave_out_token(encoder)
        records = render_records(encoder)
        offsets = {record.find(PLACEHOLDER) for record in records if record}
        if len(offsets) > 1:  # some have space for structured data, others not
            records = render_records(encoder.replace(structured_data=None), has_elements=False)
            offsets = {-1}
        offset = max(offsets, default=-1)
        number, end = offset + len(b'sequenceId="'), offset + len(PLACEHOLDER) - 1
        if offset < 0:  # RFC 3164 has no structured data
            number = end = 0
        sequence = self._emitter._sequence or numbers
        recorder = self._emitter._recorder
        # Over another transport its records, which are framed already, might not be understood.
        ring = recorder._queue if recorder and not self._url else None
        self._stack.open()
        arm(encoder, self._queue, sequence, tuple(records), number, end, ring)

    def disarm(self) -> None:
        """Leave the signals to whoever had them before."""
        disarm()
        self._close()
        self._stack.close()

    def _close(self) -> None:
        if self._transport:
            self._queue.descriptor = -1
            self._transport.abort()
            self._transport = None


class StackDump:
    """What gives C the Python stack of a thread that crashes, where Linux and faulthandler are."""

    def __init__(self) -> None:
        self._file = -1
        self._number = 0  # of a signal that nobody uses

    def open(self) -> None:
        """Have it written to a file of this process's own: a fork shares that of its parent."""
        self._close_file()
        try:
            import faulthandler

            self._file = os.memfd_create("syslogfast-stack")
        except (*IMPORT_FAILURES, AttributeError):
            return  # there is none, or it has no descriptor
        self._number = self._number or find_spare_signal()
        if self._number:
            faulthandler.register(self._number, self._file, all_threads=False)
            use_stack_dump(self._number, self._file)

    def close(self) -> None:
        """Have no stack in the records any more."""
        use_stack_dump(0, -1)
        if self._number:
            import faulthandler

            faulthandler.unregister(self._number)
            self._number = 0
        self._close_file()

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def find_spare_signal() -> int:
    """Return a signal for real time that has its default action; 0: there is none."""
    for number in range(signal.SIGRTMAX, signal.SIGRTMIN, -1):
        if find_signal_action(number) == signal.SIG_DFL:
            return int(number)
    return 0


def leave_out_token(encoder: "Encoder") -> "Encoder":
    """Return an encoder for others than the hosted service whose token this one may have."""
    from syslogfast._structured_data import split_elements  # rarely needed

    elements = encoder._list_options()["structured_data"]
    if isinstance(elements, bytes):  # no SD-ID of a dict is as long as a token
        split = split_elements(elements)
        kept = [element for sd_id, element in split if sd_id[-6:] not in TOKEN_ENDS]
        elements = b"".join(kept) or None
    return encoder.replace(prefix=b"", structured_data=elements)


def takes_bytes(url: "Url") -> bool:
    """Return True if a record can be written to a transport as it is, from C."""
    try:
        transport = load_transport(url.find_transport_scheme().loader)
    except IMPORT_FAILURES:
        return False
    return getattr(transport, "descriptor", None) != -1


def is_handled(name: str) -> bool:
    """Return True if a signal ends nothing: it is ignored, or Python code of the program has it."""
    handler = find_signal_action(getattr(signal, name))
    return callable(handler) or handler == signal.SIG_IGN


def render_records(encoder: "Encoder", has_elements: bool = True) -> "list[bytes]":
    """Return the record of each signal, without framing and with a number to be replaced.

    An empty one: the signal is left alone.
    """
    plain = encoder.replace(framing=None)
    records: list[bytes] = []
    for name in SIGNALS:
        number = getattr(signal, name)
        elements: Any = {
            "meta": {"sequenceId": MAX_SEQUENCE_ID},
            name_own_element(encoder, "signal"): {"name": name, "number": int(number)},
        }
        record = plain.encode(
            CRIT,
            f"about to crash: {name} ({signal.strsignal(number)})",
            time_ns=time.time_ns(),
            msgid="CRASHED",
            structured_data=elements if has_elements else None,
        )
        records.append(b"" if is_handled(name) else record)
    return records
