"""TIMESTAMP, by arithmetic alone: no cache, no state, no object, no GIL."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from syslogfast._c.digits cimport write_2_digits, write_4_digits
from syslogfast._c.platform cimport find_local_offset, read_realtime, timespec


cdef extern from *:
    """
    static const char syslogfast_months[37] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    /* The days of a year that begins on 1 March, so that a leap day is the last: "-MM-DDT". */
    #define SYSLOGFAST_28_DAYS(m) m "01T", m "02T", m "03T", m "04T", m "05T", m "06T", m "07T", \
        m "08T", m "09T", m "10T", m "11T", m "12T", m "13T", m "14T", m "15T", m "16T", m "17T", \
        m "18T", m "19T", m "20T", m "21T", m "22T", m "23T", m "24T", m "25T", m "26T", m "27T", \
        m "28T"
    #define SYSLOGFAST_30_DAYS(m) SYSLOGFAST_28_DAYS(m), m "29T", m "30T"
    #define SYSLOGFAST_31_DAYS(m) SYSLOGFAST_30_DAYS(m), m "31T"
    static const char syslogfast_days[366][8] = {
        SYSLOGFAST_31_DAYS("-03-"), SYSLOGFAST_30_DAYS("-04-"), SYSLOGFAST_31_DAYS("-05-"),
        SYSLOGFAST_30_DAYS("-06-"), SYSLOGFAST_31_DAYS("-07-"), SYSLOGFAST_31_DAYS("-08-"),
        SYSLOGFAST_30_DAYS("-09-"), SYSLOGFAST_31_DAYS("-10-"), SYSLOGFAST_30_DAYS("-11-"),
        SYSLOGFAST_31_DAYS("-12-"), SYSLOGFAST_31_DAYS("-01-"), SYSLOGFAST_28_DAYS("-02-"),
        "-02-29T"
    };
    """
    const char *months "syslogfast_months"
    const char[366][8] days_from_march "syslogfast_days"


cdef enum:
    # Years 0001 to 9999, as seconds since the epoch: what RFC 3339 can write.
    MIN_SECONDS = -62135596800
    MAX_SECONDS = 253402300799


ctypedef struct Timestamp:
    int64_t seconds         # since the epoch, as the clocks of the written zone show them
    uint32_t nanoseconds
    int32_t offset          # minutes ahead of UTC
    bint has_offset         # False: UTC, "Z"
    bint known              # False: NILVALUE


ctypedef struct Date:
    uint32_t century        # 0 to 99
    uint32_t year           # of the century
    uint32_t day            # since 1 March


cdef inline void read_clock(Timestamp *timestamp) noexcept nogil:
    """Set the present time, in UTC."""
    cdef timespec now
    read_realtime(&now)
    timestamp.known = True
    timestamp.has_offset = False
    timestamp.seconds = now.tv_sec
    timestamp.nanoseconds = <uint32_t>now.tv_nsec


cdef inline int64_t find_offset(int64_t seconds) noexcept nogil:
    """Return how many seconds local time is ahead of UTC at that time."""
    if not MIN_SECONDS - 86400 <= seconds <= MAX_SECONDS + 86400:
        return 0
    return find_local_offset(seconds)


@cython.cdivision(True)
cdef inline void move_to_rfc5424_zone(Timestamp *timestamp, bint local_time) noexcept nogil:
    """Turn seconds since the epoch into what the zone's clocks show, if they can be written."""
    cdef int64_t rounded
    timestamp.has_offset = False
    if not timestamp.known:
        return
    if local_time:
        # TIME-NUMOFFSET has no seconds: round first, so that offset and time of day agree.
        # Halves go up, as in floor division; 100,000 minutes keep the dividend positive.
        rounded = (find_offset(timestamp.seconds) + 30 + 60 * 100000) // 60 - 100000
        if -1440 < rounded < 1440:  # time-hour ends at 23: beyond that, UTC
            timestamp.has_offset = True
            timestamp.offset = <int32_t>rounded
            timestamp.seconds += 60 * rounded
    timestamp.known = MIN_SECONDS <= timestamp.seconds <= MAX_SECONDS


cdef inline bint is_writable(const Timestamp *timestamp, bint local_time) noexcept nogil:
    """Return True if a time is in the years 0001 to 9999 where it is written."""
    cdef int64_t seconds
    if not timestamp.known:
        return False
    seconds = timestamp.seconds
    if local_time:
        seconds += find_offset(seconds)
    return MIN_SECONDS <= seconds <= MAX_SECONDS


cdef inline void move_to_rfc3164_zone(Timestamp *timestamp, bint local_time) noexcept nogil:
    """The same for RFC 3164, which shows no offset and, for an unknown time, the present one."""
    if timestamp.known:
        if local_time:
            timestamp.seconds += find_offset(timestamp.seconds)
        if MIN_SECONDS <= timestamp.seconds <= MAX_SECONDS:
            return
    read_clock(timestamp)
    if local_time:
        timestamp.seconds += find_offset(timestamp.seconds)


@cython.cdivision(True)
cdef inline Date compute_date(uint32_t days) noexcept nogil:
    """Return the date that is `days` days after 0001-01-01, in the years 0001 to 9999.

    Neri and Schneider, "Euclidean affine functions and their application to calendar
    algorithms", 2022: years are counted from 1 March, divisions become multiplications.
    """
    cdef Date date
    cdef uint32_t quarters = 4 * days + 4 * 306 + 3     # 306 days since 0000-03-01
    cdef uint64_t product
    date.century = quarters // 146097u
    quarters = (quarters - 146097u * date.century) | 3
    product = <uint64_t>2939745 * quarters              # 2**32 / 1461
    date.year = <uint32_t>(product >> 32)
    date.day = <uint32_t>product // 11758980u           # 4 * 2939745
    if date.day >= 306:                                 # January and February
        date.year += 1
        if date.year == 100:
            date.year = 0
            date.century += 1
    return date


cdef inline Py_ssize_t measure_rfc5424_timestamp(
    const Timestamp *timestamp, int precision
) noexcept nogil:
    if not timestamp.known:
        return 1
    return 19 + (precision + 1 if precision else 0) + (6 if timestamp.has_offset else 1)


@cython.cdivision(True)
cdef inline char *write_time_of_day(char *dst, uint32_t second) noexcept nogil:
    """hh:mm:ss; second < 86,400"""
    cdef uint32_t minute = second // 60u
    cdef uint32_t hour = minute // 60u
    write_2_digits(dst, hour)
    dst[2] = c':'
    write_2_digits(dst + 3, minute - 60u * hour)
    dst[5] = c':'
    return write_2_digits(dst + 6, second - 60u * minute)


@cython.cdivision(True)
cdef inline char *write_rfc5424_timestamp(
    char *dst, const Timestamp *timestamp, int precision
) noexcept nogil:
    """RFC 5424 6.2.3: TIMESTAMP = NILVALUE / FULL-DATE "T" FULL-TIME; never a second 60.

    After move_to_rfc5424_zone; nanoseconds < 1,000,000,000; 32 octets at dst are the caller's.
    """
    cdef uint64_t seconds
    cdef uint32_t days, fraction
    cdef int32_t minutes
    cdef Date date
    if not timestamp.known:
        dst[0] = c'-'
        return dst + 1
    seconds = <uint64_t>(timestamp.seconds - MIN_SECONDS)
    days = <uint32_t>(seconds // 86400u)
    date = compute_date(days)
    write_2_digits(dst, date.century)
    write_2_digits(dst + 2, date.year)
    memcpy(dst + 4, days_from_march[date.day], 8)
    dst = write_time_of_day(dst + 11, <uint32_t>seconds - 86400u * days)
    if precision:
        # TIME-SECFRAC: all six digits, of which those beyond the precision are written over.
        fraction = timestamp.nanoseconds // 1000u
        dst[0] = c'.'
        write_2_digits(write_4_digits(dst + 1, fraction // 100u), fraction % 100u)
        dst += 1 + precision
    if not timestamp.has_offset:
        dst[0] = c'Z'
        return dst + 1
    minutes = timestamp.offset
    dst[0] = c'-' if minutes < 0 else c'+'
    minutes = -minutes if minutes < 0 else minutes
    dst = write_2_digits(dst + 1, minutes // 60)
    dst[0] = c':'
    return write_2_digits(dst + 1, minutes % 60)


@cython.cdivision(True)
cdef inline char *write_rfc3164_timestamp(char *dst, const Timestamp *timestamp) noexcept nogil:
    """RFC 3164 4.1.2: "Mmm dd hh:mm:ss", the day padded with a space.

    After move_to_rfc3164_zone; 15 octets at dst are the caller's.
    """
    cdef uint64_t seconds = <uint64_t>(timestamp.seconds - MIN_SECONDS)
    cdef Date date = compute_date(<uint32_t>(seconds // 86400u))
    cdef const char *day = days_from_march[date.day]    # "-MM-DDT"
    memcpy(dst, months + 3 * (10 * (day[1] - c'0') + day[2] - c'0' - 1), 3)
    dst[3] = c' '
    dst[4] = c' ' if day[4] == c'0' else day[4]
    dst[5] = day[5]
    dst[6] = c' '
    return write_time_of_day(dst + 7, <uint32_t>(seconds % 86400u))
