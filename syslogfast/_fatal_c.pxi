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


cdef extern from *:
    """
    #include <errno.h>
    #include <poll.h>
    #include <signal.h>
    #include <sys/socket.h>
    #include <unistd.h>

    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    static const int syslogfast_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    #define SYSLOGFAST_SWAP(place, before, after) \
        __sync_bool_compare_and_swap(place, before, after)
    """
    ctypedef struct Cause "siginfo_t":
        int si_code
    ctypedef struct Action "struct sigaction":
        void (*sa_sigaction)(int, Cause *, void *) noexcept nogil
        int sa_flags
    ctypedef struct Stack "stack_t":
        void *ss_sp
        size_t ss_size
        int ss_flags
    ctypedef struct Part "struct iovec":
        void *iov_base
        size_t iov_len
    ctypedef struct Parts "struct msghdr":
        Part *msg_iov
        size_t msg_iovlen
    ctypedef struct Descriptor "struct pollfd":
        int fd
        short events, revents
    const int[SIGNALS] signals "syslogfast_signals"
    int SA_SIGINFO, SA_ONSTACK, SS_DISABLE, SIGABRT, MSG_DONTWAIT, MSG_NOSIGNAL, POLLOUT, ENOTSOCK
    int errno
    int sigaction(int number, const Action *action, Action *former) nogil
    int sigaltstack(const Stack *stack, Stack *former) nogil
    int raise_signal "raise"(int number) nogil
    ssize_t sendmsg(int fd, const Parts *message, int flags) nogil
    ssize_t write(int fd, const void *data, size_t size) nogil
    int poll(Descriptor *descriptors, unsigned long count, int milliseconds) nogil
    bint swap "SYSLOGFAST_SWAP"(Py_ssize_t *place, Py_ssize_t before, Py_ssize_t after) nogil


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
    int64_t interpreter         # that has armed this
    bint is_armed

cdef Alarm alarm
cdef Queue alarm_queue = None
cdef Sequence alarm_sequence = None
cdef tuple alarm_records = None
cdef Action[SIGNALS] formers
cdef Py_ssize_t is_dying = 0
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
    alarm_sequence.last = follow(alarm_sequence.last)
    if alarm.number_end > alarm.number:
        dst = write_decimal(dst, alarm_sequence.last)
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
        count_sent(alarm_queue, block, part.iov_len)    # in case that the process lives on
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
    cdef int fd = alarm_queue.descriptor
    memset(parts, 0, sizeof(parts))
    parts[2].iov_base = alarm.room
    parts[2].iov_len = size + (alarm.layout.framing >= LF)
    end[0] = c'\0' if alarm.layout.framing == NUL else c'\n'
    if alarm.layout.framing == OCTET:
        end = write_decimal(octets, size)
        end[0] = c' '
        parts[1].iov_base = octets
        parts[1].iov_len = end + 1 - octets
    if fd >= 0 and swap(&alarm_queue.held, 0, DYING):
        take_backlog(alarm_queue.oldest, fd, parts)
    elif alarm.layout.framing != DATAGRAM:
        fd = -1
    if fd >= 0 and send_parts(fd, parts, 3):
        count_sent(alarm_queue, alarm_queue.oldest, parts[0].iov_len)
        swap(&alarm_queue.held, DYING, 0)
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


def arm(
    Encoder encoder not None, Queue queue not None, Sequence sequence not None, tuple records,
    Py_ssize_t number, Py_ssize_t number_end, /
):
    """Have a record sent over the road of `queue` when a fatal signal ends the process.

    records: one for each of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, as `encoder` gives them
        for severity 2 and now, but without framing; from `number` to `number_end` they have
        something in place of their sequenceId, or nothing if both are 0. None: leave it alone.
    """
    global alarm_queue, alarm_sequence, alarm_records
    cdef Py_ssize_t room = 0
    cdef int signal
    check_ready(encoder)
    alarm.is_armed = False
    renew_sequence(sequence)
    alarm_queue, alarm_sequence, alarm_records = queue, sequence, records
    alarm.interpreter = get_interpreter()
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
    alarm.is_armed = False
    for signal in range(SIGNALS):
        sigaction(signals[signal], NULL, &present)
        if present.sa_sigaction == take_leave:
            sigaction(signals[signal], &formers[signal], NULL)


cdef void keep_alarm "syslogfast_keep_alarm"() noexcept:
    """Keep what is of this interpreter, at its end: C may still crash; no other can free it."""
    if alarm.interpreter == get_interpreter():
        Py_INCREF(alarm_queue)
        Py_INCREF(alarm_sequence)
        Py_INCREF(alarm_records)
