"""From the host of a URL to the addresses of sockets."""

import _socket

from syslogfast.transports import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.transports.url import Url


def look_up(url: "Url", is_datagram: "bool") -> "list[tuple[Any, ...]]":
    """Return the host's addresses, as getaddrinfo does; OSError if it has none.

    With `bind` in the URL's options, they are of that address's family.
    """
    source = url.options.get("bind")
    family = 0
    kind = _socket.SOCK_DGRAM if is_datagram else _socket.SOCK_STREAM
    if source is not None:
        family = _socket.AF_INET6 if ":" in source else _socket.AF_INET
    try:
        # As bytes, for a str would be encoded by IDNA, whose module imports re.
        if url.host.isascii():
            host = url.host.encode()
        else:
            with importing:
                host = url.host.encode("idna")
        return _socket.getaddrinfo(host, url.port or 0, family, kind)
    except UnicodeError as error:  # of IDNA
        raise OSError(str(error)) from None
