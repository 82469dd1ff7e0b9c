"""UTF-8 that a caller has made: whether it is well-formed, with nothing in it to be escaped."""

from libc.stdint cimport uint8_t

from syslogfast._c.codes cimport ESCAPE_CONTROLS    # whose C comes before this


cdef extern from *:
    """
    static inline uint64_t syslogfast_has_zero(uint64_t word)
    {
        const uint64_t ones = 0x0101010101010101ULL;
        return (word - ones) & ~word & 0x80 * ones;
    }

    /* Tell whether 24 octets are eight characters of three octets each, none of which begins with
       E0, E2 or ED: those may be ill-formed, or have to be escaped. */
    static inline int syslogfast_are_eight(const uint8_t *src)
    {
        static const uint8_t form[] = "\\xe0\\x80\\x80\\xe0\\x80\\x80\\xe0\\x80\\x80\\xe0\\x80\\x80"
            "\\xe0\\x80\\x80\\xe0\\x80\\x80\\xe0\\x80\\x80\\xe0\\x80\\x80";
        static const uint8_t mask[] = "\\xf0\\xc0\\xc0\\xf0\\xc0\\xc0\\xf0\\xc0\\xc0\\xf0\\xc0\\xc0"
            "\\xf0\\xc0\\xc0\\xf0\\xc0\\xc0\\xf0\\xc0\\xc0\\xf0\\xc0\\xc0";
        const uint64_t ones = 0x0101010101010101ULL;
        uint64_t word, known, others, wrong = 0;
        int i;
        for (i = 0; i < 24; i += 8) {
            word = syslogfast_load(src + i);
            known = syslogfast_load(mask + i);
            others = (~known & 0x10 * ones) >> 4;     /* 1 for each that is no lead */
            wrong |= (word & known) ^ syslogfast_load(form + i);
            word |= others;
            wrong |= syslogfast_has_zero((word ^ 0xe0 * ones) | others)
                | syslogfast_has_zero((word ^ 0xe2 * ones) | others)
                | syslogfast_has_zero((word ^ 0xed * ones) | others);
        }
        return !wrong;
    }

    /* Tell whether octets are well-formed UTF-8 (Unicode table 3-7) without escapes. */
    static int syslogfast_is_clean_utf8(const uint8_t *src, Py_ssize_t size)
    {
        const uint8_t *end = src + size;
        uint64_t word, marks;
        uint32_t code;
        while (src < end) {
            if (end - src >= 8) {
                word = syslogfast_load(src);
                marks = syslogfast_mark_not_printable(word);
                if (!marks) {
                    src += 8;
                    continue;
                }
                src += syslogfast_find_mark(marks);
            }
            if (*src < 0x80) {
                if ((*src < 0x20 && *src != '\\t') || *src == 0x7f)
                    return 0;
                src++;
            }
            while (src < end && *src >= 0x80) {
                if (*src >= 0xe0 && end - src >= 24 && syslogfast_are_eight(src)) {
                    src += 24;
                } else if (*src < 0xe0) {
                    if (*src < 0xc2 || end - src < 2 || (src[1] & 0xc0) != 0x80
                            || (*src == 0xc2 && src[1] < 0xa0))
                        return 0;
                    src += 2;
                } else if (*src < 0xf0) {
                    if (end - src < 3 || (src[1] & 0xc0) != 0x80 || (src[2] & 0xc0) != 0x80)
                        return 0;
                    code = (*src & 0xfu) << 12 | (src[1] & 0x3fu) << 6 | (src[2] & 0x3fu);
                    if (code < 0x800 || code - 0xd800 < 0x800 || syslogfast_turns_text(code))
                        return 0;
                    src += 3;
                } else {
                    if (*src > 0xf4 || end - src < 4 || (src[1] & 0xc0) != 0x80
                            || (src[2] & 0xc0) != 0x80 || (src[3] & 0xc0) != 0x80)
                        return 0;
                    code = (*src & 0x7u) << 18 | (src[1] & 0x3fu) << 12;
                    if (code < 0x10000 || code > 0x10ffff)
                        return 0;
                    src += 4;
                }
            }
        }
        return 1;
    }

    static int syslogfast_is_ascii(const uint8_t *src, Py_ssize_t size)
    {
        uint64_t found = 0;
        for (; size >= 8; src += 8, size -= 8)
            found |= syslogfast_load(src);
        for (; size > 0; src++, size--)
            found |= *src;
        return !(found & 0x8080808080808080ULL);
    }
    """
    bint is_clean_utf8 "syslogfast_is_clean_utf8"(const uint8_t *src, Py_ssize_t size) nogil
    bint is_ascii "syslogfast_is_ascii"(const uint8_t *src, Py_ssize_t size) nogil
