# From the queue to the kernel, over sockets for datagrams and plain streams: what who emits and the
# worker use; handler_sending.pxi is for handlers of signals. block.pxi has the theory of `pinned`.
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
    SHORT_SEND = 4096       # bytes: to send them takes less time than to get the GIL back
    MOST_SEGMENTS = 64      # datagrams of one call: UDP_MAX_SEGMENTS in Linux
    MAX_DATAGRAM = 65507    # RFC 768, RFC 791: 65,535 octets with both headers


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


cdef extern from "datagram_socket.h":
    object make_socket_type "SYSLOGFAST_MAKE_SOCKET_TYPE"()


DatagramSocket = make_socket_type()     # None: the system is another than Linux
