"""Whether the clock of this machine is to be believed (RFC 5424 7.1)."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from syslogfast._backend import Encoder

    read_clock_quality: Callable[[], tuple[bool, int] | None] | None
else:
    try:  # what Linux says of its clock, adjtimex(2), which Python has no call for
        from syslogfast._lifecycle_c import read_clock_quality
    except ImportError:
        read_clock_quality = None

ZONE_FILE = "/etc/localtime"  # the zone of this machine, tzset(3)


def read_quality() -> "tuple[bool, int] | None":
    """Return whether the clock is synchronised, and by how many microseconds it may be off.

    None: nobody says so here.
    """
    return read_clock_quality() if read_clock_quality else None


def knows_zone(encoder: "Encoder") -> bool:
    """Return True if the zone of the timestamps is known (RFC 5424 7.1.1).

    UTC always is. Where there is no zone at all, C takes UTC for the local time.
    """
    options = encoder._list_options()
    if not options["local_time"]:  # None: UTC, where there is structured data
        return True
    return "TZ" in os.environ or os.path.exists(ZONE_FILE)


def list_time_quality(
    encoder: "Encoder", quality: "tuple[bool, int] | None"
) -> "list[tuple[str, object]]":
    """Return the parameters of timeQuality (RFC 5424 7.1.1 to 7.1.3).

    quality: of `read_quality`.
    """
    parameters: list[tuple[str, object]] = [("tzKnown", int(knows_zone(encoder)))]
    if quality:
        is_synced, accuracy = quality
        parameters.append(("isSynced", int(is_synced)))
        if is_synced:  # 7.1.3: if it is not, this must not be there
            parameters.append(("syncAccuracy", accuracy))
    return parameters


def describe_quality(quality: "tuple[bool, int] | None") -> str:
    """Return the same as part of a text, to follow a statement; empty if nobody knows."""
    if not quality:
        return ""
    is_synced, accuracy = quality
    return f"; clock within {accuracy / 1000:g} ms" if is_synced else "; clock not synchronised"
