# The queue before a transport: `queue_py.py` is the specification, and has the docstrings, of which
# a small module has none that only this package reads; block.pxi has the theory.

# Framed records on their way to one transport: bounded in bytes, each of them accounted for.
#
# limit: bytes that may be queued. block_size: bytes that `peek` gives at most, and that `sort`
# puts in order, unless one record is longer. `count` and `size` are the records and bytes that
# are; `threshold` is the size from which on the emitter calls the sender, `drops_since` the time
# in nanoseconds of the first drop since it was set to 0, `truncations` the records that a
# transport has truncated. `descriptor` is where a record may be written as it is, by a signal's
# handler; -1: nowhere.
@cython.no_gc   # as Block
cdef class Queue:

    def __cinit__(self, limit, Py_ssize_t block_size=BLOCK_SIZE, bint is_ring=False):
        cold_path()
        self.largest = self.limit = check_queue_bytes(limit)
        self.block_size = min(block_size, self.limit)
        if is_ring:
            self.largest = self.block_size
            self.blocks = self.limit // self.block_size
            self.limit = MAX_LENGTH   # it is never full
        self.descriptor = -1
        self.sent_now = NOT_SENDING
        self.reset()

    def __dealloc__(self):
        free_blocks(self)

    @cython.critical_section
    def reset(self):
        cold_path()
        cdef Block block = make_block(self.block_size), spare = None, last = None
        cdef Py_ssize_t index
        for index in range(1, self.blocks):
            last = make_block(self.block_size)
            last.next = spare
            spare = last
        dropped = {}
        self.spare = spare
        self.size = self.count = self.pinned = self.overwritten = 0
        self.offered = self.truncated = self.sent = self.sent_bytes = self.truncations = 0
        self.drops_since = 0
        self.dropped = dropped
        free_blocks(self)
        self.oldest = self.newest = block

    @cython.critical_section
    def put(self, bytes frame not None, bint is_truncated=False, bint even_closed=False, /):
        cdef Py_ssize_t size = len(frame)
        cdef char *dst = claim(self, size, even_closed)
        if dst == NULL:
            return NO_SPACE
        memcpy(dst, PyBytes_AS_STRING(frame), size)
        return commit(self, size, is_truncated)

    @cython.critical_section
    def drop(self, reason):
        self.offered += 1
        count_drops(self, reason, 1)

    @cython.critical_section
    def peek(self, one=False, /):
        cdef Block block = pin_oldest(self)
        if block is None:
            return None
        return make_view(self, block.first + 1 if one else find_contiguous_end(block))

    @cython.critical_section
    def peek_records(self):
        cdef Block block = pin_oldest(self)
        cdef Py_ssize_t index, end
        if block is None:
            return None
        end = find_contiguous_end(block)
        data = make_view(self, end)
        ends = []
        for index in range(block.first, end):
            # No comprehension: where the list cannot grow, Cython 3.3 frees what it appends twice.
            ends.append(block.ends[index] - block.position)
        return data, ends

    @cython.critical_section
    def peek_run(self, Py_ssize_t longest, Py_ssize_t most, Py_ssize_t space, /):
        cdef Block block = pin_oldest(self)
        cdef Py_ssize_t end, segment
        if block is None:
            return None
        end = find_run_end(block, longest, most, space, &segment)
        return make_view(self, end), segment

    @cython.critical_section
    def send_stream(self, one, /):
        return send_oldest(self, -2 if one else -1)

    @cython.critical_section
    def send_datagrams(self, longest, /):
        return send_oldest(self, longest)

    @cython.critical_section
    def sort(self):
        cdef Block block = self.oldest
        cdef Py_ssize_t first = block.first, end, index, start, size, offset, used
        cdef Py_ssize_t longest = 0
        cdef Py_ssize_t *offsets
        cdef Py_ssize_t *tails
        cdef char *scratch
        if self.pinned or block.position > find_start(block, first):
            return
        if first < block.in_order:
            return  # what has come since has its turn after those
        end = find_contiguous_end(block)
        if end - first < 2:
            return
        for index in range(first, end):
            longest = max(longest, block.ends[index] - find_start(block, index))
        used = block.ends[end - 1] - block.position
        offsets = <Py_ssize_t *>PyMem_Calloc(2 * (longest + 1) * sizeof(Py_ssize_t) + used, 1)
        if offsets == NULL:
            return  # in the order in which they came, then
        if not swap(&self.pinned, 0, 1) or block.first != first:
            if self.pinned > 0:
                self.pinned = 0
            PyMem_Free(offsets)  # a signal's handler has them, or had them meanwhile
            return
        tails = offsets + longest + 1
        scratch = <char *>(tails + longest + 1)
        memcpy(scratch, block.start + block.position, used)
        for index in range(first, end):
            offsets[block.ends[index] - find_start(block, index)] += 1
        arrange_runs(offsets, tails, longest, block.position)
        start = block.position
        for index in range(first, end):
            size = block.ends[index] - start
            offset = offsets[size]
            if offset < 0:
                offset = tails[~offset] - size
                offsets[size] -= 1
            else:
                offsets[size] += size
            memcpy(block.start + offset, scratch + start - block.position, size)
            start += size
        note_ends(block, end, offsets, tails, longest)
        block.in_order = end
        self.pinned = 0
        PyMem_Free(offsets)

    @cython.critical_section
    def consume(self, Py_ssize_t size, Py_ssize_t pinned=0, /):
        cdef Block block = self.oldest
        cdef Py_ssize_t end = block.first + self.pinned, still = 0
        if self.pinned <= 0:
            return  # all was dropped meanwhile
        count_sent(self, block, max(0, min(size, block.ends[end - 1] - block.position)), end)
        if pinned > 0:
            while block.first + still < end and (
                find_start(block, block.first + still) < block.position + pinned
            ):
                still += 1
        if not still:
            advance_block(self)
        swap(&self.pinned, self.pinned, still)  # at last: from now on a handler may read the rest

    def is_changing_here(self):
        return False    # none is called here

    @cython.critical_section
    def at_record_boundary(self):
        return self.oldest.position <= find_start(self.oldest, self.oldest.first)

    @cython.critical_section
    def rewind(self):
        cdef Block block = self.oldest
        cdef Py_ssize_t start = find_start(block, block.first)
        cold_path()
        self.size += block.position - start
        self.sent_bytes -= block.position - start
        block.position = start
        self.pinned = 0

    @cython.critical_section
    def drop_first(self, reason):
        cdef Block block = self.oldest
        cold_path()
        cdef Py_ssize_t sent = block.position - find_start(block, block.first)
        if self.pinned:
            drop_record(self, block, block.first, reason)
            self.size += sent
            self.pinned = 0
            advance_block(self)

    @cython.critical_section
    def drop_oldest(self, Py_ssize_t size):
        cdef Block block = self.oldest, before = None
        cdef Py_ssize_t index = block.first + max(0, self.pinned)
        if self.pinned == CRASH_OWNED:
            return  # a signal's handler may be sending any of them
        if not self.pinned and block.position > find_start(block, block.first):
            index += 1
        while block is not None and size > self.limit - self.size:
            while index < block.count and size > self.limit - self.size:
                if not is_dropped(block, index):
                    drop_record(self, block, index, "full")
                index += 1
            if before is not None and not block.live and block.next is not None:
                before.next = block.next  # nothing of it is left, though the oldest is pinned
            else:
                before = block
            block = block.next
            index = 0
        release_block(self)

    @cython.critical_section
    def clear(self, reason):
        cold_path()
        if self.count:
            count_drops(self, reason, self.count)
        self.count = self.size = 0
        free_blocks(self)
        self.newest.first = self.newest.count
        self.newest.live = 0
        if self.pinned:
            self.newest.max_records = 0  # somebody has a view of it: what comes goes elsewhere
        self.pinned = 0
        advance_block(self)

    @cython.critical_section
    def count_all(self):
        cold_path()
        cdef dict counts = {}, dropped = {}
        PyDict_Update(dropped, self.dropped)  # from here on nothing is collected
        if self.overwritten:
            dropped["overwritten"] = self.overwritten
        counts["offered"] = self.offered
        counts["sent"] = self.sent
        counts["queued"] = self.count
        counts["dropped"] = dropped
        counts["truncated"] = self.truncated + self.truncations
        counts["bytes"] = self.sent_bytes
        return counts


cdef void free_blocks(Queue queue) noexcept:
    """Free all but the newest, one after the other: each frees the next, and so all at once."""
    while queue.oldest is not queue.newest:
        queue.oldest = queue.oldest.next


cdef Py_ssize_t find_run_end(
    Block block, Py_ssize_t longest, Py_ssize_t most, Py_ssize_t space, Py_ssize_t *segment
) noexcept nogil:
    """Return the index after the records that `peek_run` gives; the first has `segment` bytes."""
    cdef Py_ssize_t end = block.first + 1, last, size
    segment[0] = size = block.ends[end - 1] - block.position
    last = min(block.first + most, block.count) if size <= longest else end
    while end < last and size == segment[0] and not is_dropped(block, end):
        size = block.ends[end] - block.ends[end - 1]
        if size > segment[0] or block.ends[end] - block.position > space:
            break
        end += 1
    return end


cdef void arrange_runs(
    Py_ssize_t *offsets, Py_ssize_t *tails, Py_ssize_t longest, Py_ssize_t start
) noexcept nogil:
    """Turn the number of records of each size into the offset where the first of them goes.

    Where each of them ends a run of longer ones, it is ~the first of these runs; `tails` are the
    offsets where the runs end, from the longest on.
    """
    cdef Py_ssize_t size, count, runs = 0, ended = 0
    for size in range(longest, 0, -1):
        count = offsets[size]
        if count > runs - ended:
            runs += 1
        elif count:
            offsets[size] = ~ended
            while count:
                tails[ended] = size
                ended += 1
                count -= 1
    runs = 0
    for size in range(longest, 0, -1):
        count = offsets[size]
        if count > 0:
            offsets[size] = start
            start += count * size + tails[runs]
            tails[runs] = start
            runs += 1


cdef void note_ends(
    Block block, Py_ssize_t end, const Py_ssize_t *offsets, const Py_ssize_t *tails,
    Py_ssize_t longest
) noexcept nogil:
    """Take note where the records end that have been put there."""
    cdef Py_ssize_t index = block.first, start = block.position, run = 0, size
    for size in range(longest, 0, -1):
        if offsets[size] <= 0:
            continue
        while start < offsets[size]:
            start += size
            block.ends[index] = start
            index += 1
        if start < tails[run]:
            start = tails[run]
            block.ends[index] = start
            index += 1
        run += 1
    while index < end:  # empty ones
        block.ends[index] = start
        index += 1


cdef Block pin_oldest(Queue queue):
    """Return the block with what is to be sent next, which a signal's handler cannot take now.

    None: there is nothing. Until `make_view` says how much of it is pinned, nothing may run that
    could drop a record.
    """
    cdef int tries
    if not swap(&queue.pinned, 0, 1) and queue.pinned == CRASH_OWNED:
        with nogil:
            for tries in range(CRASH_WAITS):    # a signal's handler has it: this is the end
                poll(NULL, 0, CRASH_WAIT_MS)
                if queue.pinned != CRASH_OWNED:
                    break
        queue.pinned = 1    # or the process lives on
    queue.pinned_by = &errno
    advance_block(queue)
    if not queue.count:
        queue.pinned = 0
        return None
    return queue.oldest


cdef object make_view(Queue queue, Py_ssize_t end):
    """Return what is left to send of the records before `end`, which are not to be dropped.

    They are pinned first: to make the view may run the garbage collector, and so any code.
    """
    cdef Block block = queue.oldest
    queue.pinned = end - block.first
    try:
        return block.memory[block.position:block.ends[end - 1]]
    except MemoryError:
        queue.pinned = 0
        raise


cdef int count_drops(Queue queue, object reason, Py_ssize_t count) except -1:
    cdef Timestamp now
    if not queue.drops_since:
        cold_path()
        read_clock(&now)
        queue.drops_since = now.seconds * 1_000_000_000 + now.nanoseconds
    queue.dropped[reason] = queue.dropped.get(reason, 0) + count
    return 0


cdef int drop_record(Queue queue, Block block, Py_ssize_t index, object reason) except -1:
    """Drop a record of which no part has been sent."""
    count_drops(queue, reason, 1)
    queue.size -= block.ends[index] - find_start(block, index)
    queue.count -= 1
    block.live -= 1
    block.ends[index] = ~block.ends[index]
    return 0


cdef inline int release_block(Queue queue) noexcept:
    return 0 if queue.pinned else advance_block(queue)


cdef int advance_block(Queue queue) noexcept:
    """Go past what was dropped, and on to the next block; the last one is used again."""
    cdef Block block = queue.oldest, emptied
    while True:
        while block.first < block.count and is_dropped(block, block.first):
            block.position = find_end(block, block.first)
            block.first += 1
        if block.first < block.count:
            return 0
        if block.next is None:
            empty_block(block)
            queue.size = queue.count = 0    # whatever a signal's handler has come amid
            return 0
        emptied = block
        queue.oldest = block = block.next
        if queue.blocks:
            empty_block(emptied)
            emptied.next = queue.spare
            queue.spare = emptied


cdef char *claim(Queue queue, Py_ssize_t size, bint even_closed) noexcept:
    """Return where a frame may be written; NULL if there is no space."""
    cdef Block block = queue.newest
    if size > queue.limit - queue.size or (queue.closed and not even_closed):
        return NULL
    if size > block.space - block.used or block.count == block.max_records:
        if not block.live and block is not queue.oldest and queue.pinned >= 0:
            empty_block(block)  # all was dropped, not sent by a signal's handler just now
        if size > block.space - block.used or block.count == block.max_records:
            try:
                if queue.blocks:
                    block = recycle_block(queue, size)
                else:
                    block = make_block(max(size, queue.block_size))
            except MemoryError:
                queue.lacks_memory = True
                return NULL
            if block is None:
                return NULL
            # A __del__ that the garbage collector has run may have emitted, or closed the queue.
            if size > queue.limit - queue.size or (queue.closed and not even_closed):
                return NULL
            queue.newest.next = block
            queue.newest = block
            release_block(queue)
    return block.start + block.used


cdef inline int commit(Queue queue, Py_ssize_t size, bint is_truncated) noexcept:
    """Note that a frame has been written where `claim` said: QUEUED or FIRST."""
    cdef Block block = queue.newest
    block.used += size
    block.ends[block.count] = block.used
    block.count += 1
    block.live += 1
    queue.size += size
    queue.count += 1
    queue.offered += 1
    queue.truncated += is_truncated
    return FIRST if queue.count == 1 else QUEUED
