"""What may stand after "?" in a URL: framing=octet, retry=5, ca=/etc/ssl/ca.pem."""

from syslogfast._options import is_address
from syslogfast._platform import system
from syslogfast._validation import is_number
from syslogfast.constants import FIRST_DELAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.url import Scheme

FILES = ("ca", "cert", "key")
MOST_SECONDS = 10**10
MAX_KEEPALIVE = 32767  # seconds: Linux's TCP_KEEPIDLE has no more
MAX_RETRY = 86400  # seconds: a day


def parse_options(query: "str") -> "dict[str, str] | None":
    """Return the options by their names; None: one has no value, or is there twice."""
    options: dict[str, str] = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if not equals or name in options:
            return None
        options[name] = value
    return options


def check_options(options: "dict[str, str]", scheme: "str", known: "Scheme", url: "str") -> "str":
    """Return the rule that a value breaks, "have ..."; empty if there is none.

    known: the row of SCHEMES. ValueError: the scheme has no such framing, or no such option.
    """
    framing = options.get("framing", "").lower() or known.framings[0]
    if framing not in known.framings:
        from syslogfast.transports.url_errors import reject_framing

        reject_framing(framing or "", scheme, known.framings, url)
    for name in sorted(options):
        if name != "framing" and name not in known.options:
            from syslogfast.transports.url_errors import reject_url_option

            reject_url_option(name, scheme, ("framing", *known.options), url)
    if options.get("order", "any") != "any":
        return "have order=any, or no order"
    if not is_duration(options.get("resolve", "0")):
        return "have a resolve in seconds, or 0 for never"
    if not is_address(options.get("bind", "::")):
        return "have a bind that is an address of this host, such as 192.0.2.1"
    if not is_number(options.get("keepalive", "0"), MAX_KEEPALIVE):
        return f"have a keepalive in seconds, 1..{MAX_KEEPALIVE}, or 0 for none"
    retry = options.get("retry", "1")
    if not is_duration(retry) or not FIRST_DELAY <= float(retry) <= MAX_RETRY:
        return f"have a retry in seconds, {FIRST_DELAY}..{MAX_RETRY}"
    if options.get("insecure", "yes") != "yes":
        return "have insecure=yes, or nothing of it"
    if "key" in options and "cert" not in options:
        return "have a cert for its key"
    for name in FILES:
        if name in options and not system.access(options[name], system.R_OK):
            return f"have a {name} that is a file and can be read"
    return ""


def is_duration(text: "str") -> "bool":
    """Return True for digits, and perhaps a point among them, at most ten of each."""
    whole, _, fraction = text.partition(".")
    return is_number(whole, MOST_SECONDS) and is_number(fraction or "0", MOST_SECONDS)
