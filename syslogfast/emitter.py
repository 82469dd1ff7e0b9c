"""One identity that speaks over a transport: connect(), Emitter, child(), stats."""

from time import monotonic

import syslogfast._message  # noqa: F401  # what `emit_record` needs
from syslogfast._backend import BACKEND, Encoder, format_timestamp
from syslogfast._options import check_names, has_hostname, name_element
from syslogfast._platform import HAS_FATAL_SIGNALS, catch_up_with_fork
from syslogfast._validation import (
    check_choice,
    check_code,
    check_enterprise_id,
    check_on_failure,
    check_seconds,
    find_option,
)
from syslogfast.constants import FIELDS, MAX_SEVERITY, OVERFLOWS, PROTOCOLS, SEVERITIES
from syslogfast.transports import importing
from syslogfast.transports.retry import load_transport_early
from syslogfast.transports.sender import Sender
from syslogfast.transports.url import (
    agree_on_framing,
    agree_on_protocol,
    choose_max_size,
    parse_url_as,
    read_urls,
    use_context,
)

__all__ = ["Emitter", "Sequence", "connect", "watch_bound"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any, Unpack

    from syslogfast._emitter_py import ExcInfo
    from syslogfast.transports.failure_report import OnFailure
    from syslogfast.transports.url import Url
    from syslogfast.types import (
        ConnectOptions,
        IdentityOptions,
        Multiline,
        Overflow,
        Oversize,
        Stats,
        StructuredData,
    )

if TYPE_CHECKING or BACKEND == "python":
    from syslogfast._emitter_py import EmitterBase, Sequence, watch_bound
    from syslogfast.transports.queue_py import Queue
else:  # one compiled module holds all that is compiled: each costs 36 KB before its first line
    from syslogfast._encoder_c import EmitterBase, Queue, Sequence, watch_bound


class Emitter(EmitterBase):
    """Sends records of one identity; `connect` makes the first, `child` makes others.

    Any number of threads may share it. What cannot be sent yet is queued, what cannot be
    queued is dropped and counted: see `stats`.
    """

    __slots__ = ()

    _child_kind: "type[Child]"
    log = EmitterBase.emit
    _emit_whole = EmitterBase.emit  # one record, whatever `oversize` and `multiline` say

    def exception(
        self,
        message: "object",
        /,
        *args: "object",
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        time_ns: "int | None" = None,
        exc_info: "ExcInfo" = True,
        **fields: "object",
    ) -> "None":
        """Send a record of severity 3 with the exception that is being handled, and its traceback.

        It stands after the message, as in logging's `exception`. The rest is as in `emit`.
        """
        self.error(
            message,
            *args,
            msgid=msgid,
            structured_data=structured_data,
            time_ns=time_ns,
            exc_info=exc_info,
            **fields,
        )

    def child(self, **identity: "Unpack[IdentityOptions]") -> "Emitter":
        """Return an emitter of another identity on the same transport, which costs no descriptor.

        `identity`: options of Encoder, such as hostname and app_name; structured_data replaces
        elements of the same SD-ID and joins the rest, as in `emit`. Closing a child only flushes.
        ValueError: framing and protocol are the transport's and must stay.
        """
        check_names(identity, "Emitter.child")
        for option in ("framing", "protocol"):
            if option in identity:
                from syslogfast._rare_validation import reject_identity

                reject_identity(option)
        if identity.get("max_size", 0) is None:
            del identity["max_size"]  # the transport's, too, unless it is given
        if "structured_data" in identity:
            from syslogfast._structured_data import join_structured_data  # rarely needed

            options = self._encoder._list_options()
            identity["structured_data"] = join_structured_data(
                options["structured_data"],
                identity["structured_data"],
                identity.get("controls", options["controls"]),
                options["framing"],
                identity.get("enterprise_id", options["enterprise_id"]),
            )
        sequence = None if self._sequence is None else Sequence()
        encoder = self._encoder.replace(**identity)
        return self._make_child(encoder, sequence, self._fields)

    def bind(self, /, **fields: "object") -> "Emitter":
        """Return a child with these fields in each record, beside those that this emitter has.

        They are rendered once, and cost a record nothing. Those of a record, which `emit` is given,
        go before them, and they before those of the context, which `bound` has. It has the same
        identity and, if records are numbered, the same numbers. TypeError: as in `emit`.

        >>> log = connect("udp://127.0.0.1:5514").bind(request="r-17")
        >>> log.info("sold", order=17)  # [fields@32473 request="r-17" order="17"]
        """
        from syslogfast._structured_data import bind_fields  # rarely needed

        for name in fields:
            find_option(name)
        encoder, joined = self._encoder, {**(self._fields or {}), **fields}
        if joined:
            encoder = bind_fields(encoder, name_own_element(encoder, FIELDS), joined)
        return self._make_child(encoder, self._sequence, joined)

    def _make_child(
        self, encoder: "Encoder", sequence: "Sequence | None", fields: "dict[str, object] | None"
    ) -> "Child":
        queue, sender, trace, recorder = self._queue, self._sender, self._trace, self._recorder
        if recorder is not None:
            ring, numbers = recorder._queue, recorder._sequence
            dumper: Any = recorder._sender
            recorder = EmitterBase(encoder, ring, dumper, numbers, MAX_SEVERITY, fields, trace)
        kind, level, dump_level = self._child_kind, self._level, self._dump_level
        return kind(encoder, queue, sender, sequence, level, fields, trace, recorder, dump_level)

    def dump(self) -> "int":
        """Send what the flight recorder has, the oldest first; return how many records that were.

        They go into the queue, before what is emitted next, and are counted from then on; where it
        has no space for all, the oldest are left out. 0: there is no recorder, or nothing in it.

        >>> log = connect("udp://127.0.0.1:5514", level="info", recorder_bytes=1 << 18)
        >>> log.debug("%d in the basket", 3)
        >>> log.stats["offered"]
        0
        >>> log.dump()  # ... [recorded@32473 number="1"] 3 in the basket
        1
        """
        return self._recorder._sender.dump() if self._recorder is not None else 0  # type: ignore[attr-defined]

    def flush(self, timeout: "float | None" = None) -> "bool":
        """Wait until all records have been taken by the transport; False if that takes too long.

        `timeout` is in seconds; None: that of `connect`.
        """
        return self._sender.flush(timeout)

    def close(self, timeout: "float | None" = None) -> "None":
        """Flush, and close the transport. What is emitted after that is dropped as "closed"."""
        self._sender.close(timeout)

    async def drain(self, timeout: "float | None" = None) -> "bool":
        """Wait until all records have been taken by the transport, while other tasks go on.

        For programs that use asyncio; `timeout` is that of `flush`. False if it takes too long.
        """
        from asyncio import sleep  # the program has it

        deadline = self._sender.find_deadline(timeout)
        pause = 0.001
        catch_up_with_fork()
        self._sender.pump(opens=False)  # what waits for nothing, at once
        while self._queue.count:
            if monotonic() >= deadline:
                return False
            self._sender.send_soon()
            await sleep(pause)
            pause = min(2 * pause, 0.05)
        return True

    @property
    def stats(self) -> "Stats":
        """What became of the records of the whole transport: offered == sent + queued + dropped.

        sent: taken by the kernel. dropped: {reason: records}, "full" (no space in the queue),
        "memory" (none for more of the queue), "too large" (for the queue or the transport),
        "closed", "refused" and "error" (datagrams).
        truncated: how often a record was truncated, to `max_size` or to what the transport takes.
        reconnects: connections after the first. bytes: sent so far. failure: what has gone wrong
        since a transport was opened, or None. recorder: the same counts of the flight recorder,
        whose `sent` have gone to the queue, by reason "overwritten" mostly; None: there is none.
        """
        catch_up_with_fork()
        policy = self._sender.retry_policy
        counts = self._queue.count_all()
        recorder = self._recorder
        return {
            **counts,
            "reconnects": policy.reconnects,
            "failure": policy.failure,
            "recorder": None if recorder is None else recorder._queue.count_all(),
        }

    def __enter__(self) -> "Emitter":
        return self

    def __exit__(self, *exc_info: "object") -> "None":
        """Close it; if a lifecycle is installed, which has more to say, only flush."""
        if self._sender.outlives_block:
            self.flush()
        else:
            self.close()

    async def __aenter__(self) -> "Emitter":
        return self

    async def __aexit__(self, *exc_info: "object") -> "None":
        """Drain it, while other tasks go on; then as `with` does."""
        await self.drain()
        self.__exit__(*exc_info)

    def __repr__(self) -> "str":
        urls = ", ".join([str(url).partition("?")[0] for url in self._sender.retry_policy.urls])
        return f"<{type(self).__name__} to {urls}, {self._encoder!r}>"


class Child(Emitter):
    """An emitter on a transport that is another's to close."""

    __slots__ = ()

    def close(self, timeout: "float | None" = None) -> "None":
        """Flush: the transport is the parent's."""
        self._sender.flush(timeout)


Emitter._child_kind = Child


def name_own_element(encoder: "Encoder", name: "str") -> "str":
    """Return the SD-ID of an element of the package's own: it has the encoder's enterprise_id."""
    return name_element(name, check_enterprise_id(encoder._list_options()["enterprise_id"]))


def make_report_renderer(
    encoder: "Encoder", sequence: "Sequence | None"
) -> "Callable[[dict[str, int], int], bytes]":
    """Return what renders the record that tells how many were dropped, and since when."""

    def render(dropped: "dict[str, int]", since: "int") -> "bytes":
        timestamp = format_timestamp(since)
        reasons = ", ".join([f"{reason}: {count}" for reason, count in dropped.items()])
        parameters = {reason.replace(" ", "-"): count for reason, count in dropped.items()}
        elements: Any = {name_own_element(encoder, "dropped"): {**parameters, "since": timestamp}}
        return encoder.replace().encode(  # anew, for the process may be another's fork
            "warning",
            f"records dropped since {timestamp}: {sum(dropped.values())} ({reasons})",
            msgid="DROPPED",
            structured_data=sequence.number(elements) if sequence else elements,
        )

    return render


def make_recorder(
    size: "int", encoder: "Encoder", queue: "Queue", sender: "Sender", trace: "Any"
) -> "EmitterBase":
    """Return what has so many bytes for records, encodes them, and sends none by itself."""
    with importing:
        from syslogfast.transports.recorder import Recorder, choose_block_size  # rarely needed

        if BACKEND == "python":
            from syslogfast.transports.ring_py import Ring
    block_size = choose_block_size(size, encoder.max_size)
    kind: Any = Queue  # whose third parameter the specification has as a class
    ring = Ring(size, block_size) if BACKEND == "python" else kind(size, block_size, True)
    dumper: Any = Recorder(ring, queue, sender)
    numbers = Sequence(name_own_element(encoder, "recorded"), "number")
    return EmitterBase(encoder, ring, dumper, numbers, MAX_SEVERITY, None, trace)


def connect(
    *urls: "str | Url",
    linger: "float | None" = None,
    queue_bytes: "int" = 1 << 20,
    overflow: "Overflow" = "drop-newest",
    timeout: "float" = 5.0,
    sequence_ids: "bool" = False,
    level: "int | str | None" = None,
    recorder_bytes: "int" = 0,
    dump_level: "int | str | None" = None,
    trace: "bool" = False,
    on_failure: "OnFailure" = None,
    context: "ssl.SSLContext | None" = None,
    oversize: "Oversize" = "truncate",
    multiline: "Multiline" = "escape",
    **options: "Unpack[ConnectOptions]",
) -> "Emitter":
    """Return an emitter for the first of these collectors that can be reached.

    urls: such as "udp://127.0.0.1:514", "tcp://collector:601?framing=octet", "unix:///dev/log",
        "tls://collector?ca=/etc/ca.pem"; none: those in the environment variable SYSLOGFAST_URL.
        They agree on framing and protocol. The first that can be reached is used, and returned
        to. Nothing is connected and no name looked up before there is a record, nor is it an
        error that the collector is away.
    linger: seconds that a record may wait for others to go with it; one of severity "err" or
        worse never does. None: it goes at once, unless more than 32 come within 10 ms; what is
        more than that is gathered, and waits for 10 ms at most. 0: each goes at once. More than
        0: SIGTERM and SIGHUP, where their action is the default one and this is the main thread, or
        where it becomes that when a server's handler has gone, have what waits sent before they end
        the process; not over TLS and RELP, and not with the Python backend, where
        `lifecycle.install` or a handler of your own has to flush.
    queue_bytes: the most bytes that may wait.
    overflow: what to do with a record that finds the queue full: "drop-newest" drops it,
        "drop-oldest" drops the oldest ones, "block" waits up to `timeout`.
    timeout: seconds that connecting, handshakes included, flushing and closing may take.
    sequence_ids: True numbers the records, [meta sequenceId="1"] and so on, so that the collector
        can tell what it lacks (RFC 5424 7.3.1). A child has numbers of its own. They take the place
        of an element "meta" of the encoder's.
    level: least severity that is sent, such as "info"; what is below it goes to the flight
        recorder, or is neither evaluated nor counted. None: all are sent.
    recorder_bytes: the memory of a flight recorder, such as 1 << 18: what is below `level` is
        encoded into it, with its own time and [recorded@32473 number="1"] and so on, and the oldest
        is overwritten. It is sent when the program calls `dump`, before a record of `dump_level` or
        worse, and by `lifecycle.install` before what tells of a crash. 0: there is none.
    dump_level: such as "alert": a record of this severity or worse has the flight recorder sent
        before it. None: none has.
    trace: True puts trace and span of OpenTelemetry into each record, [trace@32473 trace_id="..."
        span_id="..."], where its API is loaded and there is a span. Nothing is imported for that.
    on_failure: what to do with a line that tells of records which cannot be sent: None writes it
        to standard error, a callable gets it as a str, False leaves it out. There is one at once
        for what no waiting mends, such as a certificate that is not accepted, one after `timeout`
        for what it may, such as a refused connection, and one when the emitter is closed.
    context: what to make TLS connections with, in place of `ca`, `cert`, `key` and `insecure` in
        the URLs, all of which are "tls://" or "relps://" then; `name` stays theirs.
    oversize: what to do with a text that `max_size` has no space for: "truncate" leaves out its
        end, "mark" also has the text say so, " ... (17 octets truncated)", and "split" divides it
        into records, [part@32473 number="1" of="3"] and so on where there is structured data.
    multiline: "escape" leaves a text of several lines one record, as `controls` says; "split"
        makes each line that is not empty a record, so that a traceback is a record a line. One text
        becomes 1,000 records at most; the last one has the rest, and is truncated.
    options: those of Encoder. `framing` is the URL's, `protocol` "local" for unix sockets unless
        it is given, `max_size` 2048 for UDP (RFC 5426 3.2). Where the kernel has no name for this
        host, `hostname` is that of its command line, or made of the first link address.

    Close it, or use it in a `with` statement: its thread keeps it alive. At the end of the
    program, after what was registered with `atexit` later, those that are open are closed,
    which takes no longer than the longest `timeout` of them.

    TypeError, ValueError: an argument is wrong, or the URL and an option contradict each other.

    >>> log = connect("udp://127.0.0.1:5514", hostname="web1", app_name="shop")
    >>> log.info("%d sold", 3, msgid="SALE", structured_data={"order@32473": {"id": 17}})
    >>> log.stats["offered"]
    1
    """
    check_names(options, "connect", connect)
    field = "url" if urls else "SYSLOGFAST_URL"
    urls = urls or tuple(read_urls())
    if not urls:
        from syslogfast._rare_validation import reject_missing_url

        reject_missing_url()
    overflow = check_choice("overflow", overflow, OVERFLOWS)
    kind: Any = Emitter
    if oversize != "truncate" or multiline != "escape":
        from syslogfast.long_texts import find_kind  # rarely needed

        kind = find_kind(Emitter, Child, oversize, multiline)
    transports = [parse_url_as(field, url) for url in urls]
    if context is not None:
        use_context(transports, context)
    given: Any = options  # whose defaults depend on the URLs and this host
    given["framing"] = agree_on_framing(transports, given.get("framing"))
    if given.get("protocol") is None:
        given["protocol"] = agree_on_protocol(transports)
    given["protocol"] = check_choice("protocol", given["protocol"], PROTOCOLS)
    if given.get("max_size") is None:
        given["max_size"] = choose_max_size(transports, given["protocol"])
    if given.get("hostname") is None and not has_hostname():
        from syslogfast.transports.network import find_hostname  # rarely needed

        given["hostname"] = find_hostname()
    encoder = Encoder(**given)
    least = 7 if level is None else check_code("level", level, SEVERITIES, MAX_SEVERITY)
    dumping = -1 if dump_level is None else check_code("dump_level", dump_level, SEVERITIES, 7)
    if recorder_bytes != 0 or dump_level is not None:
        from syslogfast._rare_validation import check_recorder

        check_recorder(recorder_bytes, encoder.max_size, level, dump_level)
    sequence = None
    if sequence_ids:
        with importing:
            import syslogfast._structured_data  # noqa: F401  # what Sequence will need

        sequence = Sequence()
    for url in transports:
        load_transport_early(url)
    # The more records are sorted, the more there are of each size, to be sent together.
    is_sorted = any("order" in url.options for url in transports)
    queue = Queue(queue_bytes, queue_bytes) if is_sorted else Queue(queue_bytes)
    sender = Sender(
        transports,
        queue,
        linger=None if linger is None else check_seconds("linger", linger),
        overflow=overflow,
        timeout=check_seconds("timeout", timeout),
        render_report=make_report_renderer(encoder, sequence),
        on_failure=check_on_failure(on_failure),
    )
    if linger and BACKEND == "c" and HAS_FATAL_SIGNALS:
        from syslogfast.transports.termination import watch  # what lingers is sent at SIGTERM

        watch(sender)
    tracing = None
    if trace:
        with importing:
            from syslogfast._structured_data import TraceElement

        tracing = TraceElement(name_own_element(encoder, "trace"))
    recorder = None
    if recorder_bytes:
        recorder = make_recorder(recorder_bytes, encoder, queue, sender, tracing)
    return kind(  # type: ignore[no-any-return]
        encoder, queue, sender, sequence, least, None, tracing, recorder, dumping
    )
