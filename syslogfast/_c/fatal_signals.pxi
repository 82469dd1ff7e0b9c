# "About to crash", said by the process that does. A signal's handler sends one record, then leaves
# the signal to whoever had it before.
#
# What the handler runs allocates nothing, takes no lock, and calls nothing but clock_gettime, poll,
# raise, sendmsg, sigaction and write (signal-safety(7)), memcpy and memset. What else there is to
# do has been done by `arm`.

cdef enum:
    SIGNALS = 5             # SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT
    STACK_SIZE = 65536      # the kernel's part of a signal's frame alone can take 11 KB
    FATAL = 2               # severity (RFC 5424 6.2.1) that the records were prepared with
    DYING = -1              # of Queue.held: a handler has taken the road, for good
    STDERR = 2
    GRACE = 100             # milliseconds for somebody else's crash to end the process
    ROOM_TO_SPARE = 32      # octets: more than a sequenceId and a delimiter take
    PIPE_BUF = 4096         # POSIX: what is found writable takes so many bytes without waiting


cdef extern from "Python.h":
    const void *PyInterpreterState_Get()
    const void *PyInterpreterState_Main()


# What there is to be sent, and how: a record for each signal, in which all but the time and the
# sequenceId stands already. `room` is for the longest of them, and what comes to it.
ctypedef struct Alarm:
    Layout layout
    Span[SIGNALS] records
    Py_ssize_t moment, moment_end
    Py_ssize_t number, number_end
    int64_t ahead               # seconds that the clocks of the zone were, when this was armed
    Timestamp zone              # with its offset
    char *room
    bint is_armed
    # Not objects of the module: they would be None as soon as another interpreter loads it.
    PyObject *queue
    PyObject *sequence
    PyObject *texts
    bint is_orphan              # the interpreter that made them has ended: never to be freed

cdef Alarm alarm
cdef Action[SIGNALS] formers
cdef Py_ssize_t is_dying    # 0 at first, and not again when another interpreter loads this
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
    if sent < 0:  # it may have been said of the datagram before
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
    return sent == size


cdef char *write_last_words(char *dst, Span text) noexcept nogil:
    cdef Timestamp now
    cdef int64_t *number
    read_clock(&now)
    now.seconds += alarm.ahead
    now.has_offset = alarm.zone.has_offset
    now.offset = alarm.zone.offset
    dst = write_bytes(dst, text.start, alarm.moment)
    if alarm.layout.is_rfc5424:
        dst = write_rfc5424_timestamp(dst, &now, alarm.layout.precision)
    else:
        dst = write_rfc3164_timestamp(dst, &now)
    dst = write_bytes(dst, text.start + alarm.moment_end, alarm.number - alarm.moment_end)
    number = &(<Sequence>alarm.sequence).last
    number[0] = follow(number[0])
    if alarm.number_end > alarm.number:
        dst = write_decimal(dst, number[0])
    return write_bytes(dst, text.start + alarm.number_end, text.size - alarm.number_end)


cdef void take_backlog(Block block, int fd, Part *part) noexcept nogil:
    """Send the datagrams that wait in a block; where it is for a stream, point to what does."""
    part.iov_base = block.start + block.position
    if alarm.layout.framing != DATAGRAM:
        if block.first < block.count:
            part.iov_len = block.ends[find_gap(block) - 1] - block.position
        return
    while block.first < block.count and not is_dropped(block, block.first):
        part.iov_len = block.ends[block.first] - block.position
        if not send_parts(fd, part, 1):
            break
        count_sent(<Queue>alarm.queue, block, part.iov_len)    # in case that the process lives on
        part.iov_base = block.start + block.position
    part.iov_len = 0


cdef void send_last_words(int signal) noexcept nogil:
    """Send a record over the road if that can be done at once, else write it to standard error.

    What waits goes before it, unless somebody is sending just now: what the kernel has taken of
    that, nobody knows.
    """
    cdef Part[3] parts      # what waits for a stream; the octet count; the record
    cdef char[24] octets
    cdef char *end = write_last_words(alarm.room, alarm.records[signal])
    cdef Py_ssize_t size = end - alarm.room
    cdef int fd = (<Queue>alarm.queue).descriptor
    memset(parts, 0, sizeof(parts))
    parts[2].iov_base = alarm.room
    parts[2].iov_len = size + (alarm.layout.framing >= LF)
    end[0] = c'\0' if alarm.layout.framing == NUL else c'\n'
    if alarm.layout.framing == OCTET:
        end = write_decimal(octets, size)
        end[0] = c' '
        parts[1].iov_base = octets
        parts[1].iov_len = end + 1 - octets
    if fd >= 0 and swap(&(<Queue>alarm.queue).held, 0, DYING):
        take_backlog((<Queue>alarm.queue).oldest, fd, parts)
    elif alarm.layout.framing != DATAGRAM:
        fd = -1
    if fd >= 0 and send_parts(fd, parts, 3):
        count_sent(<Queue>alarm.queue, (<Queue>alarm.queue).oldest, parts[0].iov_len)
        swap(&(<Queue>alarm.queue).held, DYING, 0)
    else:
        alarm.room[size] = c'\n'
        parts[2].iov_len = size + 1
        send_parts(STDERR, parts + 2, 1)


cdef void take_leave(int number, Cause *cause, void *context) noexcept nogil:
    """Send the record of a signal, and have the signal come again, to whoever had it before."""
    global errno, is_dying
    cdef int error = errno, signal = 0
    # What the processor has found comes again by itself, when this returns.
    cdef bint was_sent = cause.si_code <= 0 or number == SIGABRT
    while signals[signal] != number:
        signal += 1
    if not swap(&is_dying, 0, 1):
        poll(NULL, 0, GRACE)    # another thread is at it
    else:
        if alarm.is_armed and alarm.records[signal].size:
            send_last_words(signal)
            alarm.records[signal].size = 0
        is_dying = 0
    sigaction(number, &formers[signal], NULL)
    # The former may have this one for its own former: if it comes again, that is the end.
    memset(&formers[signal], 0, sizeof(Action))
    if was_sent:
        raise_signal(number)
    errno = error


cdef void install_handler(int signal) noexcept nogil:
    cdef Action action, present
    memset(&action, 0, sizeof(action))
    action.sa_sigaction = take_leave
    action.sa_flags = SA_SIGINFO | SA_ONSTACK
    sigaction(signals[signal], NULL, &present)
    if present.sa_sigaction != take_leave:
        formers[signal] = present
        sigaction(signals[signal], &action, NULL)


cdef void provide_stack() noexcept nogil:
    """Give this thread a stack for when its own has run over, unless it has one."""
    cdef Stack stack
    if sigaltstack(NULL, &stack) == 0 and stack.ss_flags & SS_DISABLE:
        stack.ss_sp = own_stack
        stack.ss_size = STACK_SIZE
        stack.ss_flags = 0
        sigaltstack(&stack, NULL)


cdef void find_zone() noexcept nogil:
    """Take down how far ahead of UTC the clocks are: to ask for that takes a lock."""
    cdef Timestamp *zone = &alarm.zone
    alarm.moment_end = alarm.moment + 15    # RFC 3164 4.1.2
    read_clock(zone)
    alarm.ahead = -zone.seconds
    if alarm.layout.is_rfc5424:
        move_to_rfc5424_zone(zone, alarm.layout.local_time)
        alarm.moment_end = alarm.moment
        alarm.moment_end += measure_rfc5424_timestamp(zone, alarm.layout.precision)
    else:
        move_to_rfc3164_zone(zone, alarm.layout.local_time)
    alarm.ahead += zone.seconds


cdef void keep(PyObject **place, object value) noexcept:
    cdef PyObject *former = NULL if alarm.is_orphan else place[0]
    Py_INCREF(value)
    place[0] = <PyObject *>value
    Py_XDECREF(former)


cdef bint is_main_interpreter() noexcept:
    return PyInterpreterState_Get() == PyInterpreterState_Main()


cdef void note_end "syslogfast_note_end"() noexcept:
    """Leave nothing behind of an interpreter that ends: others may have objects in its place.

    What the main one has armed stays, as C may still crash; no other can free it.
    """
    forget_plain_kind()
    if is_main_interpreter():
        alarm.is_orphan = True


def arm(
    Encoder encoder not None, Queue queue not None, Sequence sequence not None, tuple records,
    Py_ssize_t number, Py_ssize_t number_end, /
):
    """Have a record sent over the road of `queue` when a fatal signal ends the process.

    records: one for each of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, as `encoder` gives them
        for severity 2 and now, but without framing; from `number` to `number_end` they have
        something in place of their sequenceId, or nothing if both are 0. None: leave it alone.

    Nothing is done outside the main interpreter, as in `disarm`: the process has one handler.
    """
    cdef Py_ssize_t room = 0
    cdef int signal
    rarely()
    check_ready(encoder)
    if not is_main_interpreter():
        return
    alarm.is_armed = False
    renew_sequence(sequence)
    keep(&alarm.queue, queue)
    keep(&alarm.sequence, sequence)
    keep(&alarm.texts, records)
    alarm.layout = encoder.layout
    alarm.moment = alarm.layout.prefix_size + alarm.layout.priority_sizes[FATAL]
    find_zone()
    alarm.number = max(number, alarm.moment_end)
    alarm.number_end = max(number_end, alarm.moment_end)
    for signal in range(SIGNALS):
        record = <bytes?>(records[signal] or b"")
        alarm.records[signal].start = PyBytes_AS_STRING(record)
        alarm.records[signal].size = PyBytes_GET_SIZE(record)
        room = max(room, alarm.records[signal].size)
    alarm.is_orphan = False
    PyMem_RawFree(alarm.room)   # which may be of an interpreter that has ended
    alarm.room = <char *>PyMem_RawMalloc(room + ROOM_TO_SPARE)
    if alarm.room == NULL:
        raise MemoryError
    provide_stack()
    alarm.is_armed = True
    for signal in range(SIGNALS):
        if alarm.records[signal].size:
            install_handler(signal)


def disarm():
    """Leave the signals to whoever had them before."""
    cdef Action present
    cdef int signal
    if not is_main_interpreter():
        return
    alarm.is_armed = False
    for signal in range(SIGNALS):
        sigaction(signals[signal], NULL, &present)
        if present.sa_sigaction == take_leave:
            sigaction(signals[signal], &formers[signal], NULL)
