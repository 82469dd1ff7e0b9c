"""Syslog for MicroPython: records of RFC 5424 by UDP. This file alone is what a device needs.

    log = micro.connect("udp://192.0.2.1", hostname="sensor-7", app_name="meter")
    log.booted()
    log.warning("%.1f degrees", 71.5, msgid="HOT", room="attic")

The octets are those of the package's own emitter, for all that is offered here. Without a network
records wait, each with its own time, until a later `emit`, or `flush`, can send them, in order.
There is no thread, and nothing that the network does is raised. CPython runs it, too.
"""

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = "0.2.0"

# RFC 5424 6.2.1: the keywords of each number, as in constants.py.
SEVERITIES = "emerg,emergency,panic alert crit,critical err,error warning,warn notice info debug"
FACILITIES = (
    "kern user mail daemon auth,security syslog lpr news uucp cron authpriv ftp ntp audit"
    " alert,console clock,solaris-cron local0 local1 local2 local3 local4 local5 local6 local7"
)

# Seconds from 1970 to the epoch of this port, which is that year or 2000.
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

# Milliseconds, which begin anew after some days.
read_ticks = getattr(time, "ticks_ms", None) or (lambda: int(time.monotonic() * 1000))
ticks = read_ticks()
uptime = ticks


def read_uptime() -> int:
    """Return the milliseconds since the boot, if no two calls are 12 days apart."""
    global ticks, uptime
    now = read_ticks()
    uptime += (now - ticks) & 0x3FFFFFFF
    ticks = now
    return uptime


def read_clock() -> "int | None":
    """Return the nanoseconds since 1970; None if nobody has set the clock.

    It begins in 2000, 2015 or 2021, as the port has it: what is before 2025 is not believed.
    """
    now: int = time.time_ns() if hasattr(time, "time_ns") else int(time.time()) * 1000000000
    now += EPOCH * 1000000000
    return now if now >= 1735689600000000000 else None


def print_time(time_ns: "int | None") -> str:
    """RFC 5424 6.2.3: TIMESTAMP, in UTC; NILVALUE if it is unknown, or not in years 1 to 9999."""
    seconds, nanoseconds = divmod(time_ns or 0, 1000000000)
    # Years are counted from 1 March, in eras of 400, so that the leap day is the last of its year.
    days, seconds = divmod(seconds, 86400)
    era, day = divmod(days + 719468, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    year += era * 400 + month // 10
    month = (month + 2) % 12 + 1
    if time_ns is None or not 0 < year < 10000:
        return "-"
    minute, second = divmod(seconds, 60)
    time_of_day = f"{minute // 60:02d}:{minute % 60:02d}:{second:02d}.{nanoseconds // 1000:06d}"
    return f"{year:04d}-{month:02d}-{day:02d}T{time_of_day}Z"


def decode(data: bytes) -> str:
    """Return UTF-8 as text, each ill-formed part as one U+FFFD (Unicode 3.9, maximal subparts)."""
    text = ""
    start = 0
    while start < len(data):
        lead = data[start]
        end = start + 1
        # Unicode table 3-7: how many octets follow, and which of them may be the second.
        missing = (lead >= 0xC2) + (lead >= 0xE0) + (lead >= 0xF0) if lead < 0xF5 else 0
        lowest = {0xE0: 0xA0, 0xF0: 0x90}.get(lead, 0x80)
        highest = {0xED: 0x9F, 0xF4: 0x8F}.get(lead, 0xBF)
        is_good = missing or lead < 0x80
        while missing and end < len(data) and lowest <= data[end] <= highest:
            lowest, highest = 0x80, 0xBF
            missing -= 1
            end += 1
        text += str(data[start:end], "utf-8") if is_good and not missing else "\ufffd"
        start = end
    return text


def print_value(value: "Any", show: "Any" = str) -> str:
    """Return str(value), or UTF-8 as text; what stands for it if it cannot be printed."""
    try:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return decode(bytes(value))
        return value[:] if isinstance(value, str) else show(value)
    except Exception as error:
        return f"<unprintable {type(value).__name__}: {type(error).__name__}>"


def print_message(template: str, args: "Any") -> str:
    """Return `template % args`; if that fails both are kept, and what failed is named."""
    if len(args) == 1 and isinstance(args[0], dict) and args[0]:
        args = args[0]
    try:
        return print_value(template % args)
    except Exception as error:
        return f"{template} <{type(error).__name__}: {print_value(args, repr)}>"


def print_error(error: BaseException) -> str:
    """Return the traceback of an exception, as Python prints it, without the last line end."""
    try:
        if hasattr(sys, "print_exception"):  # MicroPython's
            file = __import__("io").StringIO()
            sys.print_exception(error, file)
            return file.getvalue()[:-1]  # type: ignore[no-any-return]
        return "".join(__import__("traceback").format_exception(error))[:-1]
    except Exception:
        return print_value(error)


def escape(text: str, limit: int, in_value: bool = False) -> "tuple[bytes, bool]":
    """Return text as UTF-8, up to the character that goes beyond `limit`, and if there is one.

    Control characters, and those of direction, are "#ooo" for each octet. in_value: it is a
    PARAM-VALUE, where three more are escaped (RFC 5424 6.3.3).
    """
    is_plain = limit >= 0 and text and min(text) >= " " and max(text) < "\x7f"
    if is_plain and not (in_value and ('"' in text or "\\" in text or "]" in text)):
        return text[:limit].encode(), len(text) > limit  # as most are: this is 100 times as fast
    pieces = []
    for char in text:
        code = ord(char)
        if 0xD800 <= code < 0xE000:
            char = "\ufffd"
        elif (
            (code < 32 and code != 9)
            or 0x7F <= code < 0xA0
            or char in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        ):
            char = "".join([f"#{octet:03o}" for octet in char.encode()])
        elif in_value and char in '"\\]':
            char = "\\" + char
        piece = char.encode()
        limit -= len(piece)
        if limit < 0:
            break
        pieces.append(piece)
    return b"".join(pieces), limit < 0 and bool(text)


def clean(text: str, limit: int, lacks: str = "") -> str:
    """Return text with other characters than PRINTUSASCII (RFC 5424 6) as "_", and truncated.

    In an SD-NAME, which lacks some characters, one is one "_", as nothing is; in a header field
    each octet is, and nothing is NILVALUE.
    """
    cleaned = ""
    for char in text[:limit]:
        code = ord(char)
        octets = 1 if lacks else 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
        cleaned += char if 32 < code < 127 and char not in lacks else "_" * octets
    return cleaned[:limit] or ("_" if lacks else "-")


def clean_name(name: object) -> str:
    """Return an SD-NAME (RFC 5424 6.3.3)."""
    return clean(print_value(name), 32, '="]')


def clean_id(name: object) -> str:
    """Return an SD-ID (RFC 5424 6.3.2): a name, or one with "@" and an enterprise number."""
    text = print_value(name)
    stem, _, number = text.rpartition("@")
    # RFC 5424 7.2.2: digits, perhaps with periods between them.
    is_number = not number.strip("0123456789.") and ".." not in f".{number}."
    if number == text or not is_number or len(number) > 30:
        return clean_name(text).replace("@", "_")
    return clean_name(stem[: 31 - len(number)]).replace("@", "_") + "@" + number


def render(data: "Any", fields: "Any") -> bytes:
    """Return SD-ELEMENTs (RFC 5424 6.3.1) of {sd_id: parameters}; all is made to fit."""
    elements: dict[str, bytes] = {}
    order = []  # which a dict does not have on MicroPython
    items = [("fields@32473", fields)] if fields else []
    if isinstance(data, dict):
        items.extend(data.items())
    for sd_id, pairs in items:
        sd_id = clean_id(sd_id)
        if sd_id not in order:
            elements[sd_id] = b""
            order.append(sd_id)
        if isinstance(pairs, dict):
            pairs = list(pairs.items())
        for pair in pairs if isinstance(pairs, (list, tuple)) else [pairs]:
            is_pair = isinstance(pair, (list, tuple)) and len(pair) == 2
            name, value = pair if is_pair else ("value", pair)
            if value is not None:
                value = print_value(value)
                value = escape(value, 12 * len(value), True)[0]  # U+2028 is "#342#200#250"
                elements[sd_id] += f' {clean_name(name)}="'.encode() + value + b'"'
    rendered = b""
    for sd_id in order:
        rendered += b"[" + sd_id.encode() + elements[sd_id] + b"]"
    return rendered


def check(field: str, value: "Any", rule: str, *kinds: type) -> "Any":
    if not isinstance(value, kinds):
        shown = type(value) if field == "url" else value  # there may be a secret in it
        raise TypeError(f"{field} must be {rule}, got {shown!r}")
    return value


def check_code(field: str, value: "Any", names: str, highest: int) -> int:
    """Return the number of a severity or facility: a number, or a keyword in any case."""
    check(field, value, "an int or a str", int, str)
    if isinstance(value, str):
        keyword = value.lower()
        if keyword[:4] == "log_":
            keyword = keyword[4:]
        for code, same in enumerate(names.split()):
            if keyword in same.split(","):
                return code
    elif 0 <= value <= highest:
        return value  # type: ignore[no-any-return]
    raise ValueError(f"{field} must be in 0..{highest} or a keyword, got {value!r}")


def parse_url(url: str) -> "tuple[str, int]":
    """Return host and port of udp://host:514, udp://host or udp://[::1]:514."""
    scheme, _, rest = check("url", url, "a str", str).partition("://")
    if ":" not in rest or rest[-1] == "]":
        rest += ":514"
    host, _, port = rest.rpartition(":")
    is_ipv6 = host[:1] + host[-1:] == "[]"
    host = host[1:-1] if is_ipv6 else host
    number = int("0" + port) if len(port) < 6 and not port.strip("0123456789") else 0
    is_host = host and clean(host, 255, "/#@,?[]" if is_ipv6 else "/#@,?[]:") == host
    if scheme.lower() != "udp" or not is_host or not 0 < number < 65536:
        shown = url.rpartition("@")[2].partition("?")[0]  # no secrets
        raise ValueError(f"url must be udp://HOST or udp://HOST:PORT, got {shown!r}")
    return host, number


def make_method(severity: int) -> "Any":
    """Return `emit` for one severity."""

    def send(self: "Emitter", message: object, *args: object, **options: "Any") -> None:
        self.emit(severity, message, *args, **options)

    return send


class Emitter:
    """One identity that sends records to one collector; `connect` is another name of it.

    url: udp://HOST or udp://HOST:PORT; nothing is looked up yet. hostname: None: "host-" and the
    device's own number, such as its Ethernet address. procid: a str or an int; there are no
    processes. facility: 0 to 23, or a keyword. level: the least severity that is sent. max_size:
    the most bytes of a record: a message is truncated, and structured data that do not fit are left
    out. queue_bytes: the most bytes of records that wait; what comes then is dropped, for those
    that wait tell how it began, and a record says how many are missing. on_failure: called with a
    line when four tries in a row have failed, and at the end if records were not sent.

    TypeError, ValueError: an argument is wrong. One thread may use it, and no handler of an
    interrupt: `micropython.schedule` is for those.
    """

    def __init__(
        self,
        url: str,
        *,
        hostname: "str | None" = None,
        app_name: str = sys.implementation.name,
        procid: "str | int" = "-",
        facility: "int | str" = "user",
        level: "int | str" = 7,
        max_size: int = 2048,
        queue_bytes: int = 16384,
        on_failure: "Any" = print,
    ) -> None:
        self._host, self._port = parse_url(url)
        self._priority = 8 * check_code("facility", facility, FACILITIES, 23)
        self._level = check_code("level", level, SEVERITIES, 7)
        if hostname is None:
            try:
                hostname = "host-" + __import__("machine").unique_id().hex()
            except Exception:  # no device, such as the unix port
                hostname = ""
        self._name = app_name
        check("procid", procid, "a str or an int", str, int)
        hostname = clean(check("hostname", hostname, "a str", str), 255)
        app_name = clean(check("app_name", app_name, "a str", str), 48)
        self._fields = (
            f" {hostname} {app_name} {clean(str(procid), 128)}"  # RFC 5424 6.2.4 to 6.2.6
        )
        # All but MSG of "<14>1 yyyy-mm-ddThh:mm:ss.ffffffZ host app procid msgid - MSG".
        longest = len(f"{self._priority + 7}{self._fields}") + 67
        if check("max_size", max_size, "an int", int) < longest:
            raise ValueError(f"max_size must be at least {longest}, got {max_size!r}")
        self._max_size = max_size
        self._limit: int = check("queue_bytes", queue_bytes, "an int", int)
        self._on_failure = on_failure
        self._socket: Any = None
        self._found: Any = None  # by a look-up: family and address
        self._look_at = self._try_at = 0  # by read_uptime()
        self._delay = 0  # milliseconds between two tries; 0: the last one has not failed
        self._failure: str | None = None
        self._closed = False
        self._queue: list[tuple[bytes, int | None]] = []  # and the uptime, if the time is unknown
        self._size = self._sent = self._cut = 0
        self._dropped: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._lost_since: int | None = None

    def emit(
        self,
        severity: "int | str",
        message: object,
        *args: object,
        msgid: "str | None" = None,
        structured_data: object = None,
        time_ns: "int | None" = None,
        exc_info: "BaseException | None" = None,
        **fields: object,
    ) -> None:
        """Send one record, or keep it until there is a network; what becomes of it is in `stats`.

        severity: 0 to 7, or a keyword such as "err". message: with `args` the template of a
        %-formatting; else text, UTF-8 as bytes, or anything that str() takes. structured_data:
        {sd_id: {name: value}}, or {sd_id: [(name, value), ...]}. time_ns: nanoseconds since 1970,
        whatever the port's epoch; None reads the clock. exc_info: an exception, whose traceback
        stands after the message. fields: parameters of the element fields@32473.

        TypeError, ValueError: severity, msgid or time_ns is wrong. It waits for nothing but the
        look-up of a host's name, when it is time for a try.
        """
        code = check_code("severity", severity, SEVERITIES, 7)
        if code > self._level:
            return
        if msgid is not None:
            msgid = clean(check("msgid", msgid, "a str", str), 32)
        if time_ns is not None:
            check("time_ns", time_ns, "an int", int)
        try:
            text = print_value(message)
            if args:
                text = print_message(text, args)
            if exc_info is not None:
                text += ("" if text[-1:] == "\n" else "\n") + print_error(exc_info)
            self._put(*self._encode(code, text, msgid, structured_data, time_ns, fields))
        except MemoryError:
            self._drop("memory")

    debug = make_method(7)
    info = make_method(6)
    notice = make_method(5)
    warning = make_method(4)
    error = make_method(3)
    critical = make_method(2)

    def booted(self, version: "str | None" = None) -> None:
        """Send a record that the device is awake, why, on what it runs, and since when.

        version: the program's (RFC 5424 7.2.4).
        """
        implementation = sys.implementation
        numbers = implementation.version
        kernel = f"{sys.platform} {getattr(implementation, '_machine', '')}".strip()
        python = f"{implementation.name} {numbers[0]}.{numbers[1]}.{numbers[2]}"
        own = VERSION + " micro"
        runtime = {"kernel": kernel, "python": python, "syslogfast": own}
        origin = {"software": self._name[:48], "swVersion": version}
        data: Any = {"origin": origin, "runtime@32473": runtime}
        start = end = ""
        try:
            machine = __import__("machine")
            cause = machine.reset_cause()
            for name in dir(machine):  # each port has others
                if name[-6:] == "_RESET" and getattr(machine, name) == cause:
                    runtime["resetCause"] = name
                    end = "; reset cause " + name
            since = read_uptime()
            start = f" {since / 1000:.3f} s after boot"
            data["meta"] = {"sysUpTime": since // 10}  # RFC 5424 7.3.3: hundredths of a second
        except Exception:
            pass  # no device
        text = f"booted and awake{start}: {kernel}, {python}, syslogfast {own}{end}"
        self._put(*self._encode(5, text, "BOOTED", data, None, None))

    def _encode(
        self, code: int, text: str, msgid: "Any", data: "Any", time_ns: "Any", fields: "Any"
    ) -> "tuple[bytes, int | None]":
        """Return one record and, if nobody knows the time, the uptime."""
        time_ns = read_clock() if time_ns is None else time_ns
        # RFC 5424 6: HEADER SP STRUCTURED-DATA [SP MSG]
        start = f"<{self._priority + code}>1 {print_time(time_ns)}"
        record = f"{start}{self._fields} {msgid or '-'} ".encode()
        elements = render(data, fields) or b"-"
        is_shorter = len(record) + len(elements) > self._max_size
        record += b"-" if is_shorter else elements
        message, has_more = escape(text.rstrip("\r\n"), self._max_size - len(record) - 1)
        self._cut += is_shorter or has_more
        record += b" " + message if message else b""
        return record, read_uptime() if time_ns is None else None

    def _put(self, record: bytes, since: "int | None") -> None:
        """Queue a record, if there is space, and send what can be sent."""
        size = len(record)
        if self._size + size > self._limit:
            self._send()  # it may be time for a try
        if self._closed or self._size + size > self._limit:
            self._drop("closed" if self._closed else "full" if size <= self._limit else "too large")
        else:
            self._queue.append((record, since))
            self._size += size
            self._send()

    def _take(self, reason: str = "") -> None:
        """Take the oldest record off the queue, and count it as sent, or as dropped."""
        self._size -= len(self._queue.pop(0)[0])
        if reason:
            self._drop(reason)
        else:
            self._sent += 1

    def _drop(self, reason: str) -> None:
        if not self._lost:
            self._lost_since = read_clock()
        for counts in (self._dropped, self._lost):
            counts[reason] = counts.get(reason, 0) + 1

    def _send(self, at_once: bool = False) -> bool:
        """Send what is queued, the oldest first, if it is time; return True if nothing is left."""
        now = read_uptime()
        if self._closed or (now < self._try_at and not at_once):
            return not self._queue
        if now >= self._look_at:
            self._let_go()  # the name may stand for another address by now
        may_report = True
        while self._queue or (self._lost and may_report):
            is_first = not self._socket
            try:
                if not self._queue:
                    may_report = False
                    self._report()
                if is_first:
                    self._open()
                self._socket.sendto(self._complete(*self._queue[0]), self._found[-1])
                self._take()
                self._failure, self._delay = None, 0
            except Exception as error:
                code = error.args[0] if error.args and self._socket else None
                if code in (40, 90, 122):  # EMSGSIZE of various systems
                    self._take("too large")
                    continue
                if code not in (11, 12, 35, 105):  # EAGAIN, ENOMEM, ENOBUFS
                    self._fail(error, at_once)
                break
            if is_first and self._queue:
                # Of several, a small network stack loses all but the last while it asks for the
                # collector's link address.
                self._try_at = read_uptime() + 100
                break
        return not self._queue

    def _open(self) -> None:
        """Make a socket; the last address that was found stays until there is a better one."""
        import socket

        try:
            self._found = socket.getaddrinfo(self._host, self._port)[0]
        except Exception:
            if not self._found:
                raise
        self._look_at = read_uptime() + 600000
        self._socket = socket.socket(self._found[0], socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def _let_go(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _complete(self, record: bytes, since: "int | None") -> bytes:
        """Return a record with its time, if that is known only now."""
        now = read_clock()
        if since is None or now is None or len(record) + 26 > self._max_size:
            return record
        timestamp = print_time(now - (read_uptime() - since) * 1000000)
        return record.replace(b">1 - ", f">1 {timestamp} ".encode(), 1)

    def _fail(self, error: Exception, is_asked: bool) -> None:
        """Wait for longer each time, up to half a minute; the fourth time, tell of it.

        is_asked: by `flush`, whose tries are not counted.
        """
        self._let_go()
        self._failure = f"udp://{self._host}:{self._port}: {type(error).__name__}: {error}"
        if not is_asked:
            self._delay = min(2 * self._delay or 1000, 30000)
            if self._delay == 8000:
                dropped = sum(self._dropped.values())
                self._tell(f"records waiting: {len(self._queue)}, dropped: {dropped}")
        self._try_at = read_uptime() + self._delay

    def _tell(self, what: str) -> None:
        try:
            if self._on_failure:
                self._on_failure(f"syslogfast: {self._failure}; {what}")
        except Exception:
            pass  # of the program's own

    def _report(self) -> None:
        """Queue a record of how many records were dropped, and since when."""
        lost, self._lost = self._lost, {}
        since = print_time(self._lost_since)
        reasons = ", ".join([f"{reason}: {lost[reason]}" for reason in lost])
        text = f"records dropped since {since}: {sum(lost.values())} ({reasons})"
        data: dict[str, object] = {reason.replace(" ", "-"): lost[reason] for reason in lost}
        data["since"] = since
        entry = self._encode(4, text, "DROPPED", {"dropped@32473": data}, None, None)
        self._queue.append(entry)
        self._size += len(entry[0])

    def flush(self, timeout: float = 5.0) -> bool:
        """Try for so many seconds to send what is queued; return True if nothing is left."""
        end = read_uptime() + int(timeout * 1000)
        while not self._send(True):
            if read_uptime() + 100 > end:
                return False
            time.sleep(0.1)
        return True

    def close(self, timeout: float = 5.0) -> None:
        """Flush, and close the socket. What is left, and what is emitted later, is dropped."""
        self.flush(timeout)
        self._let_go()
        self._closed = True
        if self._queue:
            self._tell(f"records not sent: {len(self._queue)}")
        while self._queue:
            self._take("closed")

    @property
    def stats(self) -> "dict[str, Any]":
        """What became of all records: offered == sent + queued + dropped.

        sent: taken by the network stack. dropped: {reason: records}, "full" (no space to wait in),
        "too large" (for that, or for a datagram), "memory", "closed". truncated: records of which
        something was left out. failure: what has gone wrong since a record was sent, or None.
        """
        return {
            "offered": self._sent + len(self._queue) + sum(self._dropped.values()),
            "sent": self._sent,
            "queued": len(self._queue),
            "dropped": dict(self._dropped),
            "truncated": self._cut,
            "failure": self._failure,
        }


connect = Emitter
