"""An open file descriptor: standard output, a pipe, a serial console. It stays open."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.url import Url


class FdRoad:
    """Writes to a descriptor that somebody else opened and will close."""

    def __init__(self, url: "Url") -> "None":
        self.url = url
        self._fd = int(url.host)
        os.fstat(self._fd)  # OSError now rather than at the first record

    def send(self, data: "memoryview") -> "None":
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                from select import select

                select([], [self._fd], [])

    def close(self) -> "None":
        pass
