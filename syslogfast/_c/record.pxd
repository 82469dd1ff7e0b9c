"""One record: measured whole, then written in one pass. No objects, no allocation, no GIL.

Whoever calls from C fills in a Layout once and a Record each time, then:

    measure_record(&layout, &record)            # record.frame_size is how much space it takes
    end = write_record(dst, &layout, &record)   # end == dst + record.frame_size
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from syslogfast._c.digits cimport count_digits, write_decimal
from syslogfast._c.text cimport (
    ESCAPE_CONTROLS,
    LATIN_1,
    UCS_2,
    UCS_4,
    Measure,
    is_printable_ascii,
    measure_text,
    write_text,
)
from syslogfast._c.timestamp cimport (
    MAX_SECONDS,
    MIN_SECONDS,
    Timestamp,
    measure_rfc5424_timestamp,
    move_to_rfc3164_zone,
    move_to_rfc5424_zone,
    write_rfc3164_timestamp,
    write_rfc5424_timestamp,
)


cdef extern from *:
    """
    /* "<PRIVAL>1 " for each PRIVAL, NUL-terminated where it is shorter than 7 octets. */
    #define SYSLOGFAST_TEN(n) "<" #n "0>1 ", "<" #n "1>1 ", "<" #n "2>1 ", "<" #n "3>1 ", \
        "<" #n "4>1 ", "<" #n "5>1 ", "<" #n "6>1 ", "<" #n "7>1 ", "<" #n "8>1 ", "<" #n "9>1 "
    static const char syslogfast_priorities[200][8] = {
        SYSLOGFAST_TEN(), SYSLOGFAST_TEN(1), SYSLOGFAST_TEN(2), SYSLOGFAST_TEN(3),
        SYSLOGFAST_TEN(4), SYSLOGFAST_TEN(5), SYSLOGFAST_TEN(6), SYSLOGFAST_TEN(7),
        SYSLOGFAST_TEN(8), SYSLOGFAST_TEN(9), SYSLOGFAST_TEN(10), SYSLOGFAST_TEN(11),
        SYSLOGFAST_TEN(12), SYSLOGFAST_TEN(13), SYSLOGFAST_TEN(14), SYSLOGFAST_TEN(15),
        SYSLOGFAST_TEN(16), SYSLOGFAST_TEN(17), SYSLOGFAST_TEN(18), SYSLOGFAST_TEN(19)
    };
    """
    const char[200][8] priorities "syslogfast_priorities"


cdef enum:
    DATAGRAM, OCTET, LF, NUL    # framing; the last two have a delimiter


ctypedef struct Span:
    const char *start
    Py_ssize_t size


# All that is constant for an identity. What `text` points to must outlive it. It holds, one after
# the other: prefix; fields, from the SP after TIMESTAMP to the SP before MSGID (RFC 5424) or to MSG
# (RFC 3164). For RFC 5424 then: MSGID, SP, SD-ELEMENTs or "-", and what leads to MSG: SP, BOM.
# Behind all of it stands the enterprise_id, with which SD-IDs are completed.
# The number in the name is another one whenever a struct of the .pxd files, or what it means, is
# another one: what was compiled with the one before cannot be imported then.
ctypedef struct Layout "syslogfast_layout_3":
    const char *text
    int32_t prefix_size
    int32_t identity_size
    int32_t msgid_size
    int32_t elements_size       # 0: none, "-"
    int32_t suffix_size         # identity fields and all that follows
    int32_t plain_size          # prefix, TIMESTAMP and suffix in RFC 5424 and UTC, else 0
    int32_t max_size            # from the prefix to the end of MSG
    uint8_t rules               # what to escape in MSG
    uint8_t lowest_priority     # PRIVAL of severity 0
    uint8_t[8] priority_sizes   # of PRI and VERSION
    uint8_t precision           # 0 to 6
    uint8_t framing
    uint8_t separator_size      # 0 (RFC 3164), 1 or, with a BOM, 4
    uint8_t is_rfc5424
    uint8_t local_time
    uint8_t enterprise_size


ctypedef struct Record:
    # From the caller.
    uint8_t severity            # 0 to 7
    bint is_own                 # False: MSGID and SD are the layout's, as they stand there
    Timestamp timestamp         # in UTC
    Span msgid                  # at most 32 octets, written as "_" where not printable ASCII
    Span constant_elements      # these elements, then those: together SD, "-" if both are empty
    Span elements
    Span message
    int form                    # of the message: 0, REPAIR_UTF8, LATIN_1, UCS_2, UCS_4, PLAIN_UTF8
    # From measure_record.
    Measure text
    bint is_truncated           # some of the message, or of the structured data, is left out
    Py_ssize_t size             # from the prefix to the end of MSG
    Py_ssize_t frame_size


cdef inline Span get_msgid(const Layout *layout) noexcept nogil:
    cdef Span span
    span.start = layout.text + layout.prefix_size + layout.identity_size
    span.size = layout.msgid_size
    return span


cdef inline Span get_elements(const Layout *layout) noexcept nogil:
    cdef Span span
    span.start = layout.text + layout.prefix_size + layout.identity_size + layout.msgid_size + 1
    span.size = layout.elements_size
    return span


cdef inline Span get_enterprise_id(const Layout *layout) noexcept nogil:
    cdef Span span
    span.start = layout.text + layout.prefix_size + layout.suffix_size
    span.size = layout.enterprise_size
    return span


cdef inline char *write_bytes(char *dst, const char *src, Py_ssize_t size) noexcept nogil:
    memcpy(dst, src, size)
    return dst + size


cdef inline char *write_priority(char *dst, const Layout *layout, int severity) noexcept nogil:
    """RFC 5424 6.2.1: PRI = "<" PRIVAL ">", without leading zeros; 6.2.2: VERSION = "1".

    Eight octets are written, however few of them count.
    """
    memcpy(dst, priorities[layout.lowest_priority + severity], 8)
    return dst + layout.priority_sizes[severity]


cdef inline char *write_msgid(char *dst, Span msgid) noexcept nogil:
    """RFC 5424 6.2.7: MSGID = NILVALUE / 1*32PRINTUSASCII"""
    cdef Py_ssize_t i
    cdef uint8_t octet
    for i in range(msgid.size):
        octet = msgid.start[i]
        dst[i] = octet if 33 <= octet <= 126 else c'_'
    return dst + msgid.size


cdef inline Py_ssize_t measure_header(
    const Layout *layout, Record *record, Py_ssize_t limit
) noexcept nogil:
    """Settle the time and measure all before MSG, the separator included.

    The record's own structured data is dropped if with it a header without the separator is longer
    than `limit`, then all of it. Of what comes from the caller, the message is not looked at. To be
    called once for a record: its time is moved to the layout's zone.
    """
    cdef Py_ssize_t size = layout.prefix_size + layout.priority_sizes[record.severity]
    cdef Py_ssize_t elements
    record.is_truncated = False
    if not layout.is_rfc5424:
        move_to_rfc3164_zone(&record.timestamp, layout.local_time)
        return size + 15 + layout.identity_size
    move_to_rfc5424_zone(&record.timestamp, layout.local_time)
    size += measure_rfc5424_timestamp(&record.timestamp, layout.precision)
    if not record.is_own:
        if size + layout.suffix_size - layout.separator_size <= limit:
            return size + layout.suffix_size
        record.is_truncated = layout.elements_size > 0
        record.is_own = True
        record.msgid = get_msgid(layout)
        record.constant_elements.size = 0
        record.elements.size = 0
    size += layout.identity_size + record.msgid.size + 1
    elements = record.constant_elements.size + record.elements.size
    if elements and size + elements <= limit:
        return size + elements + layout.separator_size
    record.is_truncated = record.is_truncated or elements > 0
    record.elements.size = 0
    record.constant_elements = get_elements(layout)  # those too that the record gives anew
    elements = record.constant_elements.size
    if elements and size + elements <= limit:
        return size + elements + layout.separator_size
    record.constant_elements.size = 0
    return size + 1 + layout.separator_size


cdef inline char *write_header(
    char *dst, const Layout *layout, const Record *record, Py_ssize_t separator_size
) noexcept nogil:
    """RFC 5424 6: PRI VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP SD

    Then the separator, of the layout's size, or nothing if no message follows. The record is
    measured: measure_header, with the same layout, says how many octets at dst are the caller's.
    """
    cdef const char *fields = layout.text + layout.prefix_size
    cdef Py_ssize_t suffix_size = layout.suffix_size - layout.separator_size
    if layout.prefix_size:
        dst = write_bytes(dst, layout.text, layout.prefix_size)
    dst = write_priority(dst, layout, record.severity)
    if layout.is_rfc5424:
        dst = write_rfc5424_timestamp(dst, &record.timestamp, layout.precision)
    else:
        dst = write_rfc3164_timestamp(dst, &record.timestamp)
    if not record.is_own or not layout.is_rfc5424:
        return write_bytes(dst, fields, suffix_size + separator_size)
    dst = write_bytes(dst, fields, layout.identity_size)
    dst = write_msgid(dst, record.msgid)
    dst[0] = c' '
    dst += 1
    if record.constant_elements.size + record.elements.size:
        dst = write_bytes(dst, record.constant_elements.start, record.constant_elements.size)
        dst = write_bytes(dst, record.elements.start, record.elements.size)
    else:
        dst[0] = c'-'
        dst += 1
    return write_bytes(dst, fields + suffix_size, separator_size)


cdef inline Py_ssize_t measure_frame(const Layout *layout, Py_ssize_t size) noexcept nogil:
    if layout.framing == DATAGRAM:
        return size
    if layout.framing == OCTET:
        return size + count_digits(size) + 1
    return size + 1


cdef inline void measure_record(const Layout *layout, Record *record) noexcept nogil:
    """Settle how much of each part is written; message is what is left of it without
    a BOM and without the line ends at its end.

    What comes from the caller is set, and the severity is 0 to 7. To be called once for a record:
    its time is moved to the layout's zone.
    """
    cdef Py_ssize_t header = measure_header(layout, record, layout.max_size)
    if layout.separator_size > 1:   # RFC 5424 6.4: MSG-UTF8 = BOM UTF-8-STRING, with one BOM
        while starts_with_bom(record):
            record.message.start += 2 if record.form == UCS_2 else 4 if record.form == UCS_4 else 3
            record.message.size -= 1 if record.form & (UCS_2 | UCS_4) else 3
    if layout.rules & ESCAPE_CONTROLS:  # as collectors do, and `print` and `write` give it
        while record.message.size and is_line_end(get_last(record)):
            record.message.size -= 1
    record.text = measure_text(
        <const uint8_t *>record.message.start,
        record.message.size,
        layout.rules | record.form,
        layout.max_size - header,
    )
    record.is_truncated = record.is_truncated or record.text.consumed < record.message.size
    record.size = header + record.text.produced
    if not record.text.produced:  # of a message of which nothing fits, no trace is left
        record.size -= layout.separator_size
    record.frame_size = measure_frame(layout, record.size)


cdef inline bint is_line_end(uint32_t unit) noexcept nogil:
    return unit == c'\n' or unit == c'\r'


cdef inline uint32_t get_last(const Record *record) noexcept nogil:
    """Return the last unit of a message that is not empty."""
    cdef Py_ssize_t index = record.message.size - 1
    if record.form == UCS_2:
        return (<const uint16_t *>record.message.start)[index]
    if record.form == UCS_4:
        return (<const uint32_t *>record.message.start)[index]
    return (<const uint8_t *>record.message.start)[index]


cdef inline bint starts_with_bom(const Record *record) noexcept nogil:
    cdef const uint8_t *src = <const uint8_t *>record.message.start
    if record.form == UCS_2:
        return record.message.size > 0 and (<const uint16_t *>src)[0] == 0xFEFF
    if record.form == UCS_4:
        return record.message.size > 0 and (<const uint32_t *>src)[0] == 0xFEFF
    if record.form == LATIN_1 or record.message.size < 3:
        return False
    return src[0] == 0xEF and src[1] == 0xBB and src[2] == 0xBF


cdef inline char *open_frame(char *dst, const Layout *layout, Py_ssize_t size) noexcept nogil:
    """RFC 6587 3.4.1, RFC 5425 4.3: MSG-LEN SP SYSLOG-MSG"""
    if layout.framing == OCTET:
        dst = write_decimal(dst, size)
        dst[0] = c' '
        dst += 1
    return dst


cdef inline char *close_frame(char *dst, const Layout *layout) noexcept nogil:
    """RFC 6587 3.4.2"""
    if layout.framing >= LF:
        dst[0] = c'\n' if layout.framing == LF else c'\0'
        dst += 1
    return dst


cdef inline char *write_record(
    char *dst, const Layout *layout, const Record *record
) noexcept nogil:
    """Write a measured record, framed; frame_size octets at dst are the caller's.

    Layout and message are those that were measured; the message is not within dst.
    """
    dst = open_frame(dst, layout, record.size)
    dst = write_header(dst, layout, record, layout.separator_size if record.text.produced else 0)
    dst = write_text(
        dst, <const uint8_t *>record.message.start, &record.text, layout.rules | record.form
    )
    return close_frame(dst, layout)


# The record that most are: its time in UTC, its header constant, its message printable ASCII of 16
# octets or more. The same octets as from measure_record and write_record, with less to look at.

cdef inline Py_ssize_t measure_plain_record(
    const Layout *layout, int severity, const Timestamp *timestamp, Span message
) noexcept nogil:
    """Return the size of the record; 0 if it is not plain."""
    if message.size < 16 or not is_printable_ascii(<const uint8_t *>message.start, message.size):
        return 0
    return measure_constant_header(layout, severity, timestamp, message.size)


cdef inline Py_ssize_t measure_constant_header(
    const Layout *layout, int severity, const Timestamp *timestamp, Py_ssize_t message_size
) noexcept nogil:
    """Return the size of a record with a message that needs no care; 0 if its header is not plain,
    or it is to be truncated."""
    cdef Py_ssize_t size = message_size + layout.plain_size + layout.priority_sizes[severity]
    if (
        layout.plain_size == 0 or not timestamp.known
        or not MIN_SECONDS <= timestamp.seconds <= MAX_SECONDS
        or size > layout.max_size
    ):
        return 0
    return size


cdef inline char *write_plain_record(
    char *dst,
    const Layout *layout,
    int severity,
    const Timestamp *timestamp,
    Span message,
    Py_ssize_t size,
) noexcept nogil:
    dst = open_frame(dst, layout, size)
    if layout.prefix_size:
        dst = write_bytes(dst, layout.text, layout.prefix_size)
    dst = write_priority(dst, layout, severity)
    dst = write_plain_rest(dst, layout, timestamp, message)
    return close_frame(dst, layout)


cdef inline char *write_plain_rest(
    char *dst, const Layout *layout, const Timestamp *timestamp, Span message
) noexcept nogil:
    """Write what follows PRI and VERSION."""
    dst = write_rfc5424_timestamp(dst, timestamp, layout.precision)
    dst = write_bytes(dst, layout.text + layout.prefix_size, layout.suffix_size)
    return write_bytes(dst, message.start, message.size)
