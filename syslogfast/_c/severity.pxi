# Keywords of severities, read from their letters: a keyword that was computed, and one in capitals,
# takes no longer than one that stands in the program. SEVERITIES of `constants.py` has the same.

cdef inline uint32_t fold_4(const void *letters) noexcept nogil:
    """Return four letters, small ones; nothing else becomes a small letter."""
    cdef uint32_t word
    memcpy(&word, letters, 4)
    return word | 0x20202020


cdef int find_keyword(const uint8_t *name, Py_ssize_t size) noexcept nogil:
    """Return the severity of an ASCII keyword in any case, -1 if it is none."""
    cdef uint32_t first, last
    if size == 3:
        return 3 if name[0] | 32 == c'e' and name[1] | 32 == c'r' and name[2] | 32 == c'r' else -1
    if not 4 <= size <= 9:
        return -1
    first = fold_4(name)
    last = fold_4(name + size - 4)
    if size == 4:
        if first == fold_4(b"info"):
            return 6
        if first == fold_4(b"warn"):
            return 4
        return 2 if first == fold_4(b"crit") else -1
    if size == 5:
        if first == fold_4(b"erro") and last == fold_4(b"rror"):
            return 3
        if first == fold_4(b"debu") and last == fold_4(b"ebug"):
            return 7
        if first == fold_4(b"aler") and last == fold_4(b"lert"):
            return 1
        if first == fold_4(b"emer") and last == fold_4(b"merg"):
            return 0
        return 0 if first == fold_4(b"pani") and last == fold_4(b"anic") else -1
    if size == 6:
        return 5 if first == fold_4(b"noti") and last == fold_4(b"tice") else -1
    if size == 7:
        return 4 if first == fold_4(b"warn") and last == fold_4(b"ning") else -1
    if size == 8:
        return 2 if first == fold_4(b"crit") and last == fold_4(b"ical") else -1
    return (
        0 if first == fold_4(b"emer") and name[4] | 32 == c'g' and last == fold_4(b"ency") else -1
    )


cdef int find_severity(object keyword) noexcept:
    """Return the severity of a str, whatever a subclass pretends to be; -1 if it is no keyword."""
    cdef const uint8_t *name
    cdef Py_ssize_t size
    cdef int code
    if not PyUnicode_IS_ASCII(keyword):
        return -1
    name = <const uint8_t *>PyUnicode_DATA(keyword)
    size = PyUnicode_GET_LENGTH(keyword)
    code = find_keyword(name, size)
    if code >= 0 or size < 4 or name[3] != c'_' or fold_4(name) != fold_4(b"log_"):
        return code
    return find_keyword(name + 4, size - 4)     # LOG_INFO, of syslog.h
