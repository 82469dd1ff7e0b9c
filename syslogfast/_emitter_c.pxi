# From `emit` into the queue: `_emitter_py.py` is the specification.
#
# The GIL is what guards a queue: between `claim` and `commit` no Python code runs.

cdef enum:
    BLOCK_SIZE = 131072
    SMALLEST_FRAME = 16     # no record is shorter
    TRIES = 100             # to get the room that was made before another thread takes it


@cython.final
cdef class Block:
    """Records one after the other, and where each of them ends; it never moves."""

    cdef bytearray memory
    cdef char *start
    cdef Py_ssize_t *ends           # of each record; ~end if it was dropped
    cdef Py_ssize_t room, used      # bytes
    cdef Py_ssize_t position        # bytes that have been sent
    cdef Py_ssize_t count           # records
    cdef Py_ssize_t first           # the first that has not been sent as a whole, or dropped
    cdef Py_ssize_t left            # records that have been neither
    cdef Block next


cdef Block make_block(Py_ssize_t room):
    cdef Block block = Block.__new__(Block)
    cdef Py_ssize_t aligned = (room + 7) & ~7
    # The ends come after the records; what is not used of either is never touched.
    size = aligned + (room // SMALLEST_FRAME + 1) * <Py_ssize_t>sizeof(Py_ssize_t)
    block.memory = PyByteArray_FromStringAndSize(NULL, size)
    block.start = PyByteArray_AS_STRING(block.memory)
    block.ends = <Py_ssize_t *>(block.start + aligned)
    block.room = room
    return block


cdef inline bint is_dropped(Block block, Py_ssize_t index) noexcept:
    return block.ends[index] < 0


cdef inline Py_ssize_t find_end(Block block, Py_ssize_t index) noexcept:
    return ~block.ends[index] if block.ends[index] < 0 else block.ends[index]


cdef inline Py_ssize_t find_start(Block block, Py_ssize_t index) noexcept:
    return find_end(block, index - 1) if index else 0


cdef class Queue:
    """Framed records on their way to one road: bounded in bytes, each of them accounted for.

    limit: bytes that may be queued. `count` and `size` are the records and bytes that are;
    `threshold` is the size from which on the emitter calls the delivery.
    """

    cdef readonly Py_ssize_t limit, size, count
    cdef public Py_ssize_t threshold
    cdef public bint closed
    cdef Block oldest, newest
    cdef Py_ssize_t held    # records of the oldest block that `peek` has given; 0: none
    cdef Py_ssize_t offered, sent, sent_bytes, cuts
    cdef dict dropped

    def __cinit__(self, limit):
        self.limit = check_queue_bytes(limit)
        self.dropped = {}
        self.oldest = self.newest = make_block(min(self.limit, <Py_ssize_t>BLOCK_SIZE))

    def drop(self, reason):
        """Count a record that was offered and that is not going to be queued."""
        self.offered += 1
        count_drops(self, reason, 1)

    def peek(self, one=False):
        """Return bytes that are to be sent next, of one record or of many; None: there are none."""
        cdef Block block = self.oldest
        cdef Py_ssize_t end = block.first + 1
        if not self.count:
            return None
        while not one and end < block.count and not is_dropped(block, end):
            end += 1
        self.held = end - block.first
        return memoryview(block.memory)[block.position:block.ends[end - 1]]

    def advance(self, Py_ssize_t size):
        """Take note that the road has taken so many of the bytes that `peek` has given."""
        cdef Block block = self.oldest
        if not self.held:
            return  # all was dropped meanwhile
        size = max(0, min(size, block.ends[block.first + self.held - 1] - block.position))
        self.held = 0
        self.size -= size
        self.sent_bytes += size
        block.position += size
        while block.first < block.count and 0 <= block.ends[block.first] <= block.position:
            block.first += 1
            block.left -= 1
            self.sent += 1
            self.count -= 1
        leave_block(self)

    def rewind(self):
        """Take note that the road broke: a record of which a part was sent is sent as a whole."""
        cdef Block block = self.oldest
        cdef Py_ssize_t start = find_start(block, block.first)
        self.held = 0
        self.size += block.position - start
        self.sent_bytes -= block.position - start
        block.position = start

    def drop_first(self, reason):
        """Drop the record that `peek` has given: no road takes it."""
        cdef Block block = self.oldest
        if self.held:
            self.held = 0
            self.size += block.position - find_start(block, block.first)
            drop_record(self, block, block.first, reason)
            leave_block(self)

    def drop_oldest(self, Py_ssize_t size):
        """Drop what is oldest, and not on its way, until there is room for so many bytes."""
        cdef Block block = self.oldest, before = None
        cdef Py_ssize_t index = block.first + self.held
        if not self.held and block.position > find_start(block, block.first):
            index += 1
        while block is not None and size > self.limit - self.size:
            while index < block.count and size > self.limit - self.size:
                if not is_dropped(block, index):
                    drop_record(self, block, index, "full")
                index += 1
            if before is not None and not block.left and block.next is not None:
                before.next = block.next  # nothing of it is left, though the oldest is held
            else:
                before = block
            block = block.next
            index = 0
        leave_block(self)

    def clear(self, reason):
        """Drop all that is queued."""
        self.held = 0
        if self.count:
            count_drops(self, reason, self.count)
        self.count = self.size = 0
        self.oldest = self.newest
        self.newest.first = self.newest.count
        self.newest.left = 0
        leave_block(self)

    def count_all(self):
        """Return what became of all records: offered == sent + queued + dropped."""
        return {
            "offered": self.offered,
            "sent": self.sent,
            "queued": self.count,
            "dropped": dict(self.dropped),
            "truncated": self.cuts,
            "bytes": self.sent_bytes,
        }


cdef int count_drops(Queue queue, object reason, Py_ssize_t count) except -1:
    queue.dropped[reason] = queue.dropped.get(reason, 0) + count
    return 0


cdef int drop_record(Queue queue, Block block, Py_ssize_t index, object reason) except -1:
    """Drop a record of which no part has been sent."""
    count_drops(queue, reason, 1)
    queue.size -= block.ends[index] - find_start(block, index)
    queue.count -= 1
    block.left -= 1
    block.ends[index] = ~block.ends[index]
    return 0


cdef int leave_block(Queue queue) noexcept:
    """Go past what was dropped, and on to the next block; the last one is used again."""
    cdef Block block = queue.oldest
    if queue.held:
        return 0
    while True:
        while block.first < block.count and is_dropped(block, block.first):
            block.position = find_end(block, block.first)
            block.first += 1
        if block.first < block.count:
            return 0
        if block.next is None:
            block.used = block.position = block.count = block.first = 0
            return 0
        queue.oldest = block = block.next


cdef char *claim(Queue queue, Py_ssize_t size) except? NULL:
    """Return where a frame may be written; NULL, without an error, if there is no room."""
    cdef Block block = queue.newest
    if size > queue.limit - queue.size or queue.closed:
        return NULL
    if size > block.room - block.used:
        if not block.left and block is not queue.oldest:  # all was dropped
            block.used = block.position = block.count = block.first = 0
        if size > block.room - block.used:
            block = make_block(max(size, min(queue.limit, <Py_ssize_t>BLOCK_SIZE)))
            queue.newest.next = block
            queue.newest = block
            leave_block(queue)
    return block.start + block.used


cdef inline void commit(Queue queue, Py_ssize_t size, bint is_cut) noexcept:
    """Take note that a frame has been written where `claim` said."""
    cdef Block block = queue.newest
    block.used += size
    block.ends[block.count] = block.used
    block.count += 1
    block.left += 1
    queue.size += size
    queue.count += 1
    queue.offered += 1
    queue.cuts += is_cut


cdef class Voice:
    """What is fast of `syslogfast.Emitter`, which see."""

    cdef readonly Encoder _encoder
    cdef readonly Queue _queue
    cdef readonly object _delivery

    def __cinit__(self, Encoder encoder not None, Queue queue not None, delivery):
        check_ready(encoder)
        self._encoder = encoder
        self._queue = queue
        self._delivery = delivery

    def emit(
        self, severity, message, *args, msgid=None, structured_data=None, time_ns=None
    ):
        """Send one record.

        `severity`, `msgid`, `structured_data` and `time_ns` are those of `Encoder.encode`, and
        so are the errors that they raise. `message` may be anything: bytes and other buffers
        are UTF-8, all else is written as by str(); with `args` it is the template of a
        %-formatting, as in `logging`. What cannot be printed is named in the text.

        It waits only if overflow="block"; what becomes of the record is in `stats`.
        """
        emit_one(self, read_severity(severity), message, args, msgid, structured_data, time_ns)

    def emit_many(self, severity, messages):
        """Send one record for each message, as `emit` does.

        The clock is read once for all that go out together.
        """
        cdef Timestamp moment
        cdef int code = read_severity(severity)
        cdef bint is_read = False
        for message in messages:
            if not PyUnicode_CheckExact(message) and not PyBytes_CheckExact(message):
                message = read_any_message(message)
            if not is_read:
                read_clock(&moment)
            is_read = not put_record(self, code, message, &moment, None, None)

    def emergency(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 0: the system is unusable."""
        emit_one(self, 0, message, args, msgid, structured_data, time_ns)

    def alert(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 1: action must be taken immediately."""
        emit_one(self, 1, message, args, msgid, structured_data, time_ns)

    def critical(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 2: critical conditions."""
        emit_one(self, 2, message, args, msgid, structured_data, time_ns)

    def error(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 3: error conditions."""
        emit_one(self, 3, message, args, msgid, structured_data, time_ns)

    def warning(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 4: warning conditions."""
        emit_one(self, 4, message, args, msgid, structured_data, time_ns)

    def notice(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 5: a normal but significant condition."""
        emit_one(self, 5, message, args, msgid, structured_data, time_ns)

    def info(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 6: informational."""
        emit_one(self, 6, message, args, msgid, structured_data, time_ns)

    def debug(self, message, *args, msgid=None, structured_data=None, time_ns=None):
        """Send a record of severity 7: for debugging."""
        emit_one(self, 7, message, args, msgid, structured_data, time_ns)


cdef int emit_one(
    Voice voice, int severity, message, tuple args, msgid, structured_data, time_ns
) except -1:
    cdef Timestamp moment
    if args:
        text = format_plainly(message, args) if PyUnicode_CheckExact(message) else None
        if text is None:
            text = format_message(message, choose_arguments(args))
        message = text
    if not PyUnicode_CheckExact(message) and not PyBytes_CheckExact(message):
        message = read_any_message(message)
    read_time(time_ns, &moment)
    put_record(voice, severity, message, &moment, msgid, structured_data)
    return 0


cdef bint put_record(
    Voice voice, int severity, object message, Timestamp *moment, msgid, structured_data
) except -1:
    """Queue one record; tell whether the delivery has been called to send."""
    cdef Queue queue = voice._queue
    cdef Layout *layout = &voice._encoder.layout
    cdef Span text
    cdef Py_ssize_t size = 0, frame_size
    cdef char *dst
    if msgid is None and structured_data is None and has_octets(message, &text):
        size = measure_plain(layout, severity, moment, text)
    if size:
        frame_size = measure_frame(layout, size)
        dst = claim(queue, frame_size)
        if dst == NULL:
            dst = find_room(voice, frame_size)
            if dst == NULL:
                return True
        write_plain(dst, layout, severity, moment, text, size)
        commit(queue, frame_size, False)
    elif not put_any(voice, severity, message, moment, msgid, structured_data):
        return True
    if queue.size >= queue.threshold or severity <= 3:
        voice._delivery.drive()
        return True
    if queue.count == 1:
        voice._delivery.begin()
    return False


cdef bint put_any(
    Voice voice, int severity, object message, Timestamp *moment, msgid, structured_data
) except -1:
    """Queue a record that is not a plain one; tell whether there was room."""
    cdef Layout *layout = &voice._encoder.layout
    cdef Record record
    cdef Scratch scratch
    cdef Py_ssize_t elements_size
    cdef char *dst
    open_scratch(&scratch, layout.max_size)
    try:
        record.severity = severity
        record.timestamp = moment[0]
        read_own_fields(layout, &record, &scratch, msgid, structured_data)
        message = read_body(layout, &record, message, NULL)
        elements_size = count_elements(layout, &record)
        measure_record(layout, &record)
        dst = claim(voice._queue, record.frame_size)
        if dst == NULL:
            dst = find_room(voice, record.frame_size)
            if dst == NULL:
                return False
        write_record(dst, layout, &record)
        commit(
            voice._queue,
            record.frame_size,
            record.text.taken < record.message.size
            or count_elements(layout, &record) < elements_size,
        )
        return True
    finally:
        close_scratch(&scratch)


cdef inline Py_ssize_t count_elements(const Layout *layout, const Record *record) noexcept:
    if not record.is_own:
        return layout.elements_size
    return record.constant_elements.size + record.elements.size


cdef char *find_room(Voice voice, Py_ssize_t size) except? NULL:
    """Do what is to be done when the queue is full; NULL, the record counted, if it stays so."""
    cdef Queue queue = voice._queue
    cdef char *dst
    for _ in range(TRIES):
        if queue.closed or size > queue.limit or not voice._delivery.make_room(size):
            break
        dst = claim(queue, size)
        if dst != NULL:
            return dst
    queue.drop("closed" if queue.closed else "too large" if size > queue.limit else "full")
    return NULL
