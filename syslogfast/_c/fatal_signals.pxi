# "About to crash", reported by the process that does. A signal's handler sends one record, then
# leaves the signal to whoever had it before.
#
# What the handler runs allocates nothing, takes no lock, and calls nothing but clock_gettime, poll,
# raise, sendmsg, sigaction and write (signal-safety(7)), memcpy and memset. What else there is to
# do has been done by `arm`.

cdef enum:
    SIGNALS = 5             # SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT
    STACK_SIZE = 65536      # the kernel's part of a signal's frame alone can take 11 KB
    FATAL = 2               # severity (RFC 5424 6.2.1) that the records were prepared with
    STDERR = 2
    SPARE_SPACE = 32      # octets: more than a sequenceId and a delimiter take
    PIPE_BUF = 4096         # POSIX: what is found writable takes so many bytes without waiting


cdef extern from "Python.h":
    const void *PyInterpreterState_Get()
    const void *PyInterpreterState_Main()


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
    bint is_armed
    int forks                   # as many as the transport, and the PROCID, belong to
    # Not objects of the module: they would be None as soon as another interpreter loads it.
    PyObject *queue
    PyObject *sequence
    PyObject *texts
    bint is_orphan              # the interpreter that made them has ended: never to be freed

cdef CrashState crash_state
cdef SignalAction[SIGNALS] former_actions
cdef Py_ssize_t handling_crash    # 0 at first, and not again when another interpreter loads this
cdef char[STACK_SIZE] own_stack


cdef bint write_part(int fd, const char *start, Py_ssize_t size) noexcept nogil:
    """Write to what is no socket, as far as it takes bytes without waiting."""
    cdef Descriptor descriptor
    cdef ssize_t written
    descriptor.fd = fd
    descriptor.events = POLLOUT
    while size:
        if poll(&descriptor, 1, 0) != 1 or descriptor.revents != POLLOUT:
            return False    # it is full; or nobody reads it, and SIGPIPE would end the process
        written = write(fd, start, min(size, PIPE_BUF))
        if written <= 0:
            return False
        start += written
        size -= written
    return True


cdef bint send_parts(int fd, Part *parts, int count) noexcept nogil:
    """Send all of it without waiting; False if that was not done, or not as a whole."""
    cdef Parts message
    cdef Py_ssize_t size = 0, sent
    cdef int index
    for index in range(count):
        size += parts[index].iov_len
    memset(&message, 0, sizeof(message))
    message.msg_iov = parts
    message.msg_iovlen = count
    sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent < 0 and errno == ENOTSOCK:
        for index in range(count):
            if not write_part(fd, <const char *>parts[index].iov_base, parts[index].iov_len):
                return False
        return True
    if sent < 0:  # it may be the error of the datagram before
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
    return sent == size


cdef char *write_crash_record(char *dst, Span text) noexcept nogil:
    cdef Timestamp now
    cdef int64_t *number
    read_clock(&now)
    now.seconds += crash_state.ahead
    now.has_offset = crash_state.zone.has_offset
    now.offset = crash_state.zone.offset
    dst = write_bytes(dst, text.start, crash_state.timestamp)
    if crash_state.layout.is_rfc5424:
        dst = write_rfc5424_timestamp(dst, &now, crash_state.layout.precision)
    else:
        dst = write_rfc3164_timestamp(dst, &now)
    dst = write_bytes(
        dst, text.start + crash_state.timestamp_end, crash_state.number - crash_state.timestamp_end
    )
    number = &(<Sequence>crash_state.sequence).last
    number[0] = follow(number[0])
    if crash_state.number_end > crash_state.number:
        dst = write_decimal(dst, number[0])
    return write_bytes(dst, text.start + crash_state.number_end, text.size - crash_state.number_end)


cdef void send_backlog(Block block, int fd, Part *part) noexcept nogil:
    """Send the datagrams that wait in a block; where it is for a stream, point to what does."""
    part.iov_base = block.start + block.position
    if crash_state.layout.framing != DATAGRAM:
        if block.first < block.count:
            part.iov_len = block.ends[find_contiguous_end(block) - 1] - block.position
        return
    while block.first < block.count and not is_dropped(block, block.first):
        part.iov_len = block.ends[block.first] - block.position
        if not send_parts(fd, part, 1):
            break
        # The process may live on.
        count_sent(<Queue>crash_state.queue, block, part.iov_len, block.first + 1)
        part.iov_base = block.start + block.position
    part.iov_len = 0


cdef void send_crash_record(int signal) noexcept nogil:
    """Send a record over the transport if it takes that at once, else write it to standard error.

    What waits goes before it, unless somebody is sending just now: what the kernel has taken of
    that, nobody knows.
    """
    cdef Part[3] parts      # what waits for a stream; the octet count; the record
    cdef char[24] octets
    cdef char *end = write_crash_record(crash_state.space, crash_state.records[signal])
    cdef Py_ssize_t size = end - crash_state.space
    cdef int fd = (<Queue>crash_state.queue).descriptor
    if crash_state.forks != forks:
        fd = -1     # of the process that has forked this one; Python does not know yet
    memset(parts, 0, sizeof(parts))
    parts[2].iov_base = crash_state.space
    parts[2].iov_len = size + (crash_state.layout.framing >= LF)
    end[0] = c'\0' if crash_state.layout.framing == NUL else c'\n'
    if crash_state.layout.framing == OCTET:
        end = write_decimal(octets, size)
        end[0] = c' '
        parts[1].iov_base = octets
        parts[1].iov_len = end + 1 - octets
    if fd >= 0 and swap(&(<Queue>crash_state.queue).pinned, 0, CRASH_OWNED):
        send_backlog((<Queue>crash_state.queue).oldest, fd, parts)
    elif crash_state.layout.framing != DATAGRAM:
        fd = -1
    if fd >= 0 and send_parts(fd, parts, 3):
        count_sent(
            <Queue>crash_state.queue, (<Queue>crash_state.queue).oldest, parts[0].iov_len,
            (<Queue>crash_state.queue).oldest.count,
        )
        swap(&(<Queue>crash_state.queue).pinned, CRASH_OWNED, 0)
    else:
        crash_state.space[size] = c'\n'
        parts[2].iov_base = crash_state.space + crash_state.layout.prefix_size  # it may be a token
        parts[2].iov_len = size + 1 - crash_state.layout.prefix_size
        send_parts(STDERR, parts + 2, 1)


cdef void on_fatal_signal(int number, Cause *cause, void *context) noexcept nogil:
    """Send the record of a signal, and have the signal come again, to whoever had it before."""
    global errno, handling_crash
    cdef int error = errno, signal = 0
    # What the processor has found comes again by itself, when this returns.
    cdef bint was_sent = cause.si_code <= 0 or number == SIGABRT
    while signals[signal] != number:
        signal += 1
    if not swap(&handling_crash, 0, 1):
        poll(NULL, 0, CRASH_WAIT_MS)    # another thread is at it
    else:
        if crash_state.is_armed and crash_state.records[signal].size:
            send_crash_record(signal)
            crash_state.records[signal].size = 0
        handling_crash = 0
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


cdef void keep(PyObject **address, object value) noexcept:
    cdef PyObject *former = NULL if crash_state.is_orphan else address[0]
    Py_INCREF(value)
    address[0] = <PyObject *>value
    Py_XDECREF(former)


cdef bint is_main_interpreter() noexcept:
    return PyInterpreterState_Get() == PyInterpreterState_Main()


cdef void note_end "syslogfast_note_end"() noexcept:
    """Leave nothing behind of an interpreter that ends: others may have objects at its address.

    What the main one has armed stays, as C may still crash; no other can free it.
    """
    forget_plain_kind()
    if is_main_interpreter():
        crash_state.is_orphan = True


def arm(
    Encoder encoder not None, Queue queue not None, Sequence sequence not None, tuple records,
    Py_ssize_t number, Py_ssize_t number_end, /
):
    """Have a record sent over the transport of `queue` when a fatal signal ends the process.

    records: one for each of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, as `encoder` gives them
        for severity 2 and now, but without framing; from `number` to `number_end` they have
        something in place of their sequenceId, or nothing if both are 0. None: leave it alone.

    Nothing is done outside the main interpreter, as in `disarm`: the process has one handler.
    """
    cdef Py_ssize_t space = 0
    cdef int signal
    cold_path()
    check_ready(encoder)
    if not is_main_interpreter():
        return
    crash_state.is_armed = False
    crash_state.forks = forks
    renew_sequence(sequence)
    keep(&crash_state.queue, queue)
    keep(&crash_state.sequence, sequence)
    keep(&crash_state.texts, records)
    crash_state.layout = encoder.layout
    crash_state.timestamp = encoder.layout.prefix_size + encoder.layout.priority_sizes[FATAL]
    find_zone()
    crash_state.number = max(number, crash_state.timestamp_end)
    crash_state.number_end = max(number_end, crash_state.timestamp_end)
    for signal in range(SIGNALS):
        record = <bytes?>(records[signal] or b"")
        crash_state.records[signal].start = PyBytes_AS_STRING(record)
        crash_state.records[signal].size = PyBytes_GET_SIZE(record)
        space = max(space, crash_state.records[signal].size)
    crash_state.is_orphan = False
    PyMem_RawFree(crash_state.space)   # which may be of an interpreter that has ended
    crash_state.space = <char *>PyMem_RawMalloc(space + SPARE_SPACE)
    if crash_state.space == NULL:
        raise MemoryError
    install_altstack()
    crash_state.is_armed = True
    for signal in range(SIGNALS):
        if crash_state.records[signal].size:
            install_handler(signal)


def disarm():
    """Leave the signals to whoever had them before."""
    cdef SignalAction present
    cdef int signal
    if not is_main_interpreter():
        return
    crash_state.is_armed = False
    for signal in range(SIGNALS):
        sigaction(signals[signal], NULL, &present)
        if present.sa_sigaction == on_fatal_signal:
            sigaction(signals[signal], &former_actions[signal], NULL)
