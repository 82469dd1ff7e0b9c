# The ring of the flight recorder, which is a queue whose oldest block is overwritten: `ring_py.py`
# is the specification. All its blocks are made with it; those that have nothing are `spare`.

cdef void empty_block(Block block) noexcept:
    block.used = block.position = block.count = block.first = block.in_order = block.live = 0


cdef Block recycle_block(Queue queue, Py_ssize_t size):
    """Return a block of a ring for records: a spare one, or the oldest; None: there is none.

    Whatever interrupts this finds a chain of blocks: the oldest leaves it before it is emptied, and
    comes back when it has been.
    """
    cdef Block block = queue.spare
    cdef Py_ssize_t index
    if size > queue.block_size:
        return None
    if block is not None:
        queue.spare = block.next
        block.next = None
        return block
    if not swap(&queue.pinned, 0, 1):
        return None     # a signal's handler has the ring, or `dump` sends just that block
    queue.pinned_by = &errno
    block = queue.oldest
    queue.oldest = block.next
    queue.overwritten += block.live
    queue.count -= block.live
    for index in range(block.first, block.count):
        if not is_dropped(block, index):
            queue.size -= block.ends[index] - find_start(block, index)
    empty_block(block)
    block.next = None
    swap(&queue.pinned, 1, 0)   # unless a signal's handler, tired of waiting, has taken it
    return block
