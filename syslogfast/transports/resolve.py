"""From the host of a URL to the addresses of sockets."""

import _socket

from syslogfast.transports.exit_fork import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.transports.url import Url


def look_up(url: "Url", kind: "int") -> "list[tuple[Any, ...]]":
    """Return the host's addresses, as getaddrinfo does; OSError if it has none."""
    try:
        # As bytes, for a str would be encoded by IDNA, whose module imports re.
        if url.host.isascii():
            host = url.host.encode()
        else:
            with importing:
                host = url.host.encode("idna")
        return _socket.getaddrinfo(host, url.port or 0, 0, kind)
    except UnicodeError as error:  # of IDNA
        raise OSError(str(error)) from None
