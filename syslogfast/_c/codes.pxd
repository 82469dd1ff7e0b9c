"""A character as UTF-8: how many octets it becomes, escaped or not, and which. No GIL."""

from libc.stdint cimport uint64_t


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* What to look for in a text, and how it is kept; a set. */
    #define SYSLOGFAST_ESCAPE_CONTROLS 1
    #define SYSLOGFAST_ESCAPE_LF 2
    #define SYSLOGFAST_ESCAPE_NUL 4
    #define SYSLOGFAST_ESCAPE_PARAM 8

    static inline int syslogfast_turns_text(uint32_t code)
    {
        return code - 0x2028 < 7 || code - 0x2066 < 4;
    }

    /* The octets that a character becomes; a lone surrogate becomes U+FFFD, three, too. */
    static inline int syslogfast_measure_code(uint32_t code, int rules)
    {
        if (code < 0x20) {
            if (rules & SYSLOGFAST_ESCAPE_CONTROLS)
                return code == '\\t' ? 1 : 4;
            return (code == '\\n' && rules & SYSLOGFAST_ESCAPE_LF)
                || (code == 0 && rules & SYSLOGFAST_ESCAPE_NUL) ? 4 : 1;
        }
        if (code < 0x7f) {
            return rules & SYSLOGFAST_ESCAPE_PARAM
                && (code == '"' || code == '\\\\' || code == ']') ? 2 : 1;
        }
        if (code < 0x80)
            return rules & SYSLOGFAST_ESCAPE_CONTROLS ? 4 : 1;
        if (code < 0x800)
            return code < 0xa0 && rules & SYSLOGFAST_ESCAPE_CONTROLS ? 8 : 2;
        if (code < 0x10000)
            return rules & SYSLOGFAST_ESCAPE_CONTROLS && syslogfast_turns_text(code) ? 12 : 3;
        return 4;
    }

    /* "#ooo", as rsyslog writes a control character. */
    static inline char *syslogfast_write_octal(char *dst, unsigned octet)
    {
        dst[0] = '#';
        dst[1] = (char)('0' + (octet >> 6));
        dst[2] = (char)('0' + (octet >> 3 & 7));
        dst[3] = (char)('0' + (octet & 7));
        return dst + 4;
    }

    static char *syslogfast_write_code(char *dst, uint32_t code, int rules)
    {
        int size = syslogfast_measure_code(code, rules);
        unsigned char octets[4];
        int count, i;
        if (code < 0x80) {
            if (size == 4)
                return syslogfast_write_octal(dst, code);
            if (size == 2)
                *dst++ = '\\\\';
            *dst = (char)code;
            return dst + 1;
        }
        if (code - 0xd800 < 0x800)
            code = 0xfffd;
        if (code < 0x800) {
            octets[0] = 0xc0 | code >> 6;
            count = 2;
        } else if (code < 0x10000) {
            octets[0] = 0xe0 | code >> 12;
            octets[1] = 0x80 | (code >> 6 & 0x3f);
            count = 3;
        } else {
            octets[0] = 0xf0 | code >> 18;
            octets[1] = 0x80 | (code >> 12 & 0x3f);
            octets[2] = 0x80 | (code >> 6 & 0x3f);
            count = 4;
        }
        octets[count - 1] = 0x80 | (code & 0x3f);
        if (size > count) {
            for (i = 0; i < count; i++)
                dst = syslogfast_write_octal(dst, octets[i]);
            return dst;
        }
        for (i = 0; i < count; i++)
            dst[i] = (char)octets[i];
        return dst + count;
    }

    /* A character without escapes, and not a surrogate. */
    static inline char *syslogfast_write_plain(char *dst, uint32_t code)
    {
        if (code < 0x80) {
            dst[0] = (char)code;
            return dst + 1;
        }
        if (code < 0x800) {
            dst[0] = (char)(0xc0 | code >> 6);
            dst[1] = (char)(0x80 | (code & 0x3f));
            return dst + 2;
        }
        if (code < 0x10000) {
            dst[0] = (char)(0xe0 | code >> 12);
            dst[1] = (char)(0x80 | (code >> 6 & 0x3f));
            dst[2] = (char)(0x80 | (code & 0x3f));
            return dst + 3;
        }
        dst[0] = (char)(0xf0 | code >> 18);
        dst[1] = (char)(0x80 | (code >> 12 & 0x3f));
        dst[2] = (char)(0x80 | (code >> 6 & 0x3f));
        dst[3] = (char)(0x80 | (code & 0x3f));
        return dst + 4;
    }

    static inline uint64_t syslogfast_load(const void *src)
    {
        uint64_t word;
        memcpy(&word, src, 8);
        return word;
    }

    /* Mark octets that are a control character, DEL or not ASCII, with the fewest operations: exact
       up to the first, for without one of those no octet borrows or carries into the next. */
    static inline uint64_t syslogfast_mark_not_printable(uint64_t word)
    {
        const uint64_t ones = 0x0101010101010101ULL;
        return ((word - 0x20 * ones) | (word + ones) | word) & 0x80 * ones;
    }

    /* The first octet that is marked by its high bit, as it lies in memory. */
    static inline int syslogfast_find_mark(uint64_t marks)
    {
    #if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return __builtin_ctzll(marks) >> 3;
    #else
        unsigned char octets[8];
        int i = 0;
        memcpy(octets, &marks, 8);
        while (i < 7 && octets[i] < 0x80)
            i++;
        return i;
    #endif
    }
    """
    enum:
        ESCAPE_CONTROLS "SYSLOGFAST_ESCAPE_CONTROLS"
        ESCAPE_LF "SYSLOGFAST_ESCAPE_LF"
        ESCAPE_NUL "SYSLOGFAST_ESCAPE_NUL"
        ESCAPE_PARAM "SYSLOGFAST_ESCAPE_PARAM"
    uint64_t mark_not_printable "syslogfast_mark_not_printable"(uint64_t word) nogil
