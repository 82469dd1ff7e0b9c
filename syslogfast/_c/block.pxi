# Where records wait: Block, and what the queue and a signal's handler have to agree upon.
#
# A queue is a chain of blocks from `oldest` to `newest`. A Block is a bytearray that never moves:
# records one after the other from `start` on, and behind the space for them `ends`, the offset at
# which each record ends. Each begins where the one before ends.
#
#     start   first               position                  used         space
#     |       |                   |                         |            |
#     | sent  | half sent ........|.......... | waits | ~dropped | waits | (free) | ends[] ...
#
# A record that is dropped keeps its bytes: its end becomes ~end, which is negative. `first` is the
# first record that is neither sent as a whole nor known to be dropped, `position` the bytes that
# have been sent, and `live` counts the records that have been neither. So
#   find_start(first) <= position < find_end(first), and equal where no part of `first` was sent;
#   Queue.size == the bytes of all live records, without those of `first` that were sent;
#   offered == sent + count + the sum of dropped, whenever any code can look.
# `in_order` are the records, from the first, that `sort` has put in runs; what comes later waits
# for its turn. A block of which nothing is left is used again if it is the only one. `newest` takes
# records at its end alone (`claim`, `commit`), the sender takes them from `oldest` alone.
#
# WHO MAY CHANGE IT. All of it: who has the GIL or, without one, the queue's critical section, for
# as long as no other code can run. That it can wherever an object is made that the garbage
# collector tracks (until Python 3.11 this may call any __del__, which may log), wherever an object
# of others is released, and where the GIL is given up. So nothing like that stands between a look
# and what is changed for it: first everything is made, then comes the look, then the change; and
# what has been handed out is pinned before the view of it is made. `claim` makes blocks, and looks
# again.
#
# PINNED. A sender takes bytes by `peek`, has the kernel take some of them, and says how many by
# `consume`; or `send_oldest` of sending.pxi does all of that. In between, `Queue.pinned` says how
# many records, from `first` on, are on their way: drop-oldest goes round them, and round a record
# that was half sent, and leaves their block where it is. `rewind`, `drop_first` and `clear` end
# that.
#
# THE SIGNAL HANDLER of fatal_signals.pxi may run at any time, in any thread, amid any instruction
# here. It takes neither GIL nor lock, and knows one thing by which to tell: it swaps `pinned` from
# 0 to CRASH_OWNED, or leaves what waits alone.
#   pinned == 0            nobody sends; the handler may, from `position` on;
#   pinned > 0             a sender has so many records: the kernel may have taken any part of them.
#                          How many, `sent_now` says, or will soon, if the sender is in C;
#   pinned == CRASH_OWNED  the handler sends. By count_sent() it moves `first` and `position`, and
#                          back to 0 if all was sent and the process may live on. A sender waits
#                          for its end, then takes the queue again. Threads that need no GIL of the
#                          crashed one go on to emit: the handler leaves alone what came after it
#                          began, and nobody drops or empties meanwhile.
# So a sender swaps, too (pin_oldest, and `sort`, which moves bytes); and where it is through,
# `pinned` becomes 0 last, when `first`, `position` and `ends` are right again: from then on a
# handler may read them. It looks at `oldest` alone, and not behind a record that was dropped. Who
# emits or drops meanwhile does not pin: a handler that comes just then sends what stood there.

cdef enum:
    BLOCK_SIZE = 131072
    SMALL_FRAME = 16        # few records are shorter: there may be so many in a block
    NO_SPACE = 0            # what becomes of a record that is put into the queue
    QUEUED = 1
    FIRST = 2


@cython.final
@cython.no_gc   # it refers to nothing that could refer to it
cdef class Block:
    """Records one after the other, and where each of them ends; it never moves."""


cdef Block make_block(Py_ssize_t space):
    cdef Block block = Block.__new__(Block)
    cdef Py_ssize_t aligned = (space + 7) & ~7
    block.max_records = space // SMALL_FRAME + 1
    # The ends come after the records; what is not used of either is never touched.
    size = aligned + block.max_records * <Py_ssize_t>sizeof(Py_ssize_t)
    memory = PyByteArray_FromStringAndSize(NULL, 0)
    PyByteArray_Resize(memory, size)    # made at once, it would be freed half made without memory
    block.memory = memoryview(memory)
    block.start = PyByteArray_AS_STRING(memory)
    block.ends = <Py_ssize_t *>(block.start + aligned)
    block.space = space
    return block
