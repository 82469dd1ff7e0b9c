"""What differs between systems, in C: the clock and local time; for signals see signals.pxd."""

from libc.stdint cimport int64_t


cdef extern from *:
    """
    #include <stdint.h>
    #include <time.h>

    #ifdef _WIN32
    #define SYSLOGFAST_READ_CLOCK(now) timespec_get(now, TIME_UTC)

    static inline int64_t syslogfast_find_offset(int64_t seconds) {
        time_t time = (time_t)seconds, shown;
        struct tm fields;
        if (localtime_s(&fields, &time))
            return 0;   /* before 1970 */
        shown = _mkgmtime(&fields);
        return shown < 0 ? 0 : shown - time;
    }
    #else
    #define SYSLOGFAST_READ_CLOCK(now) clock_gettime(CLOCK_REALTIME, now)

    static inline int64_t syslogfast_find_offset(int64_t seconds) {
        time_t time = (time_t)seconds;
        struct tm fields;
        return localtime_r(&time, &fields) ? fields.tm_gmtoff : 0;
    }
    #endif
    """
    ctypedef int64_t time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    void read_realtime "SYSLOGFAST_READ_CLOCK"(timespec *now) nogil
    # How many seconds local time is ahead of UTC at that time; 0 where that is not known.
    int64_t find_local_offset "syslogfast_find_offset"(int64_t seconds) nogil
