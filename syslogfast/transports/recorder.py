"""The flight recorder: what is below an emitter's level is kept in memory, and sent on demand.

Its records are encoded when they are made, with their own times and with numbers of their own, into
a ring of blocks, of which the oldest is overwritten. Nothing of them is sent, or counted among what
was offered, before `dump` puts them into the queue.
"""

from syslogfast._platform import SignalSafeLock
from syslogfast.constants import FRAMING_SIZE, NO_SPACE
from syslogfast.transports import register_for_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.sender import Sender

BLOCKS = 32  # of a ring; each is overwritten as a whole
NEVER = 1 << 62  # bytes: from so many on a sender would be called


class Recorder:
    """What an emitter of recorded records has in place of a sender, which sends none by itself.

    ring: where they are. queue, sender: where `dump` puts them.
    """

    def __init__(self, ring: "Queue", queue: "Queue", sender: "Sender") -> None:
        ring.threshold = NEVER
        self.ring = ring
        self._queue = queue
        self._sender = sender
        self._dumping = SignalSafeLock()
        register_for_fork(self)

    # What an emitter calls of a sender.

    def pump(self) -> None:
        pass

    def start_lingering(self) -> None:
        pass

    def apply_overflow(self, size: int, deadline: "float | None") -> None:
        return None

    def reset_after_fork(self) -> None:
        """Forget the records, which are those of the process that has forked this one."""
        self._dumping = SignalSafeLock()
        self.ring.reset()

    def dump(self) -> int:
        """Put all that is recorded into the queue; return how many records that were.

        Where it has no space for all of them, and one more, the oldest are left out.
        """
        if self._queue.closed or self._is_dumping_here():
            return 0  # this thread's signal handler has interrupted it, perhaps
        taken = 0
        with self._dumping:
            self._sender.pump()
            try:
                taken = self._take()
            except MemoryError:
                pass  # which is no concern of who emits; what is left stays where it is
            finally:
                self.ring.rewind()  # whatever has ended it, the oldest can be overwritten again
        getattr(self._sender._transport, "pace", int)(taken)  # UDP has it
        self._sender.pump()
        if self._queue.count:
            self._sender.send_soon()  # whatever lingers
        return taken

    def _is_dumping_here(self) -> bool:
        return bool(self._dumping._is_owned())  # type: ignore[attr-defined]

    def _take(self) -> int:
        queue, ring = self._queue, self.ring
        space = queue.limit - queue.size - ring.largest
        while ring.size > max(space, 0) and ring.peek(True):
            ring.drop_first("full")
        taken = 0
        for _ in range(ring.count):  # no more: others may go on to record
            data = ring.peek(True)
            if data is None:
                break
            if queue.put(bytes(data)) != NO_SPACE:
                ring.consume(len(data))
                taken += 1
            else:  # somebody else has taken the space meanwhile
                ring.drop_first("memory" if queue.lacks_memory else "full")
                queue.lacks_memory = False
        return taken


def choose_block_size(size: int, max_size: int) -> int:
    """Return the bytes of each block of a ring of so many, for records of `max_size` octets."""
    return max(size // BLOCKS, max_size + FRAMING_SIZE)
