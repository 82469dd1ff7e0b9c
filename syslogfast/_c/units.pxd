"""Texts as CPython keeps them, one, two or four octets a character: straight to UTF-8, escaped.

For each width there is a function that measures and one that writes. What becomes of a character
is said in `codes.pxd`; here is found out, for many characters at once, that they are plain.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from syslogfast._c.codes cimport ESCAPE_CONTROLS    # whose C comes before this


cdef extern from *:
    """
    /* Vectors of 16 octets, which gcc and clang have for any processor. Without them, and where the
       build is to be small, each character is looked at by itself. */
    #if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
    #define SYSLOGFAST_VECTORS 1
    typedef uint8_t syslogfast_vector_1 __attribute__((vector_size(16)));
    typedef int8_t syslogfast_signed_1 __attribute__((vector_size(16)));
    typedef uint16_t syslogfast_vector_2 __attribute__((vector_size(16)));
    typedef uint32_t syslogfast_vector_4 __attribute__((vector_size(16)));
    typedef uint64_t syslogfast_halves __attribute__((vector_size(16)));
    typedef uint8_t syslogfast_octets __attribute__((vector_size(8)));
    #if defined(__clang__) || __GNUC__ >= 12
    #define SYSLOGFAST_MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
    #else
    #define SYSLOGFAST_MIX(a, b, ...) __builtin_shuffle(a, b, (syslogfast_vector_2){__VA_ARGS__})
    #endif

    static inline int syslogfast_is_zero(syslogfast_halves vector)
    {
        return !(vector[0] | vector[1]);
    }

    /* Which lanes are not counted yet, when the last vector overlaps the one before. */
    static const uint8_t syslogfast_lanes_1[32] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255
    };
    #define SYSLOGFAST_LANES(octets) (syslogfast_lanes_1 + (octets))

    /* The sum of eight lanes of 16 bits, which is below 65,536. */
    static inline Py_ssize_t syslogfast_add_lanes(syslogfast_halves lanes)
    {
        return (Py_ssize_t)((lanes[0] + lanes[1]) * 0x0001000100010001ULL >> 48);
    }

    /* For ESCAPE_CONTROLS alone, the rule of most texts. Each measures a stretch of at least one
       vector and at most SYSLOGFAST_STRETCH units: no lane overflows. It returns the octets, or -1
       if characters have to be escaped or replaced, or may have to: then each is looked at. */
    enum { SYSLOGFAST_STRETCH = 256 };

    static Py_ssize_t syslogfast_measure_stretch_1(
        const uint8_t *src, Py_ssize_t size, int *clean)
    {
        const uint8_t *end = src + size;
        syslogfast_vector_1 units, high, wide = {0}, escaped = {0}, longer = {0};
        syslogfast_vector_1 lanes = (syslogfast_vector_1)(wide == 0);
        for (; src < end; src += 16) {
            if (end - src < 16) {
                memcpy(&lanes, SYSLOGFAST_LANES(end - src), 16);
                src = end - 16;
            }
            memcpy(&units, src, 16);
            high = units & 0xe0;
            escaped -= (syslogfast_vector_1)(
                ((high == 0) & (units != 9)) | (units == 0x7f)) & lanes;
            longer -= (syslogfast_vector_1)(high == 0x80) & lanes;
            wide -= (syslogfast_vector_1)((syslogfast_signed_1)units < 0) & lanes;
        }
        *clean = syslogfast_is_zero((syslogfast_halves)(escaped | longer));
        wide += 3 * escaped + 6 * longer;
        return size + syslogfast_add_lanes(
            (syslogfast_halves)((syslogfast_vector_2)wide & 0xff)
            + (syslogfast_halves)((syslogfast_vector_2)wide >> 8));
    }

    static Py_ssize_t syslogfast_measure_stretch_2(
        const uint16_t *src, Py_ssize_t size, int *clean)
    {
        const uint16_t *end = src + size;
        syslogfast_vector_2 units, high, shorter = {0}, other = {0};
        syslogfast_vector_2 lanes = (syslogfast_vector_2)(shorter == 0);
        for (; src < end; src += 8) {
            if (end - src < 8) {
                memcpy(&lanes, SYSLOGFAST_LANES(2 * (end - src)), 16);
                src = end - 8;
            }
            memcpy(&units, src, 16);
            high = units & 0xffe0;
            shorter -= (syslogfast_vector_2)((units & 0xff80) == 0) & lanes;
            shorter -= (syslogfast_vector_2)((units & 0xf800) == 0) & lanes;
            other |= (syslogfast_vector_2)(
                ((high == 0) & (units != 9)) | (units == 0x7f) | (high == 0x80)
                | ((units & 0xf800) == 0xd800)
                | (((units - 0x2028) & 0xfff8) == 0) | (((units - 0x2066) & 0xfffc) == 0));
        }
        *clean = 1;
        if (!syslogfast_is_zero((syslogfast_halves)other))
            return -1;
        return 3 * size - syslogfast_add_lanes((syslogfast_halves)shorter);
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
        while (clean && end - src >= 8 && limit - dst >= 16) {
            word = syslogfast_load(src);
            memcpy(dst, &word, 8);
            marks = word & 0x80 * ones;
            plain = marks ? syslogfast_find_mark(marks) : 8;
            src += plain;
            dst += plain;
            if (marks) {
                dst[0] = (char)(0xc0 | *src >> 6);
                dst[1] = (char)(0x80 | (*src++ & 0x3f));
                dst += 2;
            }
        }
        while (rules == SYSLOGFAST_ESCAPE_CONTROLS && end - src >= 8 && limit - dst >= 8) {
            word = syslogfast_load(src);
            memcpy(dst, &word, 8);
            marks = ((word - 0x20 * ones) | (word + ones) | word) & 0x80 * ones;
            plain = marks ? syslogfast_find_mark(marks) : 8;
            src += plain;
            dst += plain;
            if (marks)
                dst = syslogfast_write_code(dst, *src++, rules);
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
        syslogfast_vector_2 wide[2];
        uint32_t three;
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
                last = 0x80 | (units & 0x3f);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                one = 0xe080 | units >> 12 << 8 | (units >> 6 & 0x3f);
                last = last << 8;
    #else
                one = 0x80e0 | units >> 12 | (units << 2 & 0x3f00);
    #endif
                wide[0] = SYSLOGFAST_MIX(one, last, 0, 8, 1, 9, 2, 10, 3, 11);
                wide[1] = SYSLOGFAST_MIX(one, last, 4, 12, 5, 13, 6, 14, 7, 15);
                for (i = 0; i < 8; i++) {
                    memcpy(&three, (const char *)wide + 4 * i, 4);
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
    """
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
