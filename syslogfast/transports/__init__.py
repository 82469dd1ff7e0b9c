"""Roads: where bytes go. A road knows framing and sockets; it knows nothing of headers."""

from syslogfast.transports.url import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Road(Protocol):
        """Takes framed records: one at a time without framing, else any number together."""

        url: "Url"

        def send(self, data: "memoryview") -> "int":
            """Hand over what can be without waiting: how many bytes; 0: the road is full.

            A datagram goes as a whole. OSError: the road broke.
            """

        def wait(self, timeout: "float | None" = None) -> "None":
            """Wait until the road takes more, or until so many seconds have passed."""

        def close(self, timeout: "float" = 5.0) -> "None":
            """Make as sure as the road can that all has arrived, then close it. OSError: not."""

        def abort(self) -> "None":
            """Close the road at once."""


__all__ = ["Url", "open_road", "parse_url", "send_all"]


def send_all(road: "Road", data: "memoryview") -> "None":
    """Hand over all of `data`, waiting while the road is full. OSError: it broke."""
    while data:
        size = road.send(data)
        if not size:
            road.wait()
        data = data[size:]


def open_road(url: "Url", timeout: "float" = 5.0) -> "Road":
    """Open the road that a URL names; OSError if that takes more than `timeout` seconds or fails.

    Each road is imported on first use, so that nobody pays for another's.
    """
    if url.scheme == "udp":
        from syslogfast.transports.udp import UdpRoad

        return UdpRoad(url)
    if url.scheme == "tcp":
        from syslogfast.transports.stream import TcpRoad

        return TcpRoad(url, timeout)
    from syslogfast.transports.fd import FdRoad

    return FdRoad(url)
