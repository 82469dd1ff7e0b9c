"""Decimal digits, written at a pointer that is returned advanced. No objects, no GIL.

The caller sees to the space and to the range that each function names.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MAX_SEQUENCE_ID = 2147483647    # RFC 5424 7.3.1


cdef extern from *:
    """
    static const char syslogfast_two_digits[201] =
        "00010203040506070809" "10111213141516171819" "20212223242526272829"
        "30313233343536373839" "40414243444546474849" "50515253545556575859"
        "60616263646566676869" "70717273747576777879" "80818283848586878889"
        "90919293949596979899";
    """
    const char *two_digits "syslogfast_two_digits"


cdef inline char *write_2_digits(char *dst, uint32_t value) noexcept nogil:
    """value < 100"""
    memcpy(dst, two_digits + 2 * value, 2)
    return dst + 2


@cython.cdivision(True)
cdef inline char *write_4_digits(char *dst, uint32_t value) noexcept nogil:
    """value < 10,000"""
    return write_2_digits(write_2_digits(dst, value // 100u), value % 100u)


@cython.cdivision(True)
cdef inline Py_ssize_t count_digits(uint64_t value) noexcept nogil:
    cdef Py_ssize_t count = 1
    while value >= 10:
        value //= 10
        count += 1
    return count


@cython.cdivision(True)
cdef inline char *write_decimal(char *dst, uint64_t value) noexcept nogil:
    """Any value, without leading zeros: up to 20 bytes."""
    cdef char *end = dst + count_digits(value)
    dst = end
    while True:
        dst -= 1
        dst[0] = <char>(c'0' + value % 10)
        value //= 10
        if value == 0:
            return end


@cython.cdivision(True)
cdef inline int64_t follow(int64_t number) noexcept nogil:
    """Return the number after another in a sequence: from 1 on, and again from 1."""
    return number % MAX_SEQUENCE_ID + 1
