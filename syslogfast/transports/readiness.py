"""Waiting for a descriptor; `select` is imported by those who wait, and few do."""


def wait_writable(fd: "int", timeout: "float | None" = None) -> "bool":
    """Wait until a descriptor takes bytes; False if it does not within so many seconds."""
    import select

    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([], [fd], [], timeout)[1])
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(None if timeout is None else timeout * 1000))
