# From the queue to the kernel, over sockets for datagrams and plain streams: what who emits, the
# worker and the handlers of signals use. block.pxi has the theory of `pinned`.
#
# Between the kernel's taking of bytes and the account of them none of Python's code runs, and
# nobody waits for the GIL, which a thread that crashes may have for good. `Queue.sent_now` says how
# far a sender is, so that a signal's handler, in any thread, can go on in its place:
#   NOT_SENDING   nobody is in `send_oldest`; if records are pinned, then by a transport in Python;
#   IN_KERNEL     the kernel is at it, which does not take long; a handler waits for that;
#   0 or more     so many bytes were taken. Who swaps this for ACCOUNTING has to account for them;
#   ACCOUNTING    the sender or a handler does, and ends with NOT_SENDING.
# A handler that has interrupted the sender's own thread amid IN_KERNEL or ACCOUNTING would wait in
# vain. It leaves a signal that somebody has sent in `Queue.deferred`, and the sender raises it.

cdef enum:
    NOT_SENDING = -1        # of Queue.sent_now
    IN_KERNEL = -2
    ACCOUNTING = -3
    SHORT_SEND = 4096       # bytes: to send them takes less time than to get the GIL back
    MOST_SEGMENTS = 64      # datagrams of one call: UDP_MAX_SEGMENTS in Linux
    MAX_DATAGRAM = 65507    # RFC 768, RFC 791: 65,535 octets with both headers
    STALL_MS = 1000         # for a collector that does not read to go on
    PIPE_BUF = 4096         # POSIX: what is found writable takes so many bytes without waiting


cdef Py_ssize_t send_pinned(
    Queue queue, const char *start, Py_ssize_t size, Py_ssize_t segment
) noexcept nogil:
    """Have the kernel take some of the bytes that are pinned; return how many, or -1.

    segment: bytes of each datagram; 0: it is a stream.
    """
    cdef char[1024] said
    cdef Py_ssize_t sent = 1
    if not segment:     # TCP takes bytes for a collector that has gone; else collectors say nothing
        sent = recv(queue.descriptor, said, sizeof(said), MSG_DONTWAIT)
    if sent > 0 or (sent < 0 and errno == EAGAIN):
        sent = send_segments(queue.descriptor, start, size, segment if segment else size)
        if sent < 0 and errno == EAGAIN:
            sent = 0
    else:
        sent = -1
    queue.sent_now = max(sent, 0)
    return sent


cdef bint account_for_sent(Queue queue) noexcept nogil:
    """Account for what a sender has had the kernel take; False if that is not known, or is done."""
    cdef Py_ssize_t taken = queue.sent_now
    cdef PyObject *block = <PyObject *>queue.oldest
    if taken < 0 or not swap(&queue.sent_now, taken, ACCOUNTING):
        return False
    if queue.pinned > 0:    # else all was dropped meanwhile
        count_sent(queue, <Block>block, taken, (<Block>block).first + queue.pinned)
    return True


cdef Py_ssize_t send_oldest(Queue queue, Py_ssize_t longest) except? -1:
    """Send what is to be sent next, as far as that goes without waiting, and account for it.

    longest: bytes of a record that may be sent with others of its size in one call; 0: each alone;
    -1: it is a stream; -2: the same, but no record after the first. Return the number of bytes;
    -1: a transport in Python has to look why not.
    """
    cdef Block block
    cdef Py_ssize_t end, size, segment = 0, sent = 0
    cdef int number
    queue.sent_now = IN_KERNEL
    block = pin_oldest(queue)
    if block is not None:
        if longest >= 0:
            end = find_run_end(block, longest, MOST_SEGMENTS, MAX_DATAGRAM, &segment)
        else:
            end = find_contiguous_end(block) if longest == -1 else block.first + 1
        queue.pinned = end - block.first
        size = block.ends[end - 1] - block.position
        if size <= SHORT_SEND:
            sent = send_pinned(queue, block.start + block.position, size, segment)
        else:
            with nogil:
                sent = send_pinned(queue, block.start + block.position, size, segment)
        if account_for_sent(queue):
            advance_block(queue)
            swap(&queue.pinned, queue.pinned, 0)
            queue.sent_now = NOT_SENDING
    else:
        queue.sent_now = NOT_SENDING
    number, queue.deferred = queue.deferred, 0
    if number:
        raise_signal(number)
    return sent


# --- what the handlers of signals do; see fatal_signals.pxi for what may be called ----------------

cdef int64_t find_second() noexcept nogil:
    cdef Timestamp now
    read_clock(&now)
    return now.seconds


cdef bint is_sending_here(Queue queue) noexcept nogil:
    """Return True if this thread has been interrupted in `send_oldest`."""
    return queue.sent_now <= IN_KERNEL and queue.pinned_by == &errno


cdef bint take_queue(Queue queue) noexcept nogil:
    """Wait until nobody sends, but not for long; False if somebody does still."""
    cdef int tries
    for tries in range(CRASH_WAIT_MS):
        if swap(&queue.pinned, 0, CRASH_OWNED):
            return True
        if account_for_sent(queue):
            queue.pinned = CRASH_OWNED
            queue.sent_now = NOT_SENDING
            return True
        if queue.pinned_by == &errno:
            return False    # this thread has been interrupted in the midst of it
        poll(NULL, 0, 1)
    return False


cdef Py_ssize_t send_part(int fd, const char *start, Py_ssize_t size) noexcept nogil:
    """Send what can be without waiting, and return how many bytes that were; errno says why."""
    global errno
    cdef Descriptor descriptor
    cdef Py_ssize_t sent, written
    sent = send(fd, start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent < 0 and errno != ENOTSOCK:  # it may be the error of the datagram before
        sent = send(fd, start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    elif sent < 0:
        sent = 0
        errno = EAGAIN
        descriptor.fd = fd
        descriptor.events = POLLOUT
        # If it is full, or if nobody reads it and SIGPIPE would end the process, that is all.
        while sent < size and poll(&descriptor, 1, 0) == 1 and descriptor.revents == POLLOUT:
            written = write(fd, start + sent, min(size - sent, PIPE_BUF))
            if written <= 0:
                break
            sent += written
    return max(sent, 0)


cdef bint await_space(int fd, int64_t last) noexcept nogil:
    """Wait, after a send that took nothing, until one may; False if that is none, or too late.

    last: a second after which nothing is waited for.
    """
    cdef Descriptor descriptor
    descriptor.fd = fd
    descriptor.events = POLLOUT
    return (
        errno == EAGAIN and find_second() <= last and poll(&descriptor, 1, STALL_MS) == 1
        and descriptor.revents == POLLOUT
    )


cdef bint send_whole(int fd, const char *start, Py_ssize_t size, int64_t last) noexcept nogil:
    """Send bytes that no queue has, waiting no longer than `await_space`; False if not all went."""
    cdef Py_ssize_t sent
    while size:
        sent = send_part(fd, start, size)
        start += sent
        size -= sent
        if not sent and not await_space(fd, last):
            return False
    return True


cdef bint send_block(
    Queue queue, Block block, int fd, bint is_datagram, int64_t last
) noexcept nogil:
    cdef Py_ssize_t end, sent
    while block.first < block.count:
        if is_dropped(block, block.first):
            block.position = find_end(block, block.first)
            block.first += 1
            continue
        end = block.first + 1 if is_datagram else find_contiguous_end(block)
        sent = send_part(fd, block.start + block.position, block.ends[end - 1] - block.position)
        count_sent(queue, block, sent, end)     # the process may live on
        if not sent and not await_space(fd, last):
            return False
    return True


cdef bint send_backlog(Queue queue, int fd, int64_t last) noexcept nogil:
    """Send what waits in a queue, which is CRASH_OWNED; False if not all of it could be sent."""
    cdef PyObject *block = <PyObject *>queue.oldest
    cdef int kind = 0
    cdef socklen_t length = sizeof(kind)
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length)
    while block != Py_None:
        if not send_block(queue, <Block>block, fd, kind == SOCK_DGRAM, last):
            return False
        block = <PyObject *>(<Block>block).next
    return True


cdef extern from "datagram_socket.h":
    object make_socket_type "SYSLOGFAST_MAKE_SOCKET_TYPE"()


DatagramSocket = make_socket_type()     # None: the system is another than Linux
