"""MSG and PARAM-VALUE: what must be escaped is found at memory speed, then measured, then written.

`choose_action` alone says what becomes of an octet that may need care; measuring and writing both
follow it, so that what is written is what was measured. No objects, no GIL.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from syslogfast._c.codes cimport (
    ESCAPE_CONTROLS,    # C0 but tab, DEL, C1, U+2028 to U+202E, U+2066 to U+2069
    ESCAPE_LF,
    ESCAPE_NUL,
    ESCAPE_PARAM,       # " \ ], RFC 5424 6.3.3
    mark_not_printable,
)
from syslogfast._c.units cimport measure_1, measure_2, measure_4, write_1, write_2, write_4
from syslogfast._c.utf8 cimport is_ascii, is_clean_utf8


cdef enum:
    # How a text is kept, beside what to escape in it. None of these: UTF-8 that is well-formed.
    REPAIR_UTF8 = 16        # octets of anybody's: ill-formed parts become U+FFFD
    LATIN_1 = 32            # as CPython keeps a str, one of these for each width
    UCS_2 = 64
    UCS_4 = 128
    PLAIN_UTF8 = 256        # nothing in it is escaped, whatever the rules
    IN_UNITS = 32 | 64 | 128
    RULES = 15


cdef enum:
    COPY, OCTAL, BACKSLASH, REPLACE


ctypedef struct Action:
    int kind
    Py_ssize_t consumed     # octets read
    Py_ssize_t produced     # octets to write


ctypedef struct Measure:
    Py_ssize_t consumed     # octets of the text that fit; characters, if it is LATIN_1 and so on
    Py_ssize_t produced     # octets that they become
    int clean               # none of them is escaped or replaced
    int width               # octets of a character; 0: it is UTF-8


cdef inline uint64_t repeat_octet(uint64_t octet) noexcept nogil:
    return octet * 0x0101010101010101ULL


cdef inline uint64_t find_zero(uint64_t word) noexcept nogil:
    """Mark, in each octet's high bit, the octets that are zero; exact up to the first of them."""
    return (word - repeat_octet(1)) & ~word & repeat_octet(0x80)


cdef inline uint64_t load_word(const uint8_t *src) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, src, 8)
    return word


cdef inline uint64_t mark_needing_escape(uint64_t word) noexcept nogil:
    """Non-zero if an octet is below 0x20, DEL, 0xC2 (C1 begins with it) or 0xE2 (U+2028)."""
    return (
        ((word - repeat_octet(0x20)) & ~word & repeat_octet(0x80))
        | find_zero(word ^ repeat_octet(0x7F))
        | find_zero((word & repeat_octet(0xDF)) ^ repeat_octet(0xC2))
    )


cdef inline bint needs_escape(uint8_t octet, int rules) noexcept nogil:
    """Return True if `choose_action` has to look at an octet."""
    if octet < 0x20:
        if rules & ESCAPE_CONTROLS:
            return octet != c'\t'
        return (octet == c'\n' and rules & ESCAPE_LF) or (octet == 0 and rules & ESCAPE_NUL)
    if octet >= 0x80:
        return rules & REPAIR_UTF8 or (rules & ESCAPE_CONTROLS and (octet & 0xDF) == 0xC2)
    if octet == 0x7F:
        return rules & ESCAPE_CONTROLS
    return rules & ESCAPE_PARAM and (octet == c'"' or octet == c'\\' or octet == c']')


cdef inline const uint8_t *find_needing_escape(
    const uint8_t *src, const uint8_t *end, int rules
) noexcept nogil:
    """Return the first octet that may need care, `end` if there is none."""
    cdef const uint8_t *stop
    cdef uint64_t word
    if rules == 0:
        return end
    while src < end:
        if not rules & ESCAPE_PARAM:
            while end - src >= 8:
                word = load_word(src)
                if mark_not_printable(word) and (rules & REPAIR_UTF8 or mark_needing_escape(word)):
                    break
                src += 8
        stop = src + 8 if end - src >= 8 else end
        while src < stop:
            if needs_escape(src[0], rules):
                return src
            src += 1
    return end


cdef extern from *:
    """
    #include <string.h>

    /* Octets from 0x20 to 0x7e are those that, plus one, are above 0x20 as signed numbers. */
    #ifdef __OPTIMIZE_SIZE__
    static inline int syslogfast_is_printable_ascii(const unsigned char *src, size_t size)
    {
        const unsigned long long ones = 0x0101010101010101ULL;
        const unsigned char *last = src + size - sizeof(ones);
        unsigned long long word, found = 0;
        for (; ; src = src + 8 < last ? src + 8 : last) {   /* the last may overlap */
            memcpy(&word, src, sizeof(word));
            found |= (word - 0x20 * ones) | (word + ones) | word;
            if (src == last)
                return !(found & 0x80 * ones);
        }
    }
    #else
    /* Compilers turn all inner loops into a few vector instructions. In a long text as many are
       under way as a processor has units for. */
    #ifdef __GNUC__
    #define SYSLOGFAST_RARE(condition) __builtin_expect(condition, 0)
    #else
    #define SYSLOGFAST_RARE(condition) (condition)
    #endif
    static int syslogfast_is_long_printable_ascii(const unsigned char *src, size_t size)
    {
        const unsigned char *last = src + size - 64;
        unsigned char most[4][16], octet;
        int i, highest = 0;
        memset(most, 0, sizeof(most));
        for (; ; src = src + 64 < last ? src + 64 : last) {     /* the last may overlap */
            for (i = 0; i < 16; i++) {
                octet = (unsigned char)(src[i] - 0x20);
                most[0][i] = octet > most[0][i] ? octet : most[0][i];
            }
            for (i = 0; i < 16; i++) {
                octet = (unsigned char)(src[16 + i] - 0x20);
                most[1][i] = octet > most[1][i] ? octet : most[1][i];
            }
            for (i = 0; i < 16; i++) {
                octet = (unsigned char)(src[32 + i] - 0x20);
                most[2][i] = octet > most[2][i] ? octet : most[2][i];
            }
            for (i = 0; i < 16; i++) {
                octet = (unsigned char)(src[48 + i] - 0x20);
                most[3][i] = octet > most[3][i] ? octet : most[3][i];
            }
            if (src == last)
                break;
        }
        for (i = 0; i < 64; i++)
            highest = most[i / 16][i % 16] > highest ? most[i / 16][i % 16] : highest;
        return highest <= 0x7e - 0x20;
    }

    static inline int syslogfast_is_printable_ascii(const unsigned char *src, size_t size)
    {
        enum { BLOCK = 16, LONG = 1024 };
        const unsigned char *last = src + size - BLOCK;
        unsigned char plain[BLOCK];
        unsigned long long halves[2];
        int i;
        memset(plain, 0xff, BLOCK);
        if (SYSLOGFAST_RARE(size >= LONG))
            return syslogfast_is_long_printable_ascii(src, size);
        for (; src < last; src += BLOCK)
            for (i = 0; i < BLOCK; i++)
                plain[i] &= (signed char)(src[i] + 1) > 0x20 ? 0xff : 0;
        for (i = 0; i < BLOCK; i++)     /* may overlap the block before it */
            plain[i] &= (signed char)(last[i] + 1) > 0x20 ? 0xff : 0;
        memcpy(halves, plain, BLOCK);
        return (halves[0] & halves[1]) == ~0ULL;
    }
    #endif
    """
    # Tell whether a text is printable ASCII alone, which most messages are; size >= 16.
    bint is_printable_ascii "syslogfast_is_printable_ascii"(
        const uint8_t *src, Py_ssize_t size
    ) nogil


cdef inline bint continues(uint8_t octet) noexcept nogil:
    return octet & 0xC0 == 0x80


cdef inline Py_ssize_t measure_sequence(
    const uint8_t *src, const uint8_t *end, bint *well_formed
) noexcept nogil:
    """Return the octets of one character, or of one maximal ill-formed part (Unicode 3.9)."""
    cdef uint8_t lead = src[0], lowest = 0x80, highest = 0xBF
    cdef Py_ssize_t taken = 1, wanted
    if lead < 0x80:
        wanted = 1
    elif lead < 0xC2 or lead > 0xF4:
        wanted = 0
    elif lead < 0xE0:
        wanted = 2
    elif lead < 0xF0:
        wanted = 3
        if lead == 0xE0:            # Unicode table 3-7: overlong forms, surrogates
            lowest = 0xA0
        elif lead == 0xED:
            highest = 0x9F
    else:
        wanted = 4
        if lead == 0xF0:            # overlong forms, beyond U+10FFFF
            lowest = 0x90
        elif lead == 0xF4:
            highest = 0x8F
    while taken < wanted and src + taken < end and lowest <= src[taken] <= highest:
        lowest, highest = 0x80, 0xBF
        taken += 1
    well_formed[0] = taken == wanted
    return taken


cdef inline Action choose_action(const uint8_t *src, const uint8_t *end, int rules) noexcept nogil:
    """Say what becomes of the character at `src`; src < end."""
    cdef Action action
    cdef bint well_formed
    action.consumed = measure_sequence(src, end, &well_formed)
    action.kind = COPY
    action.produced = action.consumed
    if not well_formed:
        action.kind = REPLACE
        action.produced = 3
    elif action.consumed == 1:
        if src[0] == c'"' or src[0] == c'\\' or src[0] == c']':
            if rules & ESCAPE_PARAM:
                action.kind = BACKSLASH
                action.produced = 2
        elif needs_escape(src[0], rules):
            action.kind = OCTAL
            action.produced = 4
    elif rules & ESCAPE_CONTROLS and (
        (src[0] == 0xC2 and src[1] < 0xA0)
        or (src[0] == 0xE2 and src[1] == 0x80 and 0xA8 <= src[2] <= 0xAE)
        or (src[0] == 0xE2 and src[1] == 0x81 and 0xA6 <= src[2] <= 0xA9)
    ):
        action.kind = OCTAL
        action.produced = 4 * action.consumed
    return action


cdef inline Measure measure_text(
    const uint8_t *src, Py_ssize_t size, int rules, Py_ssize_t limit
) noexcept nogil:
    """Measure as much of a text as fits in `limit` octets; only whole characters and escapes.

    rules: of ESCAPE_..., together with how the text is kept.
    """
    cdef Measure measure
    measure.width = 0
    if rules & IN_UNITS:
        return measure_units(src, size, rules, limit)
    if rules & PLAIN_UTF8:
        measure.consumed = find_cut(src, size, limit)
        measure.produced = measure.consumed
        measure.clean = True
        return measure
    if (
        16 <= size <= limit
        and not rules & ESCAPE_PARAM and is_printable_ascii(src, size)
    ):
        measure.consumed = size
        measure.produced = size
        measure.clean = True
        return measure
    if rules & RULES == ESCAPE_CONTROLS:
        measure.consumed = find_cut(src, size, limit)
        if is_clean_utf8(src, measure.consumed):
            measure.produced = measure.consumed
            measure.clean = True
            return measure
        # No octet becomes less than one, so that what is beyond the limit need not be read.
        if is_ascii(src, size if size <= limit else limit):
            return measure_units(src, size if size <= limit else limit, rules | LATIN_1, limit)
    return measure_each(src, size, rules, limit)


cdef inline Py_ssize_t find_cut(
    const uint8_t *src, Py_ssize_t size, Py_ssize_t limit
) noexcept nogil:
    """Return how many octets of UTF-8 are whole characters within `limit` octets.

    All `limit` of them where none but ill-formed parts would be left out: those are replaced.
    """
    cdef Py_ssize_t cut = limit
    cdef bint well_formed
    if size <= limit:
        return size
    if limit <= 0:
        return 0
    while cut > 0 and continues(src[cut]):
        cut -= 1
    if cut + measure_sequence(src + cut, src + size, &well_formed) > limit and well_formed:
        return cut
    return limit


cdef inline Measure measure_units(
    const uint8_t *src, Py_ssize_t size, int rules, Py_ssize_t limit
) noexcept nogil:
    """What measure_text does for a text as CPython keeps it."""
    cdef Measure measure
    if rules & LATIN_1:
        measure.width = 1
        measure.consumed = measure_1(
            src, size, rules & RULES, limit, &measure.produced, &measure.clean
        )
    elif rules & UCS_2:
        measure.width = 2
        measure.consumed = measure_2(
            <const uint16_t *>src, size, rules & RULES, limit, &measure.produced, &measure.clean
        )
    else:
        measure.width = 4
        measure.consumed = measure_4(
            <const uint32_t *>src, size, rules & RULES, limit, &measure.produced, &measure.clean
        )
    return measure


cdef inline Measure measure_each(
    const uint8_t *src, Py_ssize_t size, int rules, Py_ssize_t limit
) noexcept nogil:
    """What measure_text does, for any text."""
    cdef const uint8_t *start = src
    cdef const uint8_t *end = src + size
    cdef const uint8_t *next
    cdef Py_ssize_t space = limit if limit > 0 else 0
    cdef Measure measure
    cdef Action action
    # No octet becomes less than one, so that what is far beyond the limit need not be read.
    if size > space + 4:
        end = src + space + 4
    measure.clean = True
    measure.width = 0
    while True:
        next = find_needing_escape(src, end, rules)
        if next - src > space:  # of ASCII: all else needs care, or is kept otherwise
            src += space
            space = 0
            break
        space -= next - src
        src = next
        if src == end:
            break
        action = choose_action(src, end, rules)
        if action.produced > space:
            break
        space -= action.produced
        src += action.consumed
        if action.kind != COPY:
            measure.clean = False
    measure.consumed = src - start
    measure.produced = (limit if limit > 0 else 0) - space
    return measure


cdef inline char *write_octal(char *dst, uint8_t octet) noexcept nogil:
    """"#ooo", as rsyslog writes a control character"""
    dst[0] = c'#'
    dst[1] = c'0' + (octet >> 6)
    dst[2] = c'0' + (octet >> 3 & 7)
    dst[3] = c'0' + (octet & 7)
    return dst + 4


cdef inline char *write_text(
    char *dst, const uint8_t *src, const Measure *measure, int rules
) noexcept nogil:
    """Write what was measured, by the same rules; dst has space for measure.produced octets."""
    cdef const uint8_t *end = src + measure.consumed
    cdef const uint8_t *next
    cdef Action action
    cdef Py_ssize_t i
    if measure.width == 1:
        return write_1(
            dst, dst + measure.produced, src, measure.consumed, rules & RULES, measure.clean
        )
    if measure.width == 2:
        return write_2(
            dst, dst + measure.produced, <const uint16_t *>src, measure.consumed, rules & RULES,
            measure.clean,
        )
    if measure.width == 4:
        return write_4(
            dst, dst + measure.produced, <const uint32_t *>src, measure.consumed, rules & RULES,
            measure.clean,
        )
    if measure.clean:
        memcpy(dst, src, measure.consumed)
        return dst + measure.consumed
    while True:
        next = find_needing_escape(src, end, rules)
        memcpy(dst, src, next - src)
        dst += next - src
        src = next
        if src == end:
            return dst
        action = choose_action(src, end, rules)
        if action.kind == COPY:
            memcpy(dst, src, action.consumed)
        elif action.kind == REPLACE:
            memcpy(dst, b"\xef\xbf\xbd", 3)
        elif action.kind == BACKSLASH:
            dst[0] = c'\\'
            dst[1] = src[0]
        else:
            for i in range(action.consumed):
                write_octal(dst + 4 * i, src[i])
        dst += action.produced
        src += action.consumed
