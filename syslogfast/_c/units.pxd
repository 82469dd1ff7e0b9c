"""Texts as CPython keeps them, one, two or four octets a character: straight to UTF-8, escaped.

For each width there is a function that measures and one that writes. What becomes of a character
is said in one place, `syslogfast_measure_code`, and written by `syslogfast_write_code`; the rest
only finds out that many characters in a row are plain. No objects, no GIL.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t


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

    /* The octets that a character becomes; a lone surrogate becomes U+FFFD, which has three, too. */
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

    /* Vectors of 16 octets, which gcc and clang have for any processor. Without them, and in a build
       that is to be small, each character is looked at by itself. */
    #if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
    #define SYSLOGFAST_VECTORS 1
    typedef uint8_t syslogfast_vector_1 __attribute__((vector_size(16)));
    typedef uint16_t syslogfast_vector_2 __attribute__((vector_size(16)));
    typedef uint32_t syslogfast_vector_4 __attribute__((vector_size(16)));
    typedef uint64_t syslogfast_halves __attribute__((vector_size(16)));
    typedef uint8_t syslogfast_octets __attribute__((vector_size(8)));
    typedef uint16_t syslogfast_half_2 __attribute__((vector_size(8)));

    static inline int syslogfast_is_zero(syslogfast_halves vector)
    {
        return !(vector[0] | vector[1]);
    }

    /* Where the lanes begin that are not counted yet, when the last vector overlaps the one before. */
    static const uint8_t syslogfast_lanes_1[32] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255
    };
    #define SYSLOGFAST_LANES(left, width) (syslogfast_lanes_1 + (left) * (width))

    /* For ESCAPE_CONTROLS alone, the rule of most texts. Each measures a stretch of at least a vector
       and at most SYSLOGFAST_STRETCH units, so that no lane overflows. It returns the octets, or -1
       if characters have to be escaped or replaced, or may have to: then each is looked at. */
    enum { SYSLOGFAST_STRETCH = 256 };

    static Py_ssize_t syslogfast_measure_stretch_1(
        const uint8_t *src, Py_ssize_t size, int *clean)
    {
        const uint8_t *end = src + size, *next = src;
        syslogfast_vector_1 units, lanes, high, wide = {0}, escaped = {0}, longer = {0};
        Py_ssize_t octets = size;
        int i;
        for (; next < end; next += 16) {
            memcpy(&lanes, SYSLOGFAST_LANES(16, 1), 16);
            if (end - next < 16) {
                memcpy(&lanes, SYSLOGFAST_LANES(end - next, 1), 16);
                next = end - 16;
            }
            memcpy(&units, next, 16);
            high = units & 0xe0;
            escaped -= (syslogfast_vector_1)(((high == 0) & (units != 9)) | (units == 0x7f)) & lanes;
            longer -= (syslogfast_vector_1)(high == 0x80) & lanes;
            wide += (units >> 7) & lanes;
        }
        *clean = syslogfast_is_zero((syslogfast_halves)(escaped | longer));
        wide += 3 * escaped + 6 * longer;
        for (i = 0; i < 16; i++)
            octets += wide[i];
        return octets;
    }

    static Py_ssize_t syslogfast_measure_stretch_2(
        const uint16_t *src, Py_ssize_t size, int *clean)
    {
        const uint16_t *end = src + size, *next = src;
        syslogfast_vector_2 units, lanes, high, short_1 = {0}, short_2 = {0}, other = {0};
        Py_ssize_t octets = 3 * size;
        int i;
        for (; next < end; next += 8) {
            memcpy(&lanes, SYSLOGFAST_LANES(8, 2), 16);
            if (end - next < 8) {
                memcpy(&lanes, SYSLOGFAST_LANES(end - next, 2), 16);
                next = end - 8;
            }
            memcpy(&units, next, 16);
            high = units & 0xffe0;
            short_1 -= (syslogfast_vector_2)((units & 0xff80) == 0) & lanes;
            short_2 -= (syslogfast_vector_2)((units & 0xf800) == 0) & lanes;
            other |= (syslogfast_vector_2)(
                ((high == 0) & (units != 9)) | (units == 0x7f) | (high == 0x80)
                | ((units & 0xf800) == 0xd800)
                | (((units - 0x2028) & 0xfff8) == 0) | (((units - 0x2066) & 0xfffc) == 0));
        }
        short_1 += short_2;
        for (i = 0; i < 8; i++)
            octets -= short_1[i];
        *clean = 1;
        return syslogfast_is_zero((syslogfast_halves)other) ? octets : -1;
    }

    static Py_ssize_t syslogfast_measure_stretch_4(
        const uint32_t *src, Py_ssize_t size, int *clean)
    {
        const uint32_t *end = src + size, *next = src;
        syslogfast_vector_4 pair[2], high, shorter = {0}, other = {0};
        Py_ssize_t octets = 4 * size;
        int i;
        *clean = 1;
        for (; end - next >= 8; next += 8) {
            memcpy(pair, next, 32);
            high = pair[0] | pair[1];
            if (syslogfast_is_zero((syslogfast_halves)(high & ~0x7fU))) {   /* ASCII alone */
                octets -= 24;
                for (i = 0; i < 2; i++)
                    other |= (syslogfast_vector_4)(
                        (((pair[i] & ~0x1fU) == 0) & (pair[i] != 9)) | (pair[i] == 0x7f));
                continue;
            }
            for (i = 0; i < 2; i++) {
                high = pair[i] & ~0x1fU;
                shorter -= (syslogfast_vector_4)((pair[i] & ~0x7fU) == 0);
                shorter -= (syslogfast_vector_4)((pair[i] & ~0x7ffU) == 0);
                shorter -= (syslogfast_vector_4)((pair[i] & ~0xffffU) == 0);
                other |= (syslogfast_vector_4)(
                    ((high == 0) & (pair[i] != 9)) | (pair[i] == 0x7f) | (high == 0x80)
                    | ((pair[i] & ~0x7ffU) == 0xd800)
                    | (((pair[i] - 0x2028) & ~7U) == 0) | (((pair[i] - 0x2066) & ~3U) == 0));
            }
        }
        for (i = 0; i < 4; i++)
            octets -= shorter[i];
        if (!syslogfast_is_zero((syslogfast_halves)other))
            return -1;
        for (; next < end; next++) {
            i = syslogfast_measure_code(*next, SYSLOGFAST_ESCAPE_CONTROLS);
            octets += i - 4;
            *clean &= i == syslogfast_measure_code(*next, 0) && *next - 0xd800 >= 0x800;
        }
        return octets;
    }
    #endif

    /* Measure as many characters as become at most `limit` octets; how many octets those are goes
       to `produced`, and whether none of them is escaped or replaced to `clean`. */
    #ifdef SYSLOGFAST_VECTORS
    #define SYSLOGFAST_MEASURE_STRETCHES(WIDTH, UNIT) \\
        while (rules == SYSLOGFAST_ESCAPE_CONTROLS && size - taken >= 16 / WIDTH) { \\
            stretch = size - taken < SYSLOGFAST_STRETCH ? size - taken : SYSLOGFAST_STRETCH; \\
            octets = syslogfast_measure_stretch_##WIDTH(src + taken, stretch, &is_clean); \\
            if (octets < 0) { \\
                is_clean = 0; \\
                for (octets = 0, i = 0; i < stretch; i++) \\
                    octets += syslogfast_measure_code(src[taken + i], rules); \\
            } \\
            if (octets > space) \\
                break; \\
            space -= octets; \\
            taken += stretch; \\
            *clean &= is_clean; \\
        }
    #else
    #define SYSLOGFAST_MEASURE_STRETCHES(WIDTH, UNIT) (void)stretch; (void)i; (void)is_clean;
    #endif
    #define SYSLOGFAST_MEASURE(WIDTH, UNIT) \\
    static Py_ssize_t syslogfast_measure_##WIDTH( \\
        const UNIT *src, Py_ssize_t size, int rules, Py_ssize_t limit, \\
        Py_ssize_t *produced, int *clean) \\
    { \\
        Py_ssize_t space = limit > 0 ? limit : 0, taken = 0, octets, stretch, i; \\
        uint32_t code; \\
        int is_clean; \\
        *produced = space; \\
        *clean = 1; \\
        SYSLOGFAST_MEASURE_STRETCHES(WIDTH, UNIT) \\
        for (; taken < size; taken++) { \\
            code = src[taken]; \\
            octets = syslogfast_measure_code(code, rules); \\
            if (octets > space) \\
                break; \\
            space -= octets; \\
            *clean &= octets == syslogfast_measure_code(code, 0) && code - 0xd800 >= 0x800; \\
        } \\
        *produced -= space; \\
        return taken; \\
    }

    SYSLOGFAST_MEASURE(1, uint8_t)
    SYSLOGFAST_MEASURE(2, uint16_t)
    SYSLOGFAST_MEASURE(4, uint32_t)

    /* What has been measured is written, eight units at a time as long as there is space for more
       than they become: up to `limit` octets may be written that do not count. */
    static char *syslogfast_write_1(
        char *dst, const char *limit, const uint8_t *src, Py_ssize_t size, int rules, int clean)
    {
        const uint64_t ones = 0x0101010101010101ULL;
        const uint8_t *end = src + size;
        uint64_t word, marks;
        int plain;
        while ((clean || rules == SYSLOGFAST_ESCAPE_CONTROLS) && end - src >= 8 && limit - dst >= 8) {
            word = syslogfast_load(src);
            memcpy(dst, &word, 8);
            marks = ((word - 0x20 * ones) | (word + ones) | word) & 0x80 * ones;
            plain = marks ? syslogfast_find_mark(marks) : 8;
            src += plain;
            dst += plain;
            if (marks)
                dst = clean ? syslogfast_write_plain(dst, *src++)
                    : syslogfast_write_code(dst, *src++, rules);
        }
        while (src < end)
            dst = syslogfast_write_code(dst, *src++, rules);
        return dst;
    }

    static char *syslogfast_write_2(
        char *dst, const char *limit, const uint16_t *src, Py_ssize_t size, int rules, int clean)
    {
        const uint16_t *end = src + size;
    #ifdef SYSLOGFAST_VECTORS
        syslogfast_vector_2 units, is_short, one, last;
        syslogfast_vector_4 wide[2];
        syslogfast_octets octets;
        uint64_t marks;
        int i;
        while (clean && end - src >= 8 && limit - dst >= 25) {
            memcpy(&units, src, 16);
            one = (syslogfast_vector_2)((units & 0xff80) == 0);
            octets = __builtin_convertvector(one, syslogfast_octets);
            memcpy(&marks, &octets, 8);
            if (marks == ~0ULL) {                   /* ASCII alone */
                octets = __builtin_convertvector(units, syslogfast_octets);
                memcpy(dst, &octets, 8);
                dst += 8;
                src += 8;
                continue;
            }
            is_short = (syslogfast_vector_2)((units & 0xf800) == 0);
            if (syslogfast_is_zero((syslogfast_halves)~is_short)) {     /* one and two octets */
                last = 0x80 | (units & 0x3f);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                last = (one & units << 8) | (~one & (0xc000 | units >> 6 << 8 | last));
    #else
                last = (one & units) | (~one & (0xc0 | units >> 6 | last << 8));
    #endif
                one += 2;       /* the mask of those of one octet is -1 */
                for (i = 0; i < 8; i++) {
                    uint16_t both = last[i];
                    memcpy(dst, &both, 2);
                    dst += one[i];
                }
            } else if (syslogfast_is_zero((syslogfast_halves)is_short)) {   /* three octets each */
                syslogfast_half_2 halves[2];
                memcpy(halves, &units, 16);
                for (i = 0; i < 2; i++) {
                    wide[i] = __builtin_convertvector(halves[i], syslogfast_vector_4);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                    wide[i] = 0xe0808000 | wide[i] >> 12 << 24 | (wide[i] << 10 & 0x3f0000)
                        | (wide[i] << 8 & 0x3f00);
    #else
                    wide[i] = 0x8080e0 | wide[i] >> 12 | (wide[i] << 2 & 0x3f00)
                        | (wide[i] << 16 & 0x3f0000);
    #endif
                }
                for (i = 0; i < 8; i++) {
                    uint32_t three = wide[i / 4][i % 4];
                    memcpy(dst + 3 * i, &three, 4);
                }
                dst += 24;
            } else {
                for (i = 0; i < 8; i++)
                    dst = syslogfast_write_plain(dst, src[i]);
            }
            src += 8;
        }
    #else
        (void)limit;
    #endif
        while (src < end)
            dst = clean ? syslogfast_write_plain(dst, *src++)
                : syslogfast_write_code(dst, *src++, rules);
        return dst;
    }

    static char *syslogfast_write_4(
        char *dst, const char *limit, const uint32_t *src, Py_ssize_t size, int rules, int clean)
    {
        const uint32_t *end = src + size;
    #ifdef SYSLOGFAST_VECTORS
        uint64_t words[4], octets;
        int i;
        while (clean && end - src >= 8 && limit - dst >= 32) {
            memcpy(words, src, 32);
            if (!((words[0] | words[1] | words[2] | words[3]) & ~0x0000007f0000007fULL)) {
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                for (octets = 0, i = 0; i < 8; i++)
                    octets = octets << 8 | src[i];
    #else
                for (octets = 0, i = 3; i >= 0; i--)
                    octets = octets << 16 | ((words[i] | words[i] >> 24) & 0xffff);
    #endif
                memcpy(dst, &octets, 8);
                dst += 8;
            } else {
                for (i = 0; i < 8; i++)
                    dst = syslogfast_write_plain(dst, src[i]);
            }
            src += 8;
        }
    #else
        (void)limit;
    #endif
        while (src < end)
            dst = clean ? syslogfast_write_plain(dst, *src++)
                : syslogfast_write_code(dst, *src++, rules);
        return dst;
    }

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

    /* Tell whether octets are well-formed UTF-8 (Unicode table 3-7), nothing of it to be escaped. */
    static int syslogfast_is_clean_utf8(const uint8_t *src, Py_ssize_t size)
    {
        const uint64_t ones = 0x0101010101010101ULL;
        const uint8_t *end = src + size;
        uint64_t word, marks;
        uint32_t code;
        while (src < end) {
            if (end - src >= 8) {
                word = syslogfast_load(src);
                marks = ((word - 0x20 * ones) | (word + ones) | word) & 0x80 * ones;
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
    enum:
        ESCAPE_CONTROLS "SYSLOGFAST_ESCAPE_CONTROLS"
        ESCAPE_LF "SYSLOGFAST_ESCAPE_LF"
        ESCAPE_NUL "SYSLOGFAST_ESCAPE_NUL"
        ESCAPE_PARAM "SYSLOGFAST_ESCAPE_PARAM"
    bint is_clean_utf8 "syslogfast_is_clean_utf8"(const uint8_t *src, Py_ssize_t size) nogil
    bint is_ascii "syslogfast_is_ascii"(const uint8_t *src, Py_ssize_t size) nogil
    Py_ssize_t measure_1 "syslogfast_measure_1"(
        const uint8_t *src, Py_ssize_t size, int rules, Py_ssize_t limit,
        Py_ssize_t *produced, int *clean
    ) nogil
    Py_ssize_t measure_2 "syslogfast_measure_2"(
        const uint16_t *src, Py_ssize_t size, int rules, Py_ssize_t limit,
        Py_ssize_t *produced, int *clean
    ) nogil
    Py_ssize_t measure_4 "syslogfast_measure_4"(
        const uint32_t *src, Py_ssize_t size, int rules, Py_ssize_t limit,
        Py_ssize_t *produced, int *clean
    ) nogil
    char *write_1 "syslogfast_write_1"(
        char *dst, const char *limit, const uint8_t *src, Py_ssize_t size, int rules, int clean
    ) nogil
    char *write_2 "syslogfast_write_2"(
        char *dst, const char *limit, const uint16_t *src, Py_ssize_t size, int rules, int clean
    ) nogil
    char *write_4 "syslogfast_write_4"(
        char *dst, const char *limit, const uint32_t *src, Py_ssize_t size, int rules, int clean
    ) nogil
