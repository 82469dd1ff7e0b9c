"""Roads: where bytes go. A road knows framing and sockets; it knows nothing of headers."""

from syslogfast.transports.url import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Road(Protocol):
        """Takes framed records: one at a time without framing, else any number together."""

        url: "Url"

        def send(self, data: "memoryview") -> "None":
            """Hand over all of `data`, waiting while the road is full. OSError: it broke."""

        def close(self) -> "None":
            """Make as sure as the road can that all has arrived, then close it. OSError: not."""


__all__ = ["Url", "open_road", "parse_url"]


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
