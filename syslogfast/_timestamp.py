"""TIMESTAMP, for the twin; `timestamp.pxd` is the same in C."""

import time
from time import time_ns as read_clock

from syslogfast._validation import (
    check_choice,
    check_precision,
    is_a,
    is_float_without_time,
    read_int,
    reject_time,
)
from syslogfast.constants import MAX_PRECISION, MAX_SECONDS, MIN_SECONDS, PROTOCOLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from syslogfast.types import Protocol

    Renderer = Callable[[int | None, "TimestampFormat"], bytes]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class TimestampFormat:
    """How a timestamp is written: in which zone, with how many digits after the second."""

    __slots__ = ("ending", "local_time", "unit")

    def __init__(self, local_time: "bool", precision: "int") -> "None":
        self.local_time = local_time
        # RFC 5424 6.2.3: TIME-SECFRAC and TIME-OFFSET, and the nanoseconds of the last digit.
        self.ending = f".%0{precision}dZ" if precision else "Z"
        self.unit = 10 ** (9 - precision) if precision else 0


TIMESTAMP_FORMATS = {
    (local_time, precision): TimestampFormat(local_time, precision)
    for local_time in (False, True)
    for precision in range(MAX_PRECISION + 1)
}

# The last second that was written in UTC, its timestamp_format, and the template and unit made of
# them. One tuple, replaced as a whole, so that no thread sees a part of another's.
latest = (0, TIMESTAMP_FORMATS[False, 0], b"1970-01-01T00:00:00Z", 0)


def compute_date(days: "int") -> "tuple[int, int, int]":
    """Return year, month and day of a number of days since 1970-01-01.

    Years are counted from 1 March here, so that the leap day is the last of its year.
    """
    era, day_of_era = divmod(days + 719468, 146097)  # eras of 400 years, from 0000-03-01
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    return era * 400 + year + (month >= 10), month + 3 if month < 10 else month - 9, day


def find_offset(seconds: "int") -> "int":
    """Return how many seconds local time is ahead of UTC at that time."""
    if not MIN_SECONDS - 86400 <= seconds <= MAX_SECONDS + 86400:
        return 0
    try:
        return getattr(time.localtime(seconds), "tm_gmtoff", 0)
    except OSError:
        return 0  # Windows, before 1970


def render_second(seconds: "int") -> "str":
    """Return RFC 3339's date and time without fraction and zone."""
    year, month, day = compute_date(seconds // 86400)
    minute, second = divmod(seconds % 86400, 60)
    hour, minute = divmod(minute, 60)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}"


def check_time(time_ns: "object") -> "int | None":
    """Return a time that was given; None for NaN and the infinities."""
    if is_a(time_ns, int):
        return read_int(time_ns)
    if not is_float_without_time(time_ns):
        reject_time(time_ns)
    return None


def is_writable(time_ns: "int | None", local_time: "bool") -> "bool":
    """Return True if a time is in the years 0001 to 9999 where it is written."""
    if time_ns is None:
        return False
    seconds = time_ns // 1_000_000_000
    if local_time:
        seconds += find_offset(seconds)
    return MIN_SECONDS <= seconds <= MAX_SECONDS


def make_template(seconds: "int", timestamp_format: "TimestampFormat") -> "tuple[bytes, int]":
    """Return how a second is written, but for its fraction, and the unit of that; 0: it has none.

    RFC 5424 6.2.3: TIMESTAMP = NILVALUE / FULL-DATE "T" FULL-TIME; never a second 60.
    """
    ending = timestamp_format.ending
    if timestamp_format.local_time:
        # TIME-NUMOFFSET has no seconds: round first, so that offset and time of day agree.
        minutes = (find_offset(seconds) + 30) // 60
        if abs(minutes) < 1440:  # time-hour ends at 23: beyond that, UTC is what can be written
            seconds += 60 * minutes
            hours, minutes_left = divmod(abs(minutes), 60)
            ending = f"{ending[:-1]}{'-' if minutes < 0 else '+'}{hours:02d}:{minutes_left:02d}"
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        return b"-", 0
    return (render_second(seconds) + ending).encode(), timestamp_format.unit


def render_rfc5424_timestamp(time_ns: "int | None", timestamp_format: "TimestampFormat") -> "bytes":
    """Return TIMESTAMP; None stands for the present."""
    global latest
    if time_ns is None:
        time_ns = read_clock()
    elif type(time_ns) is not int:
        time_ns = check_time(time_ns)
        if time_ns is None:
            return b"-"
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    second, known, template, unit = latest
    if second != seconds or known is not timestamp_format:
        template, unit = make_template(seconds, timestamp_format)
        if not timestamp_format.local_time:
            latest = (seconds, timestamp_format, template, unit)
    return template % (nanoseconds // unit) if unit else template


def render_rfc3164_timestamp(time_ns: "int | None", timestamp_format: "TimestampFormat") -> "bytes":
    """RFC 3164 4.1.2: "Mmm dd hh:mm:ss", the day padded with a space.

    It has no NILVALUE: for a time that cannot be written it is the present one.
    """
    if time_ns is not None:
        time_ns = check_time(time_ns)
    seconds = (read_clock() if time_ns is None else time_ns) // 1_000_000_000
    if timestamp_format.local_time:
        seconds += find_offset(seconds)
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        return render_rfc3164_timestamp(None, timestamp_format)
    _, month, day = compute_date(seconds // 86400)
    minute, second = divmod(seconds % 86400, 60)
    hour, minute = divmod(minute, 60)
    return f"{MONTHS[month - 1]} {day:2d} {hour:02d}:{minute:02d}:{second:02d}".encode()


def choose_renderer(protocol: "str") -> "Renderer":
    return render_rfc5424_timestamp if protocol == "rfc5424" else render_rfc3164_timestamp


def format_timestamp(
    time_ns: "int | None" = None,
    *,
    protocol: "Protocol" = "rfc5424",
    local_time: "bool | None" = None,
    precision: "int" = 6,
) -> "str":
    """Return the TIMESTAMP field of a record.

    `time_ns` is in nanoseconds since the epoch; None reads the clock. `protocol` is "rfc5424"
    (RFC 5424 6.2.3), "rfc3164" or "local" (RFC 3164 4.1.2). `local_time` None means UTC for
    RFC 5424 and local time for the others. `precision` is the number of digits after the
    second, 0 to 6; what is beyond is left out, not rounded. A time outside the years 0001 to
    9999, NaN and the infinities give "-" in RFC 5424 and the present time in the others.

    TypeError: `time_ns` or `precision` is not an int. ValueError: `protocol` or `precision` is
    not one of those above.

    >>> format_timestamp(1_065_910_455_003_000_000)
    '2003-10-11T22:14:15.003000Z'
    >>> format_timestamp(1_065_910_455_003_000_000, precision=0)
    '2003-10-11T22:14:15Z'
    >>> format_timestamp(1_065_910_455_003_000_000, protocol="rfc3164", local_time=False)
    'Oct 11 22:14:15'
    """
    protocol = check_choice("protocol", protocol, PROTOCOLS)
    precision = check_precision(precision)
    if local_time is None:
        local_time = protocol != "rfc5424"
    return choose_renderer(protocol)(
        time_ns, TIMESTAMP_FORMATS[bool(local_time), precision]
    ).decode()
