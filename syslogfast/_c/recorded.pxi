# The flight recorder's records before the record of a fatal signal, from its handler.
#
# That record comes first in space, and last in order: its space is kept, then the newest of the
# others that find some are sent. If a collector is seen to read, all are, in slices. How much space
# there is, the kernel says (SO_MEMINFO), in its own measure: it counts more bytes than it has been
# given. UDP has no space, but routers and receivers have: after each BURST there is a pause.
#
# The ring is frozen by CRASH_OWNED, as a queue is: block.pxi. Who records meanwhile finds no block
# to overwrite. One who is caught in the midst of that has taken the oldest out of the chain.

cdef enum:
    BURST = 64              # datagrams that are sent without a pause,
    BURST_PAUSE_MS = 4      # which is so long, unless that would make too much of it in all
    LOCAL_QUEUE = 10        # datagrams that a unix socket holds, beside one (max_dgram_qlen)
    SMALLEST = 768          # bytes that the kernel counts for a datagram, at least
    MOST_MEMORY = 212992    # bytes of a socket's buffer that anybody may ask for (wmem_max)
    STALL_PAUSES = 100      # milliseconds without a sign that somebody reads
    MOST_PAUSES = 700       # milliseconds
    MEMINFO_SENT = 2        # where in SO_MEMINFO: bytes that nobody has read, or acknowledged,
    MEMINFO_LIMIT = 3       # how many there may be,
    MEMINFO_QUEUED = 5      # and those that TCP has
    MEMINFOS = 9


cdef struct Room:
    int kind                # SOCK_DGRAM, another kind of socket, or 0
    int domain
    Py_ssize_t space        # bytes in a stream, else datagrams, that find space now
    bint is_drained         # somebody has taken all that was sent


cdef void find_room(Room *room, int fd, Py_ssize_t reserve, bint grows) noexcept nogil:
    """Find out what may be sent now; `reserve` bytes are for another record."""
    cdef uint32_t[MEMINFOS] memory
    cdef socklen_t length = sizeof(memory)
    cdef Descriptor descriptor
    cdef int most = MOST_MEMORY
    cdef Py_ssize_t used
    if room.kind == SOCK_DGRAM and room.domain != AF_UNIX:
        room.space = BURST
        room.is_drained = True
        return
    if not room.kind:   # a pipe, or a file
        descriptor.fd = fd
        descriptor.events = POLLOUT
        room.is_drained = poll(&descriptor, 1, 0) == 1 and descriptor.revents == POLLOUT
        room.space = PIPE_BUF if room.is_drained else 0
        return
    memset(memory, 0, sizeof(memory))
    if getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0:
        length = sizeof(memory[0])
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &memory[MEMINFO_LIMIT], &length)
        memory[MEMINFO_SENT] = memory[MEMINFO_LIMIT] // 2   # nobody knows
    used = max(memory[MEMINFO_SENT], memory[MEMINFO_QUEUED])
    room.is_drained = not used
    if room.kind == SOCK_DGRAM:
        room.space = max(0, LOCAL_QUEUE - used // SMALLEST)
        return
    if grows and memory[MEMINFO_LIMIT] < 2 * MOST_MEMORY:   # as which the kernel takes it
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof(most))
        find_room(room, fd, reserve, False)
        return
    room.space = max(0, (<Py_ssize_t>memory[MEMINFO_LIMIT] - used) // 8 * 5 - reserve)


cdef Py_ssize_t find_slice(Block block, Py_ssize_t space) noexcept nogil:
    """Return the index after the next records that have at most so many bytes."""
    cdef Py_ssize_t end = block.first
    cdef Py_ssize_t last = find_contiguous_end(block)
    while end < last and block.ends[end] - block.position <= space:
        end += 1
    return end


cdef bint send_of_block(
    Queue ring, Block block, int fd, Room *room, int64_t last
) noexcept nogil:
    """Send a block's records as far as they find space; False: the transport is broken."""
    cdef Py_ssize_t end, sent
    while block.first < block.count:
        if is_dropped(block, block.first):
            block.position = find_end(block, block.first)
            block.first += 1
            continue
        if room.kind == SOCK_DGRAM:
            end = block.first + (room.space > 0)
        else:
            end = find_slice(block, room.space)
        if end == block.first:
            room.space = 0
            break
        sent = send_part(fd, block.start + block.position, block.ends[end - 1] - block.position)
        room.space -= 1 if room.kind == SOCK_DGRAM else sent
        count_sent(ring, block, sent, end)
        if not sent and not await_space(fd, last):
            room.space = 0
            return block.position <= find_start(block, block.first)
    return True


cdef bint send_slice(Queue ring, int fd, Room *room, int64_t last) noexcept nogil:
    """Send the oldest records as far as they find space; False: the transport is broken."""
    cdef PyObject *block = <PyObject *>ring.oldest
    while block != Py_None and room.space > 0:
        if not send_of_block(ring, <Block>block, fd, room, last):
            return False
        block = <PyObject *>(<Block>block).next
    return True


cdef void skip_of_block(
    Queue ring, Block block, Py_ssize_t space, bint is_datagram
) noexcept nogil:
    cdef Py_ssize_t end
    while block.first < block.count and (ring.count if is_datagram else ring.size) > space:
        end = find_end(block, block.first)
        if not is_dropped(block, block.first):
            ring.size -= end - block.position
            ring.count -= 1
            ring.overwritten += 1
            block.live -= 1
        block.position = end
        block.first += 1


cdef void skip_oldest(Queue ring, Py_ssize_t space, bint is_datagram) noexcept nogil:
    """Leave out the oldest records until the others find so much space."""
    cdef PyObject *block = <PyObject *>ring.oldest
    while block != Py_None:
        skip_of_block(ring, <Block>block, space, is_datagram)
        block = <PyObject *>(<Block>block).next


cdef bint send_recorded(
    Queue ring, Queue queue, int fd, Py_ssize_t reserve, int64_t last
) noexcept nogil:
    """Send what finds space beside `reserve` bytes; False: the transport is broken.

    The queue is that of the transport, among whose records those count from then on.
    """
    cdef Py_ssize_t sent = ring.sent, sent_bytes = ring.sent_bytes
    cdef Room room
    cdef socklen_t length = sizeof(room.kind)
    cdef Py_ssize_t left
    cdef int pauses = 0, stalled = 0, pause = 1
    cdef bint is_datagram, result = True
    if not take_queue(ring):
        ring.pinned = CRASH_OWNED   # of one who waits for the GIL, or whom this has interrupted
    room.kind = room.domain = 0
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &room.kind, &length)
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &room.domain, &length)
    is_datagram = room.kind == SOCK_DGRAM
    if is_datagram and room.domain != AF_UNIX:
        pause = max(1, min(BURST_PAUSE_MS, MOST_PAUSES * BURST // (ring.count + BURST)))
    while result:
        left = ring.count if is_datagram else ring.size
        find_room(&room, fd, reserve, ring.size + reserve > MOST_MEMORY // 4)
        if left <= room.space or stalled == STALL_PAUSES or pauses >= MOST_PAUSES:
            skip_oldest(ring, room.space, is_datagram)
            result = send_slice(ring, fd, &room, last)
            break
        stalled += 1
        if room.is_drained:
            result = send_slice(ring, fd, &room, last)
            stalled = 0
        poll(NULL, 0, pause)
        pauses += pause
    queue.offered += ring.sent - sent
    queue.sent += ring.sent - sent
    queue.sent_bytes += ring.sent_bytes - sent_bytes
    swap(&ring.pinned, CRASH_OWNED, 0)
    return result
