# The Python stack of the thread that crashes, for the record of a fatal signal.
#
# `faulthandler` can write it within a handler of signals, but gives that function to signals alone.
# So it is registered for a spare one, with a file in memory to write to, and the handler that it
# has installed is taken from there, and called by ours. Where a frame is not what it should be, it
# crashes itself: then ours is called in the midst of it, and sends the record without a stack.

cdef enum:
    SEEK_SET = 0
    SEEK_CUR = 1
    STACK_SPACE = 4096      # octets: of forty frames or so
    SIGNALS = 5             # SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT


cdef extern from *:
    """
    static const int syslogfast_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    """
    const int[SIGNALS] signals "syslogfast_signals"


cdef struct StackDump:
    void (*write)(int number) noexcept nogil    # NULL: there is none
    int number      # the spare signal
    int fd          # where it writes to

cdef StackDump stack_dump           # set by `use_stack_dump`
cdef char[STACK_SPACE] stack_text   # of the one that crashes
cdef Py_ssize_t stack_size          # so much of that has been written


# Have the Python stack in the records of fatal signals. `faulthandler` has just been registered for
# this signal, whose action was the default one, and becomes that again; it writes to `fd`. 0: none.
def use_stack_dump(int number, int fd, /):
    cdef SignalAction action
    cold_path()
    if not is_main_interpreter():
        return
    stack_dump.fd = fd
    if stack_dump.number != number:
        stack_dump.write = NULL
        stack_dump.number = number
        if number:
            sigaction(number, NULL, &action)
            stack_dump.write = action.sa_handler
            memset(&action, 0, sizeof(action))
            sigaction(number, &action, NULL)


cdef void dump_stack() noexcept nogil:
    """Have this thread's stack in `stack_text`; meanwhile a signal of a fault may come."""
    global stack_size
    cdef Py_ssize_t size
    cdef SignalSet faults, before
    cdef int signal
    sigemptyset(&faults)
    for signal in range(SIGNALS):
        sigaddset(&faults, signals[signal])
    sigprocmask(SIG_UNBLOCK, &faults, &before)  # in Linux that is this thread's mask
    lseek(stack_dump.fd, 0, SEEK_SET)
    stack_dump.write(stack_dump.number)
    sigprocmask(SIG_SETMASK, &before, NULL)
    size = lseek(stack_dump.fd, 0, SEEK_CUR)
    lseek(stack_dump.fd, 0, SEEK_SET)
    if size > 0:
        stack_size = read(stack_dump.fd, stack_text, min(size, <Py_ssize_t>STACK_SPACE))


cdef char *write_stack(char *dst, const char *limit) noexcept nogil:
    """Write what was dumped in one line: a heading, then a line for each frame. Whole ones."""
    cdef const char *next = stack_text
    cdef const char *end = next + max(stack_size, 0)
    cdef const char *line_feed
    cdef const char *separator = b", most recent call first: "
    cdef Py_ssize_t space
    line_feed = <const char *>memchr(next, c"\n", end - next)
    while line_feed != NULL:
        next = line_feed + 1
        line_feed = <const char *>memchr(next, c"\n", end - next)
        space = limit - dst - strlen(separator)
        if line_feed == NULL or line_feed - next - 2 > space:
            break
        if line_feed - next < 7 or memcmp(next, b"  File ", 7):
            break   # faulthandler has found that it is no frame
        dst = write_bytes(dst, separator, strlen(separator))
        dst = write_bytes(dst, next + 2, line_feed - next - 2)
        separator = b"; "
    return dst
