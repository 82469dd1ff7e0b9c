# The records of a block, for all that sends them: the queue and the sender of `_encoder_c`, and the
# handlers of signals in `_lifecycle_c`, which allocate nothing. block.pxi has the theory.

cdef enum:
    CRASH_OWNED = -1        # of Queue.pinned
    CRASH_WAIT_MS = 100     # for somebody else's crash to end the process, or not,
    CRASH_WAITS = 50        # so often: LAST_WORDS, a STALL_MS, pauses, and what a send takes
    NOT_SENDING = -1        # of Queue.sent_now; see sending.pxi
    IN_KERNEL = -2
    ACCOUNTING = -3


cdef inline bint is_dropped(Block block, Py_ssize_t index) noexcept nogil:
    return block.ends[index] < 0


cdef inline Py_ssize_t find_end(Block block, Py_ssize_t index) noexcept nogil:
    return ~block.ends[index] if block.ends[index] < 0 else block.ends[index]


cdef inline Py_ssize_t find_start(Block block, Py_ssize_t index) noexcept nogil:
    return find_end(block, index - 1) if index else 0


cdef Py_ssize_t find_contiguous_end(Block block) noexcept nogil:
    """Return the index after the last record before one that was dropped."""
    cdef Py_ssize_t end = block.first + 1
    while end < block.count and not is_dropped(block, end):
        end += 1
    return end


cdef void count_sent(
    Queue queue, Block block, Py_ssize_t size, Py_ssize_t end
) noexcept nogil:
    """Count so many bytes, and the records of which they are, none from index `end` on."""
    queue.size -= size
    queue.sent_bytes += size
    block.position += size
    while block.first < end and 0 <= block.ends[block.first] <= block.position:
        block.first += 1
        block.live -= 1
        queue.sent += 1
        queue.count -= 1


cdef bint account_for_sent(Queue queue) noexcept nogil:
    """Account for what a sender has had the kernel take; False if that is not known, or is done."""
    cdef Py_ssize_t taken = queue.sent_now
    cdef PyObject *block = <PyObject *>queue.oldest
    if taken < 0 or not swap(&queue.sent_now, taken, ACCOUNTING):
        return False
    if queue.pinned > 0:    # else all was dropped meanwhile
        count_sent(queue, <Block>block, taken, (<Block>block).first + queue.pinned)
    return True
