# What the handlers of signals send, and how: fatal_signals.pxi says what may be called here.

cdef enum:
    STALL_MS = 1000         # for a collector that does not read to go on
    PIPE_BUF = 4096         # POSIX: what is found writable takes so many bytes without waiting
    LAST_WORDS = 1          # seconds, begun ones aside, that what waits may take to be sent


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
    Queue queue, Block block, Py_ssize_t count, int fd, bint is_datagram, int64_t last
) noexcept nogil:
    """Send the records of a block before index `count`; False if not all of them could be sent."""
    cdef Py_ssize_t end, sent
    while block.first < count:
        if is_dropped(block, block.first):
            block.position = find_end(block, block.first)
            block.first += 1
            continue
        end = block.first + 1 if is_datagram else min(find_contiguous_end(block), count)
        sent = send_part(fd, block.start + block.position, block.ends[end - 1] - block.position)
        count_sent(queue, block, sent, end)     # the process may live on
        if not sent and not await_space(fd, last):
            return False
    return True


cdef bint send_backlog(Queue queue, int fd, int64_t last) noexcept nogil:
    """Send what waits in a queue, which is CRASH_OWNED; False if not all of it could be sent.

    That is what waits now: threads that need no GIL of this one's may go on to emit without end.
    """
    cdef PyObject *block = <PyObject *>queue.oldest
    cdef PyObject *newest = <PyObject *>queue.newest
    cdef Py_ssize_t count = (<Block>newest).count
    cdef int kind = 0
    cdef socklen_t length = sizeof(kind)
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length)
    while block != newest:
        if not send_block(
            queue, <Block>block, (<Block>block).count, fd, kind == SOCK_DGRAM, last
        ):
            return False
        block = <PyObject *>(<Block>block).next
    return send_block(queue, <Block>newest, count, fd, kind == SOCK_DGRAM, last)
