"""The frames of a RELP session (librelp's doc/relp.md), as its collector sees them."""

import re

from syslogfast.commands.frames import MAX_FRAME
from syslogfast.commands.parse import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.commands.frames import Receiver

RULE = "a RELP frame must be TXNR SP COMMAND SP DATALEN [SP DATA] LF"
# TXNR SP COMMAND SP DATALEN, and what must follow: LF at once if there is no DATA.
HEADER = re.compile(rb"([0-9]{1,9}) ([A-Za-z]{1,32}) ([0-9]{1,9})( ?)")
START = re.compile(rb"(?:[0-9]{1,9}(?: (?:[A-Za-z]{1,32}(?: (?:[0-9]{1,9} ?)?)?)?)?)?")
OFFERS = b"200 OK\nrelp_version=0\nrelp_software=syslogfast\ncommands=syslog"


class RelpConnection:
    """What one RELP peer has sent beyond its last complete frame, and the answers that it gets."""

    def __init__(self, peer: str, receiver: "Receiver") -> None:
        self.peer = peer
        self.receiver = receiver
        self.rest = bytearray()
        self.answers = bytearray()  # to be sent once the records have been written
        self.has_closed = False
        self.records = 0

    def take(self, data: bytes) -> None:
        """Hand over the records that are now complete; MalformedError if one cannot become so."""
        self.rest += data
        while not self.has_closed and self._take_first():
            pass

    def _take_first(self) -> bool:
        """Take the first frame off what has come; return False if it is not whole."""
        end = self._take_frame(0)
        del self.rest[:end]
        return end > 0

    def _take_frame(self, start: int) -> int:
        """Take the frame that begins at `start`; return its end, or `start` if it is not whole."""
        header = HEADER.match(self.rest, start)
        if not header or header.end() == len(self.rest):
            partial = START.match(self.rest, start)
            assert partial
            if partial.end() < len(self.rest):
                raise MalformedError(RULE, partial.end() - start)
            return start
        size = int(header[3])
        if size > MAX_FRAME:
            raise MalformedError(
                f"DATA must be at most {MAX_FRAME:,} bytes", header.start(3) - start
            )
        begin = header.end()
        if size and not header[4]:
            raise MalformedError(RULE, begin - start)
        end = begin + size
        if len(self.rest) <= end:
            return start
        if self.rest[end] != ord("\n"):
            raise MalformedError(RULE, end - start)
        with memoryview(self.rest) as view:
            body = bytes(view[begin:end])
        self._answer(header[1], bytes(header[2]).lower(), body)
        return end + 1

    def _answer(self, number: bytes, command: bytes, body: bytes) -> None:
        if command == b"syslog":
            self.records += 1
            self.receiver.add(body, self.peer)
            text = b"200 OK"
        elif command == b"open":
            text = OFFERS
        elif command == b"close":
            self.answers += b"%b rsp 0\n0 serverclose 0\n" % number
            self.has_closed = True
            return
        else:
            text = b"500 this command is not known"
        self.answers += b"%b rsp %d %b\n" % (number, len(text), text)

    def end(self, malformed: MalformedError | None = None) -> None:
        """Report what can no longer become a record."""
        if self.rest and not malformed:
            malformed = MalformedError(
                "a RELP frame must end where its DATALEN says", len(self.rest)
            )
        rest, self.rest = self.rest, bytearray()
        if malformed:
            self.receiver.add_malformed(malformed, rest, self.peer)
