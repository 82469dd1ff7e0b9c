"""Texts as CPython keeps them, one, two or four octets a character: straight to UTF-8, escaped.

What becomes of a character is said in `codes.pxd`; here is found out, for many characters at once,
that they are plain, and they are written. For each width `copy` does both, up to the first that is
not. A text of usual length in which all are plain is copied once, into space on the stack. Any
other is measured by such copies, which are thrown away, and then written.
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
    #endif

    /* Whether a character is neither escaped nor replaced, but in PARAM-VALUE. */
    static inline int syslogfast_is_plain(uint32_t code)
    {
        if (code < 0x7f)
            return code >= 0x20 || code == '\\t';
        return code >= 0xa0 && code - 0xd800 >= 0x800 && !syslogfast_turns_text(code);
    }

    /* What each width does as long as there are eight characters at once; the next one, or the
       last seven, are then written one by one. */
    #define SYSLOGFAST_RUN_1 \\
        word = syslogfast_load(src); \\
        memcpy(dst, &word, 8); \\
        marks = syslogfast_mark_not_printable(word); \\
        if (!marks) { \\
            src += 8; \\
            dst += 8; \\
            continue; \\
        } \\
        i = syslogfast_find_mark(marks); \\
        code = src[i]; \\
        if (code >= 0xa0) { \\
            dst[i] = (char)(0xc0 | code >> 6); \\
            dst[i + 1] = (char)(0x80 | (code & 0x3f)); \\
            src += i + 1; \\
            dst += i + 2; \\
            continue; \\
        } \\
        src += i; \\
        dst += i; \\
        stop = src + 1;

    /* Four units of four octets, or two words of two, are ASCII: as octets. */
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define SYSLOGFAST_PAIR(i) ((words[i] | words[i] >> 24) & 0xffff)
    #define SYSLOGFAST_RUN_4 \\
        memcpy(words, src, 32); \\
        if (!((words[0] | words[1] | words[2] | words[3]) & ~0x0000007f0000007fULL)) { \\
            word = SYSLOGFAST_PAIR(0) | SYSLOGFAST_PAIR(1) << 16 | SYSLOGFAST_PAIR(2) << 32 \\
                | SYSLOGFAST_PAIR(3) << 48; \\
            if (!syslogfast_mark_not_printable(word)) { \\
                memcpy(dst, &word, 8); \\
                dst += 8; \\
                src += 8; \\
                continue; \\
            } \\
        }
    #else
    #define SYSLOGFAST_RUN_4 (void)words;
    #endif

    #ifdef SYSLOGFAST_VECTORS
    /* Compilers do not unroll loops by themselves. */
    #define SYSLOGFAST_FOR_EIGHT(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

    /* Eight characters of one kind: ASCII, at most two octets each, or three. 0: they are not. */
    static inline int syslogfast_copy_eight(char *dst, const uint16_t *src)
    {
        syslogfast_vector_2 units, one, last, high;
        syslogfast_vector_2 wide[2];
        syslogfast_octets octets;
        uint32_t three;
        uint16_t both;
        char *start = dst;
        memcpy(&units, src, 16);
        high = units & 0xffe0;
        if (syslogfast_is_zero((syslogfast_halves)(units & 0xf800))) {      /* one and two octets */
            if (!syslogfast_is_zero((syslogfast_halves)(syslogfast_vector_2)(
                    (high == 0) | (high == 0x80) | (units == 0x7f))))
                return 0;
            one = (syslogfast_vector_2)((units & 0xff80) == 0);
            if (syslogfast_is_zero((syslogfast_halves)~one)) {
                octets = __builtin_convertvector(units, syslogfast_octets);
                memcpy(dst, &octets, 8);
                return 8;
            }
            last = 0x80 | (units & 0x3f);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            last = (one & units << 8) | (~one & (0xc000 | units >> 6 << 8 | last));
    #else
            last = (one & units) | (~one & (0xc0 | units >> 6 | last << 8));
    #endif
            one += 2;       /* the mask of those of one octet is -1 */
    #define SYSLOGFAST_WRITE_LANE(i) both = last[i]; memcpy(dst, &both, 2); dst += one[i];
            SYSLOGFAST_FOR_EIGHT(SYSLOGFAST_WRITE_LANE)
            return (int)(dst - start);
        }
        if (!syslogfast_is_zero((syslogfast_halves)(syslogfast_vector_2)(
                ((units & 0xf800) == 0) | ((units & 0xf800) == 0xd800)
                | (((units - 0x2028) & 0xfff8) == 0) | (((units - 0x2066) & 0xfffc) == 0))))
            return 0;
        last = 0x80 | (units & 0x3f);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        one = 0xe080 | units >> 12 << 8 | (units >> 6 & 0x3f);
        last = last << 8;
    #else
        one = 0x80e0 | units >> 12 | (units << 2 & 0x3f00);
    #endif
        wide[0] = SYSLOGFAST_MIX(one, last, 0, 8, 1, 9, 2, 10, 3, 11);
        wide[1] = SYSLOGFAST_MIX(one, last, 4, 12, 5, 13, 6, 14, 7, 15);
    #define SYSLOGFAST_WRITE_THREE(i) \\
            memcpy(&three, (const char *)wide + 4 * (i), 4); \\
            memcpy(dst + 3 * (i), &three, 4);
        SYSLOGFAST_FOR_EIGHT(SYSLOGFAST_WRITE_THREE)
        return 24;
    }
    #define SYSLOGFAST_RUN_2 \\
        i = syslogfast_copy_eight(dst, src); \\
        if (i) { \\
            dst += i; \\
            src += 8; \\
            continue; \\
        }
    #else
    #define SYSLOGFAST_RUN_2 (void)i;
    #endif

    /* Write characters as UTF-8 up to the first that is not plain, as long as there is space for
       SYSLOGFAST_SLACK octets, which need not all count. The first that is not written is left in
       `from`. */
    enum { SYSLOGFAST_SLACK = 40 };
    #define SYSLOGFAST_COPY(WIDTH, UNIT) \\
    static char *syslogfast_copy_##WIDTH( \\
        char *dst, const char *limit, const UNIT **from, const UNIT *end) \\
    { \\
        const UNIT *src = *from, *stop; \\
        uint64_t words[4], word = 0, marks = 0; \\
        uint32_t code; \\
        size_t i = 0; \\
        (void)words; (void)word; (void)marks; (void)i; \\
        while (limit - dst >= SYSLOGFAST_SLACK) { \\
            stop = end; \\
            if (end - src >= 8) { \\
                stop = src + 8; \\
                SYSLOGFAST_RUN_##WIDTH \\
            } \\
            for (; src < stop; src++) { \\
                code = *src; \\
                if (!syslogfast_is_plain(code)) { \\
                    *from = src; \\
                    return dst; \\
                } \\
                dst = syslogfast_write_plain(dst, code); \\
                if (code >= 0x10000)    /* what follows may be of one kind again */ \\
                    stop = src + 1; \\
            } \\
            if (src == end) \\
                break; \\
        } \\
        *from = src; \\
        return dst; \\
    }

    SYSLOGFAST_COPY(1, uint8_t)
    SYSLOGFAST_COPY(2, uint16_t)
    SYSLOGFAST_COPY(4, uint32_t)

    /* Write a whole text so; return its octets, or 0 if it is longer or not plain. */
    static inline Py_ssize_t syslogfast_copy_text(
        char *dst, Py_ssize_t space, const void *text, Py_ssize_t size, int width)
    {
        const char *end;
        if (width == 1) {
            const uint8_t *src = (const uint8_t *)text;
            end = syslogfast_copy_1(dst, dst + space, &src, src + size);
            return src == (const uint8_t *)text + size ? end - dst : 0;
        }
        if (width == 2) {
            const uint16_t *src = (const uint16_t *)text;
            end = syslogfast_copy_2(dst, dst + space, &src, src + size);
            return src == (const uint16_t *)text + size ? end - dst : 0;
        }
        {
            const uint32_t *src = (const uint32_t *)text;
            end = syslogfast_copy_4(dst, dst + space, &src, src + size);
            return src == (const uint32_t *)text + size ? end - dst : 0;
        }
    }

    #ifdef SYSLOGFAST_VECTORS
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

    /* For ESCAPE_CONTROLS alone, the rule of most texts: the octets that a stretch becomes, of at
       least one vector and at most SYSLOGFAST_STRETCH units: no lane overflows. */
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
    #endif

    /* Measure as many characters as become at most `limit` octets; how many octets those are goes
       to `produced`, and whether none of them is escaped or replaced to `clean`. */
    #ifdef SYSLOGFAST_VECTORS
    #define SYSLOGFAST_MEASURE_1 \\
        while (rules == SYSLOGFAST_ESCAPE_CONTROLS && size - taken >= 16) { \\
            stretch = size - taken < SYSLOGFAST_STRETCH ? size - taken : SYSLOGFAST_STRETCH; \\
            octets = syslogfast_measure_stretch_1(src + taken, stretch, &is_clean); \\
            if (octets > space) \\
                break; \\
            space -= octets; \\
            taken += stretch; \\
            *clean &= is_clean; \\
        }
    #else
    #define SYSLOGFAST_MEASURE_1 (void)stretch; (void)is_clean;
    #endif
    #define SYSLOGFAST_MEASURE_2 (void)stretch; (void)is_clean;
    #define SYSLOGFAST_MEASURE_4 (void)stretch; (void)is_clean;
    #define SYSLOGFAST_MEASURE(WIDTH, UNIT) \\
    static Py_ssize_t syslogfast_measure_##WIDTH( \\
        const UNIT *src, Py_ssize_t size, int rules, Py_ssize_t limit, \\
        Py_ssize_t *produced, int *clean) \\
    { \\
        Py_ssize_t space = limit > 0 ? limit : 0, taken = 0, octets, stretch = 0; \\
        const UNIT *next; \\
        char copy[256 + SYSLOGFAST_SLACK]; \\
        uint32_t code; \\
        int is_clean = 0, copies = !(rules & SYSLOGFAST_ESCAPE_PARAM); \\
        *produced = space; \\
        *clean = 1; \\
        SYSLOGFAST_MEASURE_##WIDTH \\
        while (taken < size) { \\
            next = src + taken; \\
            if (copies) { \\
                octets = syslogfast_copy_##WIDTH( \\
                    copy, copy + sizeof(copy), &next, src + size) - copy; \\
                copies = octets <= space; \\
                if (!copies) \\
                    continue; \\
                space -= octets; \\
                taken = next - src; \\
                if (taken == size) \\
                    break; \\
            } \\
            do { \\
                code = src[taken]; \\
                octets = syslogfast_measure_code(code, rules); \\
                if (octets > space) { \\
                    *produced -= space; \\
                    return taken; \\
                } \\
                space -= octets; \\
                taken++; \\
                *clean &= octets == syslogfast_measure_code(code, 0) && code - 0xd800 >= 0x800; \\
            } while (!copies && taken < size); \\
        } \\
        *produced -= space; \\
        return taken; \\
    }

    SYSLOGFAST_MEASURE(1, uint8_t)
    SYSLOGFAST_MEASURE(2, uint16_t)
    SYSLOGFAST_MEASURE(4, uint32_t)

    /* Write what has been measured: up to `limit` octets may be written that do not count. */
    #define SYSLOGFAST_WRITE_1 \\
        while (!clean && rules == SYSLOGFAST_ESCAPE_CONTROLS \\
                && end - src >= 8 && limit - dst >= 8) { \\
            const uint64_t word = syslogfast_load(src); \\
            const uint64_t marks = syslogfast_mark_not_printable(word); \\
            const int plain = marks ? syslogfast_find_mark(marks) : 8; \\
            memcpy(dst, &word, 8); \\
            src += plain; \\
            dst += plain; \\
            if (marks) \\
                dst = syslogfast_write_code(dst, *src++, rules); \\
        }
    #define SYSLOGFAST_WRITE_2
    #define SYSLOGFAST_WRITE_4
    #define SYSLOGFAST_WRITE(WIDTH, UNIT) \\
    static char *syslogfast_write_##WIDTH( \\
        char *dst, const char *limit, const UNIT *src, Py_ssize_t size, int rules, int clean) \\
    { \\
        const UNIT *end = src + size; \\
        char rest[2 * SYSLOGFAST_SLACK]; \\
        Py_ssize_t octets; \\
        int copies = clean || !(rules & SYSLOGFAST_ESCAPE_PARAM); \\
        SYSLOGFAST_WRITE_##WIDTH \\
        while (src < end) { \\
            if (copies && limit - dst >= SYSLOGFAST_SLACK) { \\
                dst = syslogfast_copy_##WIDTH(dst, limit, &src, end); \\
            } else if (copies) { \\
                octets = syslogfast_copy_##WIDTH(rest, rest + sizeof(rest), &src, end) - rest; \\
                memcpy(dst, rest, octets); \\
                dst += octets; \\
            } \\
            if (src < end) \\
                dst = syslogfast_write_code(dst, *src++, rules); \\
        } \\
        return dst; \\
    }

    SYSLOGFAST_WRITE(1, uint8_t)
    SYSLOGFAST_WRITE(2, uint16_t)
    SYSLOGFAST_WRITE(4, uint32_t)
    """
    # The octets of a text written as UTF-8, SLACK less than there is space for; 0 if it is longer,
    # or not plain. The width is that of a character in memory.
    Py_ssize_t copy_text "syslogfast_copy_text"(
        char *dst, Py_ssize_t space, const void *text, Py_ssize_t size, int width
    ) nogil
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
