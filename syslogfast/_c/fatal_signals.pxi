# "About to crash", reported by the process that does. A signal's handler sends one record, then
# leaves the signal to whoever had it before.
#
# What the handler runs allocates nothing, takes no lock, and calls nothing but clock_gettime,
# getpid, getsockopt, lseek, poll, raise, read, send, setsockopt, sigaction, sigprocmask and
# write (signal-safety(7)), memchr, memcmp, memcpy, memset and strlen, what `faulthandler` has for
# this, and Python's PyErr_SetInterruptEx, which is for this. All else has been done by `arm`.

cdef enum:
    STACK_SIZE = 65536      # the kernel's part of a signal's frame alone can take 11 KB
    FATAL = 2               # severity (RFC 5424 6.2.1) that the records were prepared with
    STDERR = 2
    SPARE_SPACE = 32        # octets: more than an octet count, or sequenceId and delimiter, take


# What there is to be sent, and how: a record for each signal, in which all but the time and the
# sequenceId stands already. `space` is for the longest of them, and what comes to it.
ctypedef struct CrashState:
    Layout layout
    Span[SIGNALS] records
    Py_ssize_t timestamp, timestamp_end
    Py_ssize_t number, number_end
    int64_t ahead               # seconds that the clocks of the zone were, when this was armed
    Timestamp zone              # with its offset
    char *space
    Py_ssize_t reserve          # bytes that the longest of them takes, framed
    bint is_armed
    int process                 # whose the transport and the PROCID are
    # Not objects of the module: they would be None as soon as another interpreter loads it.
    PyObject *queue
    PyObject *ring              # of the flight recorder; NULL: there is none
    int64_t *last_number        # of `sequence`
    PyObject *kept              # a tuple of these and the texts
    bint is_orphan              # the interpreter that made them has ended: never to be freed

cdef CrashState crash_state
cdef SignalAction[SIGNALS] former_actions
cdef Py_ssize_t handling_crash    # 0 at first, and not again when another interpreter loads this
cdef int *crashing          # by then the address of the errno of the thread that is at it
cdef int dumped_for         # the signal for which it is dumping its stack, or 0
cdef char[STACK_SIZE] own_stack


cdef char *write_crash_record(char *dst, Span text, Timestamp *time) noexcept nogil:
    time.seconds += crash_state.ahead
    time.has_offset = crash_state.zone.has_offset
    time.offset = crash_state.zone.offset
    dst = write_bytes(dst, text.start, crash_state.timestamp)
    if crash_state.layout.is_rfc5424:
        dst = write_rfc5424_timestamp(dst, time, crash_state.layout.precision)
    else:
        dst = write_rfc3164_timestamp(dst, time)
    dst = write_bytes(
        dst, text.start + crash_state.timestamp_end, crash_state.number - crash_state.timestamp_end
    )
    crash_state.last_number[0] = follow(crash_state.last_number[0])
    if crash_state.number_end > crash_state.number:
        dst = write_decimal(dst, crash_state.last_number[0])
    return write_bytes(dst, text.start + crash_state.number_end, text.size - crash_state.number_end)


cdef void send_crash_record(int signal) noexcept nogil:
    """Send a record over the transport if that takes it soon, else write it to standard error.

    What waits goes before it, unless a transport in Python is sending just now: what the kernel has
    taken of that, nobody knows. Its time is that of the crash, its number that of its place.
    """
    # The octet count, of which the framed record begins with a part, is written before it.
    cdef char *start = crash_state.space + SPARE_SPACE
    cdef char *end
    cdef char *frame = start
    cdef char[24] octets
    cdef Py_ssize_t size
    cdef Timestamp now
    cdef int64_t last
    cdef int fd = (<Queue>crash_state.queue).descriptor
    read_clock(&now)
    last = now.seconds + LAST_WORDS
    if crash_state.process != getpid():
        fd = -1     # of the process that has forked this one; Python does not know yet
    if fd >= 0 and take_queue(<Queue>crash_state.queue):
        if not send_backlog(<Queue>crash_state.queue, fd, last):
            fd = -1
        if fd >= 0 and crash_state.ring != NULL:
            if not send_recorded(
                <Queue>crash_state.ring, <Queue>crash_state.queue, fd, crash_state.reserve, last
            ):
                fd = -1
    elif crash_state.layout.framing != DATAGRAM:
        fd = -1
    end = write_crash_record(start, crash_state.records[signal], &now)
    end = write_stack(
        end, start + min(<Py_ssize_t>crash_state.layout.max_size, crash_state.reserve)
    )
    size = end - start
    end[0] = c'\0' if crash_state.layout.framing == NUL else c'\n'
    end += crash_state.layout.framing >= LF
    if crash_state.layout.framing == OCTET:
        frame[-1] = c' '
        frame -= write_decimal(octets, size) - octets + 1
        memcpy(frame, octets, start - 1 - frame)
    if fd >= 0 and send_whole(fd, frame, end - frame, last):
        swap(&(<Queue>crash_state.queue).pinned, CRASH_OWNED, 0)
    else:
        start[size] = c'\n'
        start += crash_state.layout.prefix_size  # it may be a token
        send_part(STDERR, start, size + 1 - crash_state.layout.prefix_size)


cdef void finish_crash(int signal) noexcept nogil:
    global crashing, handling_crash
    if crash_state.is_armed and crash_state.records[signal].size:
        send_crash_record(signal)
        crash_state.records[signal].size = 0
    crashing = NULL
    handling_crash = 0


cdef void on_fatal_signal(int number, Cause *cause, void *context) noexcept nogil:
    """Send the record of a signal, and have the signal come again, to whoever had it before."""
    global crashing, dumped_for, errno, stack_size
    cdef int error = errno, signal = 0, tries = 0
    # What the processor has found comes again by itself, when this returns.
    cdef bint was_sent = cause.si_code <= 0 or number == SIGABRT
    while signals[signal] != number:
        signal += 1
    if was_sent and crash_state.is_armed and is_sending_here(<Queue>crash_state.queue):
        (<Queue>crash_state.queue).deferred = number    # it comes again where the send is over
        errno = error
        return
    if not swap(&handling_crash, 0, 1):
        if crashing != &errno:
            while handling_crash and tries < CRASH_WAITS:   # another thread is at it
                poll(NULL, 0, CRASH_WAIT_MS)
                tries += 1
        elif was_sent:
            errno = error   # one more of those that this thread is at already
            return
        elif dumped_for:
            # That has crashed, and is not gone back to: this does what was to be done after it.
            number, dumped_for = dumped_for, 0
            signal = 0
            while signals[signal] != number:
                signal += 1
            was_sent = True
            finish_crash(signal)
    else:
        crashing = &errno
        if crash_state.is_armed and crash_state.records[signal].size and stack_dump.write != NULL:
            stack_size = 0
            dumped_for = number
            dump_stack()
            dumped_for = 0
        finish_crash(signal)
    sigaction(number, &former_actions[signal], NULL)
    # The former may have this one for its own former: if it comes again, that is the end.
    memset(&former_actions[signal], 0, sizeof(SignalAction))
    if was_sent:
        raise_signal(number)
    errno = error


cdef void install_handler(int signal) noexcept nogil:
    cdef SignalAction action, present
    memset(&action, 0, sizeof(action))
    action.sa_sigaction = on_fatal_signal
    action.sa_flags = SA_SIGINFO | SA_ONSTACK
    sigaction(signals[signal], NULL, &present)
    if present.sa_sigaction != on_fatal_signal:
        former_actions[signal] = present
        sigaction(signals[signal], &action, NULL)


cdef void install_altstack() noexcept nogil:
    """Give this thread a stack for when its own has run over, unless it has one."""
    cdef Stack stack
    if sigaltstack(NULL, &stack) == 0 and stack.ss_flags & SS_DISABLE:
        stack.ss_sp = own_stack
        stack.ss_size = STACK_SIZE
        stack.ss_flags = 0
        sigaltstack(&stack, NULL)


cdef void find_zone() noexcept nogil:
    """Take down how far ahead of UTC the clocks are: to ask for that takes a lock."""
    cdef Timestamp *zone = &crash_state.zone
    crash_state.timestamp_end = crash_state.timestamp + 15    # RFC 3164 4.1.2
    read_clock(zone)
    crash_state.ahead = -zone.seconds
    if crash_state.layout.is_rfc5424:
        move_to_rfc5424_zone(zone, crash_state.layout.local_time)
        crash_state.timestamp_end = crash_state.timestamp
        crash_state.timestamp_end += measure_rfc5424_timestamp(zone, crash_state.layout.precision)
    else:
        move_to_rfc3164_zone(zone, crash_state.layout.local_time)
    crash_state.ahead += zone.seconds


# Have a record sent over the transport of `queue` when a fatal signal ends the process.
#
# records: one for each of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, as `encoder` gives them for
# severity 2 and now, but without framing; from `number` to `number_end` they have something in
# place of their sequenceId, or nothing if both are 0. An empty one: leave it alone.
#
# ring: what is sent before it, or None.
#
# Nothing is done outside the main interpreter, as in `disarm`: the process has one handler.
def arm(
    Encoder encoder not None, Queue queue not None, Sequence sequence not None, records,
    Py_ssize_t number, Py_ssize_t number_end, Queue ring, /
):
    cdef Py_ssize_t space = 0
    cdef int signal
    cdef PyObject *record
    cdef const Layout *layout
    cold_path()
    layout = get_layout(encoder)
    if not is_main_interpreter():
        return
    crash_state.is_armed = False
    crash_state.process = getpid()
    kept = (queue, sequence, records, ring)
    Py_INCREF(kept)
    if not crash_state.is_orphan:
        Py_XDECREF(crash_state.kept)
    crash_state.kept = <PyObject *>kept
    crash_state.queue = <PyObject *>queue
    crash_state.ring = NULL if ring is None else <PyObject *>ring
    crash_state.last_number = find_last_number(sequence)
    crash_state.layout = layout[0]
    crash_state.timestamp = layout.prefix_size + layout.priority_sizes[FATAL]
    find_zone()
    crash_state.number = max(number, crash_state.timestamp_end)
    crash_state.number_end = max(number_end, crash_state.timestamp_end)
    for signal in range(SIGNALS):
        record = get_item(<PyObject *>records, signal)
        crash_state.records[signal].start = PyBytes_AS_STRING(<object>record)
        crash_state.records[signal].size = PyBytes_GET_SIZE(<object>record)
        space = max(space, crash_state.records[signal].size)
    crash_state.is_orphan = False
    PyMem_RawFree(crash_state.space)   # which may be of an interpreter that has ended
    crash_state.reserve = space + STACK_SPACE
    crash_state.space = <char *>PyMem_RawMalloc(crash_state.reserve + 2 * SPARE_SPACE)
    if crash_state.space == NULL:
        raise MemoryError
    install_altstack()
    crash_state.is_armed = True
    for signal in range(SIGNALS):
        if crash_state.records[signal].size:
            install_handler(signal)


# Leave the signals to whoever had them before.
def disarm():
    cdef SignalAction present
    cdef int signal
    if not is_main_interpreter():
        return
    crash_state.is_armed = False
    for signal in range(SIGNALS):
        sigaction(signals[signal], NULL, &present)
        if present.sa_sigaction == on_fatal_signal:
            sigaction(signals[signal], &former_actions[signal], NULL)
