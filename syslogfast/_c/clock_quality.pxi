# Whether the clock is to be believed, which Linux knows: adjtimex(2), for which Python has no call.

cdef extern from *:
    """
    #ifdef __linux__
    #include <sys/timex.h>
    /* Return how many microseconds the clock may be off, or -1: it is not synchronised; -2: nobody
       knows. */
    static long syslogfast_find_accuracy(void) {
        struct timex clock;
        int state;
        memset(&clock, 0, sizeof(clock));   /* nothing is adjusted */
        state = adjtimex(&clock);
        return state < 0 ? -2 : state == TIME_ERROR || clock.status & STA_UNSYNC ? -1
            : (long)clock.maxerror;
    }
    #else
    #define syslogfast_find_accuracy() -2L
    #endif
    """
    long find_accuracy "syslogfast_find_accuracy"()


# Return whether the clock is synchronised, and by how many microseconds it may be off (RFC 5424
# 7.1.2, 7.1.3); None: nobody knows.
def read_clock_quality():
    cdef long accuracy = find_accuracy()
    cold_path()
    if accuracy == -2:
        return None
    return (accuracy >= 0, max(accuracy, 0))
