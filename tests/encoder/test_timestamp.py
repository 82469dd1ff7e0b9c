"""TIMESTAMP: RFC 5424 6.2.3 and RFC 3164 4.1.2, against the standard library's calendar and zones.

Every expected value comes from datetime and zoneinfo, which share no code with the package.
"""

import functools
import itertools
import os
import pathlib
import random
import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc3164, parse_rfc5424

pytestmark = pytest.mark.native

IDENTITY = {"hostname": "h", "app_name": "a", "procid": 1}
SECOND = 1_000_000_000
FIRST = -62_135_596_800  # 0001-01-01T00:00:00Z
LAST = 253_402_300_799  # 9999-12-31T23:59:59Z
EPOCH = datetime(1970, 1, 1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_date(timestamp: datetime) -> str:
    """Return what RFC 5424 6.2.3 writes before the fraction."""
    return timestamp.isoformat(timespec="seconds")


def write_rfc3164(timestamp: datetime) -> str:
    """Return RFC 3164 4.1.2's timestamp."""
    return f"{MONTHS[timestamp.month - 1]} {timestamp.day:2d} {timestamp:%H:%M:%S}"


# --- the calendar --------------------------------------------------------------------------------


def list_days() -> Iterator[datetime]:
    """Every day of a cycle of 400 years, and of the first and the last year."""
    for first, last in ((1, 1), (1800, 2199), (9999, 9999)):
        day = datetime(first, 1, 1)
        while day.year <= last and day < datetime(9999, 12, 31):
            yield day
            day += timedelta(1)
    yield datetime(9999, 12, 31)


@pytest.mark.slow
def test_6_2_3_every_day(encoder_module: ModuleType) -> None:
    """The date is right on every day of 400 years and of the years 1 and 9999."""
    count = 0
    for day in list_days():
        time_ns = (day - EPOCH).days * 86400 * SECOND
        written = encoder_module.format_timestamp(time_ns, precision=0)
        assert written == write_date(day) + "Z"
        count += 1
    assert count == 146_097 + 2 * 365


def test_6_2_3_first_and_last_second_of_days(encoder_module: ModuleType) -> None:
    """A day ends with its last nanosecond, in all years that have a turn of century."""
    for year in range(100, 10_000, 100):
        for month, day in ((1, 1), (3, 1)):
            midnight = datetime(year, month, day)
            time_ns = (midnight - EPOCH).days * 86400 * SECOND
            before = midnight - timedelta(seconds=1)
            written = encoder_module.format_timestamp(time_ns - 1)
            assert written == write_date(before) + ".999999Z"
            written = encoder_module.format_timestamp(time_ns)
            assert written == write_date(midnight) + ".000000Z"


@pytest.mark.slow
def test_6_2_3_every_second_of_a_day(encoder_module: ModuleType) -> None:
    """The time of day is right, and never has a second 60 (RFC 5424 6.2.3)."""
    start = 1_709_164_800  # 2024-02-29
    for second in range(86400):
        time_ns = (start + second) * SECOND
        hour, minute = second // 3600, second // 60 % 60
        written = encoder_module.format_timestamp(time_ns, precision=0)
        assert written == f"2024-02-29T{hour:02d}:{minute:02d}:{second % 60:02d}Z"
        written = encoder_module.format_timestamp(time_ns, protocol="rfc3164", local_time=False)
        assert written == f"Feb 29 {hour:02d}:{minute:02d}:{second % 60:02d}"


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "step"), [("rfc3164", 1), ("local", 37)])
def test_4_1_2_every_day(encoder_module: ModuleType, protocol: str, step: int) -> None:
    """RFC 3164 4.1.2: month and day, on every day of the same years; /dev/log's is the same."""
    for day in itertools.islice(list_days(), 0, None, step):
        time_ns = ((day - EPOCH).days * 86400 + 45_296) * SECOND
        written = encoder_module.format_timestamp(time_ns, protocol=protocol, local_time=False)
        assert written == f"{MONTHS[day.month - 1]} {day.day:2d} 12:34:56"


def test_6_2_3_random_moments(encoder_module: ModuleType) -> None:
    """Any nanosecond of the years 1 to 9999 is written as datetime has it."""
    chance = random.Random(5424)
    for _ in range(20_000):
        seconds, nanoseconds = chance.randint(FIRST, LAST), chance.randrange(SECOND)
        written = encoder_module.format_timestamp(seconds * SECOND + nanoseconds)
        timestamp = EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
        assert written == timestamp.isoformat(timespec="microseconds") + "Z"


# --- the fraction --------------------------------------------------------------------------------


@try_each(
    "precision, written",
    [
        (0, "1999-12-31T23:59:59Z"),
        (1, "1999-12-31T23:59:59.9Z"),
        (2, "1999-12-31T23:59:59.99Z"),
        (3, "1999-12-31T23:59:59.999Z"),
        (4, "1999-12-31T23:59:59.9999Z"),
        (5, "1999-12-31T23:59:59.99999Z"),
        (6, "1999-12-31T23:59:59.999999Z"),
    ],
)
def test_6_2_3_fraction_is_cut_not_rounded(
    encoder_module: ModuleType, precision: int, written: str
) -> None:
    """The last nanosecond of a millennium is still in it, at any precision."""
    time_ns = 946_684_800 * SECOND - 1
    assert encoder_module.format_timestamp(time_ns, precision=precision) == written
    encoder = encoder_module.Encoder(precision=precision, **IDENTITY)
    for message in ("x", "a message of some length"):
        record = encoder.encode("info", message, time_ns=time_ns)
        assert record == f"<14>1 {written} h a 1 - - {message}".encode()


@try_each("precision", range(7))
def test_6_2_3_fraction_keeps_its_zeros(encoder_module: ModuleType, precision: int) -> None:
    """Each digit stands in its place, also before the epoch, where time counts down."""
    for nanoseconds in (0, 1, 999, 1000, 1_020_304, 50_000_000, 100_000_000, 987_654_321):
        digits = f"{nanoseconds:09d}"[:precision]
        fraction = "." + digits if precision else ""
        for seconds, date in ((0, "1970-01-01T00:00:00"), (-1, "1969-12-31T23:59:59")):
            written = encoder_module.format_timestamp(
                seconds * SECOND + nanoseconds, precision=precision
            )
            assert written == f"{date}{fraction}Z"


@pytest.mark.parametrize("precision", [-1, 7, 9, 10**30])
def test_precisions_out_of_range(encoder_module: ModuleType, precision: int) -> None:
    """RFC 5424 6: TIME-SECFRAC has at most six digits."""
    for call in (encoder_module.format_timestamp, encoder_module.Encoder):
        with pytest.raises(ValueError, match=r"^precision ") as caught:
            call(precision=precision)
        assert str(caught.value) == f"precision must be in 0..6, got {precision}"


@pytest.mark.parametrize("precision", [None, 3.0, "3"])
def test_precisions_of_another_type(encoder_module: ModuleType, precision: object) -> None:
    """A precision is an int."""
    for call in (encoder_module.format_timestamp, encoder_module.Encoder):
        with pytest.raises(TypeError) as caught:
            call(precision=precision)
        assert str(caught.value) == f"precision must be an int, got {precision!r}"


# --- what cannot be written ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_ns", "written"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (-500_000_000, "1969-12-31T23:59:59.500000Z"),
        (999_999_500, "1970-01-01T00:00:00.999999Z"),
        (1_999_999_999, "1970-01-01T00:00:01.999999Z"),
        (100, "1970-01-01T00:00:00.000000Z"),
        (951_782_400 * SECOND, "2000-02-29T00:00:00.000000Z"),
        (1_483_228_799_500_000_000, "2016-12-31T23:59:59.500000Z"),
        (1_483_228_800 * SECOND, "2017-01-01T00:00:00.000000Z"),
        (2_147_483_647 * SECOND, "2038-01-19T03:14:07.000000Z"),
        (2_147_483_648 * SECOND, "2038-01-19T03:14:08.000000Z"),
        (4_294_967_296 * SECOND, "2106-02-07T06:28:16.000000Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775Z"),
        (2**63, "2262-04-11T23:47:16.854775Z"),
        (2**63 + 1000, "2262-04-11T23:47:16.854776Z"),
        (-(2**63), "1677-09-21T00:12:43.145224Z"),
        (-(2**63) - 1, "1677-09-21T00:12:43.145224Z"),
        (LAST * SECOND, "9999-12-31T23:59:59.000000Z"),
        (LAST * SECOND + 999_999_999, "9999-12-31T23:59:59.999999Z"),
        ((LAST + 1) * SECOND, "-"),
        (FIRST * SECOND, "0001-01-01T00:00:00.000000Z"),
        (FIRST * SECOND - 1, "-"),
        ((FIRST - 86400 * 366) * SECOND, "-"),
        (10**27, "-"),
        (-(10**27), "-"),
        (2**64, "2554-07-21T23:34:33.709551Z"),
        (2**64 * SECOND, "-"),
        (2**127, "-"),
        pytest.param(10**5000, "-", id="10**5000"),
        pytest.param(-(10**5000), "-", id="-10**5000"),
        (float("nan"), "-"),
        (float("inf"), "-"),
        (-float("inf"), "-"),
        (True, "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_6_2_3_borders(encoder_module: ModuleType, set_zone, time_ns: object, written: str) -> None:
    """Times outside the years 0001 to 9999, or that are none, are the NILVALUE."""
    assert encoder_module.format_timestamp(time_ns) == written
    set_zone("UTC0")
    local = encoder_module.format_timestamp(time_ns, local_time=True)
    assert local == (written[:-1] + "+00:00" if written != "-" else "-")
    encoder = encoder_module.Encoder(**IDENTITY)
    for message in ("x", "a message of some length"):
        record = encoder.encode("info", message, time_ns=time_ns)
        assert record == f"<14>1 {written} h a 1 - - {message}".encode()
        assert encoder.header("info", time_ns=time_ns) + message.encode() == record
        buffer = bytearray(b"start")
        assert encoder.encode_into(buffer, "info", message, 5, time_ns=time_ns) == len(buffer)
        assert buffer == b"start" + record
        end, count = encoder.encode_many_into(buffer, "info", [message] * 2, 5, time_ns=time_ns)
        assert (end, count) == (5 + 2 * len(record), 2)
        assert buffer == b"start" + record * 2


@pytest.mark.parametrize(
    ("zone", "offset", "sign"),
    [("<+0530>-5:30", 19_800, "+05:30"), ("<-11>11", -39_600, "-11:00")],
)
def test_6_2_3_borders_in_local_time(
    encoder_module: ModuleType, set_zone, zone: str, offset: int, sign: str
) -> None:
    """What counts is the year that is written: that of the local clock."""
    set_zone(zone)
    for timestamp, written in {
        FIRST - offset: f"0001-01-01T00:00:00{sign}",
        FIRST - offset - 1: "-",
        LAST - offset: f"9999-12-31T23:59:59{sign}",
        LAST - offset + 1: "-",
        FIRST - 86401: "-",
        LAST + 86401: "-",
    }.items():
        assert (
            encoder_module.format_timestamp(timestamp * SECOND, local_time=True, precision=0)
            == written
        )


@try_each("time_ns", [0.0, 1.5, -1e300, "0", b"0", [], (), object, 1j])
def test_times_of_another_type(encoder_module: ModuleType, time_ns: object) -> None:
    """A time is an int; of the floats only those that are no time are taken."""
    encoder = encoder_module.Encoder(**IDENTITY)
    buffer = bytearray(b"as it was")
    for call in (
        lambda: encoder_module.format_timestamp(time_ns),
        lambda: encoder_module.format_timestamp(time_ns, protocol="rfc3164"),
        lambda: encoder.encode("info", "x", time_ns=time_ns),
        lambda: encoder.encode("info", "a message of some length", time_ns=time_ns),
        lambda: encoder.encode_into(buffer, "info", "x", time_ns=time_ns),
        lambda: encoder.encode_many_into(buffer, "info", [], time_ns=time_ns),
        lambda: encoder.header("info", time_ns=time_ns),
        lambda: encoder.replace(protocol="local").encode("info", "x", time_ns=time_ns),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == f"time_ns must be an int, got {time_ns!r}"
    assert buffer == b"as it was"


@pytest.mark.parametrize("protocol", ["5425", "", None, 5424])
def test_unknown_protocols(encoder_module: ModuleType, protocol: object) -> None:
    """The three protocols are named in the error."""
    with pytest.raises(ValueError, match=r"^protocol ") as caught:
        encoder_module.format_timestamp(0, protocol=protocol)
    assert str(caught.value) == (
        f"protocol must be one of 'rfc5424', 'rfc3164', 'local', got {protocol!r}"
    )


def test_options_are_keywords(encoder_module: ModuleType) -> None:
    """Only the time is positional, and it may be a keyword, too."""
    assert encoder_module.format_timestamp(time_ns=0, precision=0) == "1970-01-01T00:00:00Z"
    with pytest.raises(TypeError):
        encoder_module.format_timestamp(0, "rfc5424")
    with pytest.raises(TypeError):
        encoder_module.format_timestamp(0, digits=3)


# --- the clock -----------------------------------------------------------------------------------


def test_the_clock_is_the_real_one(encoder_module: ModuleType) -> None:
    """Without a time it is now, to the microsecond, in each protocol."""
    for _ in range(50):
        before = encoder_module.format_timestamp(time.time_ns())
        now = encoder_module.format_timestamp()
        after = encoder_module.format_timestamp(time.time_ns())
        assert before <= now <= after
    for protocol in ("rfc3164", "local"):
        near = {
            encoder_module.format_timestamp(time.time_ns() + ahead * SECOND, protocol=protocol)
            for ahead in (0, 1, 2)
        }
        assert encoder_module.format_timestamp(protocol=protocol) in near


def test_the_clock_is_not_coarse(encoder_module: ModuleType) -> None:
    """A coarse clock ticks every 4 ms or so; this one gives hundreds of times within that."""
    written = {encoder_module.format_timestamp() for _ in range(20_000)}
    encoder = encoder_module.Encoder(**IDENTITY)
    encoded = {
        parse_rfc5424(encoder.encode("info", "a message of some length")).timestamp
        for _ in range(500)
    }
    assert len(written) > 500
    assert len(encoded) > 100


# --- zones ---------------------------------------------------------------------------------------


@functools.cache
def is_known_to_both(name: str) -> bool:
    """Return True if the C library reads the same file as zoneinfo, which may have others."""
    directories = [os.environ.get("TZDIR", "/usr/share/zoneinfo")]
    return directories[0] in zoneinfo.TZPATH and os.path.isfile(f"{directories[0]}/{name}")


def list_zones() -> list[str]:
    """Return the zones, of those with the same file one."""
    zones = {}
    for name in sorted(zoneinfo.available_timezones(), reverse=True):
        directories = [path for path in zoneinfo.TZPATH if os.path.isfile(f"{path}/{name}")]
        file = pathlib.Path(directories[0], name).read_bytes() if directories else name.encode()
        zones[file] = name
    return sorted(zones.values())


def find_offset(name: str, seconds: int) -> int:
    """Return how many seconds a zone's clocks are ahead of UTC."""
    if is_known_to_both(name):
        timestamp = datetime.fromtimestamp(seconds, zoneinfo.ZoneInfo(name))
        return round(timestamp.utcoffset().total_seconds())
    return time.localtime(seconds).tm_gmtoff


@functools.cache
def list_timestamps(name: str) -> list[tuple[int, int]]:
    """Return timestamps of a zone with their offsets, those on both sides of every change included.

    Changes are found by looking every other month from 1840 to 2040 and halving those in which
    one is; far ahead, by looking at both halves of some years. `name` must be the process's zone.
    """
    start, stop, step = -4_102_444_800, 2_208_988_800, 60 * 86400
    zone = zoneinfo.ZoneInfo(name) if is_known_to_both(name) else None

    def find(seconds: int) -> timedelta | int:
        """Return what changes when the offset does, sooner than `find_offset` has the latter."""
        if zone is None:
            return time.localtime(seconds).tm_gmtoff
        return datetime.fromtimestamp(seconds, zone).utcoffset()

    found = []
    before, offset = start, find(start)
    for after in range(start + step, stop, step):
        other = find(after)
        if other != offset:
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                if find(middle) == offset:
                    low = middle
                else:
                    high = middle
            found += [low, high]
        before, offset = after, other
    ahead = [start, 0, *range(2_240_000_000, 4_200_000_000, 47 * 10**6), 32_503_680_000]
    return [(seconds, find_offset(name, seconds)) for seconds in (*found, *ahead)]


def write_offset(offset: int) -> tuple[int, str]:
    """Return an offset rounded to minutes, halves up, and as RFC 3339 writes it."""
    minutes = (2 * offset + 60) // 120
    sign = "-" if minutes < 0 else "+"
    return minutes, f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@pytest.mark.slow
def test_6_2_3_every_zone(both_modules: tuple[ModuleType, ModuleType], set_zone) -> None:
    """Local time in every zone, before and after each change of its offset since 1840.

    In RFC 5424 the offset is rounded to minutes and the time of day goes with it; RFC 3164, which
    writes no offset, has the zone's own clock.
    """
    names = list_zones()
    changes = fractions = 0
    for name in names:
        set_zone(name)
        timestamps = list_timestamps(name)
        changes += len(timestamps)
        for seconds, offset in timestamps:
            minutes, text = write_offset(offset)
            fractions += offset % 60 != 0
            shown = EPOCH + timedelta(seconds=seconds + 60 * minutes)
            date = f"{write_date(shown)}.123{text}"
            local_date = write_rfc3164(EPOCH + timedelta(seconds=seconds + offset))
            for module in both_modules:
                written = module.format_timestamp(
                    seconds * SECOND + 123_456_789, local_time=True, precision=3
                )
                assert written == date, (name, seconds)
                written = module.format_timestamp(seconds * SECOND, protocol="rfc3164")
                assert written == local_date, (name, seconds)
    assert changes > 100 * len(names)
    assert fractions > 1000


def test_both_sources_of_zones_agree(set_zone) -> None:
    """The C library and zoneinfo have the same data, or the test above would prove nothing."""
    known = [name for name in zoneinfo.available_timezones() if is_known_to_both(name)]
    for name in known:
        set_zone(name)
        assert time.localtime(0).tm_gmtoff == find_offset(name, 0), name
    assert len(known) > 300


@try_each(
    "zone, seconds, written",
    [
        ("Africa/Monrovia", 0, "1969-12-31T23:16:00-00:44"),  # -0:44:30, half up
        ("Europe/Amsterdam", -1_100_000_000, "1935-02-22T12:46:40+00:20"),
        ("Asia/Kathmandu", 1_700_000_000, "2023-11-15T03:58:20+05:45"),
        ("America/St_Johns", 1_700_000_000, "2023-11-14T18:43:20-03:30"),
        ("Pacific/Apia", 1_325_239_200, "2011-12-31T00:00:00+14:00"),
        ("Etc/GMT+12", 0, "1969-12-31T12:00:00-12:00"),
        ("Pacific/Kiritimati", 1_700_000_000, "2023-11-15T12:13:20+14:00"),
        ("UTC", 0, "1970-01-01T00:00:00+00:00"),
        ("Europe/London", 1_700_000_000, "2023-11-14T22:13:20+00:00"),
    ],
)
def test_6_2_3_named_zones(
    encoder_module: ModuleType, set_zone, zone: str, seconds: int, written: str
) -> None:
    """Zones that are easy to get wrong, as literals."""
    set_zone(zone)
    assert (
        encoder_module.format_timestamp(seconds * SECOND, local_time=True, precision=0) == written
    )


@try_each(
    "zone, written",
    [
        ("UTC0", "1970-01-01T00:00:00+00:00"),
        ("", "1970-01-01T00:00:00+00:00"),
        ("<+0530>-5:30", "1970-01-01T05:30:00+05:30"),
        ("<-0930>9:30", "1969-12-31T14:30:00-09:30"),
        ("<+00>0:00:30", "1970-01-01T00:00:00+00:00"),
        ("<+00>0:00:31", "1969-12-31T23:59:00-00:01"),
        ("<+00>-0:00:29", "1970-01-01T00:00:00+00:00"),
        ("<+00>-0:00:30", "1970-01-01T00:01:00+00:01"),
        ("LMT-0:19:32", "1970-01-01T00:20:00+00:20"),
        ("LMT0:44:30", "1969-12-31T23:16:00-00:44"),
        ("LMT0:44:31", "1969-12-31T23:15:00-00:45"),
        ("XXX-23:59", "1970-01-01T23:59:00+23:59"),
        ("XXX23:59", "1969-12-31T00:01:00-23:59"),
        ("XXX-23:59:29", "1970-01-01T23:59:00+23:59"),
        ("XXX23:59:30", "1969-12-31T00:01:00-23:59"),
        ("XXX-23:59:30", "1970-01-01T00:00:00Z"),
        ("XXX23:59:31", "1970-01-01T00:00:00Z"),
        ("XXX24", "1970-01-01T00:00:00Z"),
        ("XXX-24", "1970-01-01T00:00:00Z"),
        ("XXX99", "1970-01-01T00:00:00Z"),
        ("XXX-99", "1970-01-01T00:00:00Z"),
    ],
)
def test_6_2_3_zones_of_posix(
    encoder_module: ModuleType, set_zone, zone: str, written: str
) -> None:
    """Offsets are rounded half up, never "-00:00"; one of a day or more cannot be written: UTC."""
    set_zone(zone)
    assert encoder_module.format_timestamp(0, local_time=True, precision=0) == written
    encoder = encoder_module.Encoder(local_time=True, **IDENTITY)
    record = encoder.encode("info", "a message of some length", time_ns=0)
    assert parse_rfc5424(record).timestamp == written[:19] + ".000000" + written[19:]


def test_zone_is_followed_when_it_changes(encoder_module: ModuleType, set_zone) -> None:
    """An encoder holds no zone: after time.tzset() the next record is in the new one."""
    encoder = encoder_module.Encoder(local_time=True, precision=0, **IDENTITY)
    old = encoder_module.Encoder(protocol="rfc3164", **IDENTITY)
    for zone, written, short in (
        ("Europe/Berlin", b"2023-11-14T23:13:20+01:00", b"Nov 14 23:13:20"),
        ("Asia/Tokyo", b"2023-11-15T07:13:20+09:00", b"Nov 15 07:13:20"),
        ("<+0530>-5:30", b"2023-11-15T03:43:20+05:30", b"Nov 15 03:43:20"),
        ("Europe/Berlin", b"2023-11-14T23:13:20+01:00", b"Nov 14 23:13:20"),
    ):
        set_zone(zone)
        record = encoder.encode("info", "x", time_ns=1_700_000_000 * SECOND)
        assert record == b"<14>1 " + written + b" h a 1 - - x"
        record = old.encode("info", "x", time_ns=1_700_000_000 * SECOND)
        assert record == b"<14>" + short + b" h a[1]: x"


@pytest.mark.parametrize(
    ("zone", "seconds", "first", "second"),
    [
        # the same time of day twice: before and after clocks go back
        ("Europe/Berlin", 1_792_888_200, "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"),
        (
            "America/New_York", 1_793_511_000,
            "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00",
        ),
        (
            "Australia/Lord_Howe", 1_775_313_900,
            "2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30",
        ),
    ],
)  # fmt: skip
def test_6_2_3_folds(
    encoder_module: ModuleType, set_zone, zone: str, seconds: int, first: str, second: str
) -> None:
    """The offset is that of the instant, so that the two cannot be confused."""
    set_zone(zone)
    later = seconds + (1800 if zone.endswith("Lord_Howe") else 3600)
    for _ in range(2):
        for timestamp, written in ((seconds, first), (later, second)):
            assert encoder_module.format_timestamp(
                timestamp * SECOND, local_time=True, precision=0
            ) == written  # fmt: skip


def test_6_2_3_gap(encoder_module: ModuleType, set_zone) -> None:
    """When clocks go forward, the second after 01:59:59 is 03:00:00."""
    set_zone("Europe/Berlin")
    change = 1_774_746_000  # 2026-03-29T01:00:00Z
    assert [
        encoder_module.format_timestamp((change + ahead) * SECOND, local_time=True, precision=0)
        for ahead in (-1, 0)
    ] == ["2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00"]


def test_utc_needs_no_zone(encoder_module: ModuleType, set_zone) -> None:
    """RFC 5424 records are in UTC unless asked otherwise, wherever the machine is."""
    set_zone("Asia/Kathmandu")
    assert encoder_module.format_timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert encoder_module.format_timestamp(0, local_time=False).endswith("Z")
    assert encoder_module.format_timestamp(0, protocol="rfc3164") == "Jan  1 05:30:00"
    assert (
        encoder_module.format_timestamp(0, protocol="rfc3164", local_time=False)
        == "Jan  1 00:00:00"
    )


# --- format_timestamp and the encoder ------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC0", "Europe/Berlin", "America/St_Johns", "XXX-30"])
def test_encode_and_format_timestamp_agree(encoder_module: ModuleType, set_zone, zone: str) -> None:
    """A record's TIMESTAMP is what format_timestamp returns for the same options."""
    set_zone(zone)
    chance = random.Random(3164)
    timestamps = [chance.randint(FIRST - 10**6, LAST + 10**6) * SECOND + 7 for _ in range(20)]
    timestamps += [chance.randrange(2**61) for _ in range(20)]
    for protocol in ("rfc5424", "rfc3164", "local"):
        for local_time in (None, False, True):
            for precision in (0, 3, 6):
                options = {
                    "protocol": protocol, "local_time": local_time, "precision": precision
                }  # fmt: skip
                encoder = encoder_module.Encoder(**options, **IDENTITY)
                for time_ns in timestamps:
                    record = encoder.encode("info", "x" * 20, time_ns=time_ns)
                    expected = encoder_module.format_timestamp(time_ns, **options)
                    if protocol == "rfc5424":
                        assert parse_rfc5424(record).timestamp == expected
                    elif FIRST + 86400 * 2 <= time_ns // SECOND <= LAST - 86400 * 2:
                        parsed = parse_rfc3164(record, protocol == "rfc3164")
                        assert parsed.timestamp == expected


def test_a_clock_that_steps_back(encoder_module: ModuleType) -> None:
    """Whatever was written before, a second is written as itself: nothing is remembered wrongly."""
    encoder = encoder_module.Encoder(**IDENTITY)
    timestamps = [5, 5, 4, 5, 86405, 5, -1, 5, LAST, 5, LAST + 1, 5, FIRST, 5]
    for seconds in timestamps:
        for precision in (6, 0, 3):
            expected = "-"
            if seconds <= LAST:
                expected = write_date(EPOCH + timedelta(seconds=seconds))
                expected += ("." + "0" * precision if precision else "") + "Z"
            written = encoder_module.format_timestamp(seconds * SECOND, precision=precision)
            assert written == expected
        record = encoder.encode("info", "x" * 20, time_ns=seconds * SECOND)
        written = encoder_module.format_timestamp(seconds * SECOND)
        assert parse_rfc5424(record).timestamp == written


def test_aware_datetimes_give_the_same(encoder_module: ModuleType, set_zone) -> None:
    """What is written is what datetime.isoformat() writes, where that is RFC 3339."""
    set_zone("Australia/Adelaide")
    for seconds in range(1_600_000_000, 1_700_000_000, 1_234_567):
        timestamp = datetime.fromtimestamp(seconds, UTC).astimezone()
        written = encoder_module.format_timestamp(seconds * SECOND, local_time=True)
        assert written == timestamp.isoformat(timespec="microseconds")
