"""The lifecycle events as records, each with structured data beside a text that says the same."""

import sys

from syslogfast._message import Misfit, print_value, read_message
from syslogfast._options import this_program
from syslogfast._rare_validation import check_error
from syslogfast._structured_data import add_number as _  # noqa: F401  # `numbers` will need it
from syslogfast._validation import check_field
from syslogfast.constants import MAX_SEVERITY, NO_SPACE
from syslogfast.emitter import Child, Sequence, name_own_element
from syslogfast.lifecycle.clock import describe_quality, list_time_quality, read_quality
from syslogfast.lifecycle.host import describe_times, list_meta, list_runtime, read_times
from syslogfast.lifecycle.traceback import describe_error, list_elements
from syslogfast.transports.network import read_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import LogRecord
    from types import TracebackType
    from typing import Any

    from syslogfast._backend import Encoder
    from syslogfast.emitter import Emitter
    from syslogfast.lifecycle.host import Times
    from syslogfast.transports.network import Network

NOTICE, WARNING, ERR, CRIT = "notice", "warning", "err", "crit"  # RFC 5424 6.2.1
MAX_SOFTWARE, MAX_VERSION = 48, 32  # characters: RFC 5424 7.2.3, 7.2.4
ENDS = ("CRASHED", "TERMINATED")  # what there has to be space for
WIDE = 1 << 30  # octets: more than the elements of any exception take
META_SPACE = 64  # octets: more than sysUpTime and sequenceId take

numbers = Sequence()  # of these records, where the emitter does not number all that it sends


def booted(emitter: "Emitter", *, software: str | None = None, version: str | None = None) -> None:
    """Send a record that says that the program is awake, on what it runs, and since when.

    It needs no network: until there is one, it waits in the queue, with its own time.

    software, version: the program's (RFC 5424 7.2.3, 7.2.4); None: the emitter's app_name, and no
        version. TypeError: not a str.

    >>> from syslogfast import connect
    >>> with connect("fd://1", hostname="web1") as log:
    ...     booted(log, software="shop", version="1.2")  # doctest: +ELLIPSIS
    <13>1 ... BOOTED [origin software="shop" swVersion="1.2"...][meta sequenceId="1" sysUpTime="...
    """
    times = read_times()
    runtime = list_runtime(times)
    quality = read_quality()
    text = (
        f"booted and awake{describe_times(times)}: {runtime['kernel']}, {runtime['python']},"
        f" syslogfast {runtime['syslogfast']}, PID {runtime['pid']}{describe_quality(quality)}"
    )
    encoder = emitter._get_encoder()
    elements: Any = {"timeQuality": list_time_quality(encoder, quality)}
    elements[name_own_element(encoder, "runtime")] = runtime
    if software is None:
        software = encoder._list_options()["app_name"] or this_program()
    origin: list[tuple[str, object]] = [
        ("software", check_field("software", software)[:MAX_SOFTWARE])
    ]
    if version is not None:
        origin.append(("swVersion", check_field("version", version)[:MAX_VERSION]))
    network = read_network()
    if network:
        origin += list_ip_parameters(network)
    send_record(emitter, NOTICE, "BOOTED", text, elements, origin, times)


def network_up(emitter: "Emitter", network: "Network | None" = None) -> None:
    """Send a record of the machine's addresses, gateway and name servers; if it has none, of that.

    network: None looks for it.
    """
    network = network or read_network()
    times = read_times()
    if network is None:
        text = f"no IP address{describe_times(times)}"
        send_record(emitter, WARNING, "NETWORK-DOWN", text, {}, None, times)
        return
    parts = [f"{network.interface or 'address'} {', '.join(network.addresses)}"]
    parameters: list[tuple[str, object]] = []
    if network.interface:
        parameters.append(("interface", network.interface))
    if network.link_address:
        parameters.append(("linkAddress", network.link_address))
        parts.append(f"link {network.link_address}")
    parameters += [("address", address) for address in network.addresses]
    if network.gateway:
        parameters.append(("gateway", network.gateway))
        parts.append(f"gateway {network.gateway}")
    if network.name_servers:
        parameters += [("nameServer", server) for server in network.name_servers]
        parts.append(f"name servers {', '.join(network.name_servers)}")
    text = f"up{describe_times(times)}, my IP configuration is {'; '.join(parts)}"
    elements = {name_own_element(emitter._get_encoder(), "network"): parameters}
    origin = list_ip_parameters(network)
    send_record(emitter, NOTICE, "NETWORK-UP", text, elements, origin, times)


def crashed(emitter: "Emitter", error: BaseException | None = None) -> None:
    """Send a record that says that the program is about to crash, and why.

    error: the exception; None: the one that is being handled, if any. TypeError: it is not one.
    """
    error = sys.exc_info()[1] if error is None else check_error(error)
    if error is None:
        emitter.dump()
        send_record(emitter, CRIT, "CRASHED", "about to crash", {})
    else:
        trace = error.__traceback__
        send_error(emitter, CRIT, "CRASHED", "about to crash", type(error), error, trace)


def terminated(emitter: "Emitter", signal: str, *, is_crowded: bool = False) -> None:
    """Send a record that says which signal asks the program to end."""
    elements = {name_own_element(emitter._get_encoder(), "signal"): {"name": signal}}
    text = f"about to end: {signal}"
    send_record(emitter, NOTICE, "TERMINATED", text, elements, is_crowded=is_crowded)


def ended(emitter: "Emitter", reason: str = "") -> None:
    """Send a record that says that the program has come to its end.

    reason: what follows that, such as " after an uncaught ValueError".
    """
    send_record(emitter, NOTICE, "ENDED", f"ended{reason}", {})


def list_ip_parameters(network: "Network") -> "list[tuple[str, object]]":
    """Return the parameters `ip` of `origin`, one for each address (RFC 5424 7.2.1)."""
    return [("ip", address.partition("/")[0]) for address in network.addresses]


def send_record(
    emitter: "Emitter",
    severity: str,
    msgid: str,
    text: str,
    elements: "dict[str, Any]",
    origin: "list[tuple[str, Any]] | None" = None,
    times: "Times | None" = None,
    is_crowded: bool = False,
) -> None:
    """Send a record of this module's, with RFC 5424 7.2 and 7.3.

    is_crowded: other threads may leave no space for it.
    """
    data: Any = {**({"origin": origin} if origin else {}), "meta": list_meta(times), **elements}
    if emitter._sequence is None:
        data = numbers.number(data)
    if emitter._level < MAX_SEVERITY:  # that is for what a program says, not for what happens to it
        encoder, queue, sequence = emitter._get_encoder(), emitter._queue, emitter._sequence
        emitter = Child(encoder, queue, emitter._sender, sequence, MAX_SEVERITY, emitter._fields)
    queue = emitter._queue
    is_crowded = is_crowded or 2 * queue.size > queue.limit or queue.drops_since > 0
    if msgid in ENDS and is_crowded and not queue.closed:
        send_past_others(emitter, severity, msgid, text, data)
    else:
        emitter._emit_whole(severity, text, msgid=msgid, structured_data=data)


def send_past_others(
    emitter: "Emitter", severity: str, msgid: str, text: str, data: "dict[str, Any]"
) -> None:
    """Send a record of the program's end where other threads leave it no space.

    What waits goes first. What they emit meanwhile is dropped, or it would take that space, too.
    """
    queue, sender = emitter._queue, emitter._sender
    queue.closed = True
    try:
        sender.flush()
        numbered: Any = emitter._sequence.number(data) if emitter._sequence else data
        encoder = emitter._get_encoder()
        frame = encoder.encode(severity, text, msgid=msgid, structured_data=numbered)
        if queue.put(frame, False, True) == NO_SPACE:
            queue.drop("full")
    finally:
        queue.closed = sender.is_closed()
    sender.pump()


def send_error(
    emitter: "Emitter",
    severity: str,
    msgid: str,
    what: str,
    kind: "type[BaseException]",
    error: BaseException | None,
    trace: "TracebackType | None",
    **parameters: object,
) -> None:
    """Send a record of an exception: how it affects the program, and its traceback.

    What has led to it goes before, if there is a flight recorder.
    """
    emitter.dump()
    exception = {**list_elements(kind, error, trace), **parameters}
    message = str(exception["message"]).split("\n")[0]
    headline = f"{what}: {exception['type']}" + (f": {message}" if message else "")
    encoder = emitter._get_encoder()
    elements: Any = {name_own_element(encoder, "exception"): exception}
    space = measure_space(encoder, msgid, elements)
    if 2 * space < encoder.max_size:
        elements = {}  # the text says the same, and more
        space = measure_space(encoder, msgid, elements)
    send_record(
        emitter, severity, msgid, describe_error(headline, kind, error, trace, space), elements
    )


def measure_space(encoder: "Encoder", msgid: str, elements: "dict[str, Any]") -> int:
    """Return the octets that there are for a text, beside these elements and "meta"."""
    wide = encoder.replace(max_size=WIDE)  # so that none are left out
    header = wide.header(CRIT, msgid=msgid, structured_data=elements)
    return encoder.max_size - len(header) - META_SPACE


def send_logged_error(emitter: "Emitter", record: "LogRecord") -> None:
    """Send a record of an error that asyncio logs, with the exception if there is one."""
    # Arguments that do not fit are reported by the logger's own handler.
    what = print_value(read_message(record, Misfit())).split("\n")[0]
    if record.exc_info and record.exc_info[0]:
        send_error(emitter, ERR, "UNCAUGHT", what, *record.exc_info, source="asyncio")
    else:
        elements = {name_own_element(emitter._get_encoder(), "exception"): {"source": "asyncio"}}
        send_record(emitter, ERR, "UNCAUGHT", what, elements)
