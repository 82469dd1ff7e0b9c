"""The way back: of several URLs, those before the one in use are tried now and then."""

# One thread at a time, `_run`, opens such a transport; connecting may take long. It takes over
# where no record is half sent, and what the former has sent is waited for, with the thread, before
# that is closed. All else is called by whoever sends, under the sender's lock, under which
# `_state`, `_preferred` and `_former` are changed, too. When to try is the RetryPolicy's
# `next_failback`.
#
#     state       what there is                        event                            next state
#     WAITING     no thread                            it is time (`start`)             TRYING
#     TRYING      a thread that opens a transport      none can be opened               WAITING
#                                                      the one in use has broken        WAITING
#                                                      one is open                      SWITCHING
#     SWITCHING   `_preferred`: it takes over once     it does (`switch`)               DRAINING
#                 no record is half sent               the one in use has broken, or
#                                                      all is closed (`cancel`)         WAITING
#     DRAINING    `_former`, which is being closed     it is                            WAITING

from syslogfast.constants import FOREVER
from syslogfast.transports.poll import sleep
from syslogfast.transports.threads import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports import Transport
    from syslogfast.transports.sender import Sender

WAITING, TRYING, SWITCHING, DRAINING = "waiting", "trying", "switching", "draining"

POLL_INTERVAL = 0.05  # seconds after which the thread looks whether the other has taken over


class Failback:
    """What one sender does to get back to the URLs before the one in use."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self._state = WAITING
        self._preferred: Transport | None = None
        self._former: Transport | None = None

    def list_transports(self) -> "list[Transport | None]":
        return [self._preferred, self._former]

    def start(self, transport: "Transport") -> None:
        """Try the URLs before that of this transport, while it goes on to be used."""
        if self._state is not WAITING:
            return
        self._sender.retry_policy.next_failback = FOREVER  # until it is known what comes of this
        self._state = TRYING
        try:
            Thread(self._sender).start(self._run, transport)
        except (RuntimeError, MemoryError):
            self._state = WAITING  # when the transport breaks, all of them are tried

    def switch(self) -> None:
        """Have the preferred transport take over, if there is one and no record is half sent."""
        sender, former = self._sender, self._sender._transport
        if self._preferred is None or former is None:
            return
        former.is_draining = True
        if sender.queue.at_record_boundary() and not former.pinned:
            preferred, self._preferred, self._former = self._preferred, None, former
            self._state = DRAINING
            sender._use_transport(preferred)

    def cancel(self) -> "Transport | None":
        """Return the transport that was to take over: the one in use is there no more."""
        preferred, self._preferred = self._preferred, None
        if self._state is SWITCHING:
            self._state = WAITING
        return preferred

    def _run(self, former: "Transport") -> None:
        try:
            self._replace(former)
        except BaseException:  # for want of memory, or by a transport's fault: later again
            sender = self._sender
            with sender._send_lock:
                left = self.list_transports()
                self._preferred = self._former = None
                self._state = WAITING
                if sender._transport:
                    sender.retry_policy.on_connected(sender._transport.url)
            for transport in left:
                if transport:
                    transport.abort()

    def _replace(self, former: "Transport") -> None:
        """Open a preferred transport, have it take over, and close the former, if all goes well."""
        sender = self._sender
        preferred = sender.retry_policy.open_preferred(former)
        with sender._send_lock:
            is_wanted = preferred is not None and sender._transport is former
            if is_wanted:
                self._preferred, self._state = preferred, SWITCHING
                self.switch()
            else:
                self._state = WAITING
        if not is_wanted:  # none can be opened, or the one in use is there no more
            if preferred:
                sender.retry_policy.close_transport(preferred, sender.timeout)
            return
        sender.pump()  # for one who has found the lock taken meanwhile
        while sender._transport is former:
            sender.pump()
            sleep(POLL_INTERVAL)
        if self._former is former:  # else it has broken, or been closed
            sender.retry_policy.close_transport(former, sender.timeout)
            with sender._send_lock:
                self._former, self._state = None, WAITING
