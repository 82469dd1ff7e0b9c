"""What hosted log services want, and some collectors of one's own: each function opens one.

All of them return an Emitter and take the options of `connect`. `url` is another collector that
takes the same form: another region, a relay, a collector with an authority of its own, as in
"tls://127.0.0.1:6514?ca=/etc/ca.pem". A framing that it names holds; if it names none, the
framing is the service's. A token is in the records and nowhere else: not in a URL, a `repr`, an
error or the statistics. Children carry it, too.

The examples show `info("sold out")` with hostname="web1", app_name="shop" and procid=42.
"""

from syslogfast._name_errors import list_parameters
from syslogfast._options import check_names, is_ipv6_address
from syslogfast._rare_validation import (
    check_host,
    check_port,
    check_tags,
    check_token,
    reject_host,
    reject_service_option,
)
from syslogfast._structured_data import join_structured_data, render_parameter
from syslogfast._text import ESCAPES
from syslogfast._validation import check_choice, check_max_size
from syslogfast.constants import (
    LOGGLY_NUMBER,
    MAX_APP_NAME,
    MAX_HOSTNAME,
    MAX_MSGID,
    MAX_PROCID,
    MAX_SIZE,
    SUMOLOGIC_NUMBER,
)
from syslogfast.emitter import connect
from syslogfast.transports.url import agree_on_framing, choose_max_size, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias, Unpack

    from syslogfast.emitter import Emitter
    from syslogfast.transports.url import Url
    from syslogfast.types import CommonOptions, ConnectOptions, DeliveryOptions, Framing

    class ServiceOptions(ConnectOptions, DeliveryOptions, total=False):
        """All options of `connect`."""

    class TokenOptions(CommonOptions, DeliveryOptions, total=False):
        """Those where each record has a token: `protocol` and `prefix` are the service's."""

        facility: int | str
        framing: Framing

    SumologicRegion: TypeAlias = Literal[
        "us1", "us2", "au", "ca", "ch", "de", "esc", "eu", "fed", "in", "jp", "kr"
    ]

# RFC 5424 6: what may stand before SD.
LONGEST_HEADER = (
    len("<191>1 yyyy-mm-ddThh:mm:ss.ffffff+hh:mm ")
    + MAX_HOSTNAME
    + MAX_APP_NAME
    + MAX_PROCID
    + MAX_MSGID
    + len("    ")
)
CONNECT_OPTIONS = list_parameters(connect)
LOGENTRIES_REGIONS = ("us", "eu")
DATADOG_URLS = {
    "us": "tls://intake.logs.datadoghq.com:10516",
    "eu": "tls://tcp-intake.logs.datadoghq.eu:443",
}
SOLARWINDS_REGIONS = ("na-01", "eu-01", "ap-01")
SUMOLOGIC_REGIONS = (
    *("us1", "us2", "au", "ca", "ch", "de", "esc", "eu", "fed"),
    *("in", "jp", "kr"),
)
# Papertrail takes packets of 1024 octets, of which 48 may be the headers of IPv6 and UDP.
MAX_PAPERTRAIL_DATAGRAM = 1024 - 48


def logentries(
    token: "str",
    *,
    region: 'Literal["us", "eu"]' = "us",
    url: "str | Url | None" = None,
    **options: "Unpack[TokenOptions]",
) -> "Emitter":
    """Return an emitter for Logentries, later Rapid7 InsightOps, which is not sold any more.

    token: a log's, a UUID; it stands at the line's start, and the service takes it off.
    region: "us" or "eu".

    2bfbea1e-10c3-4419-bdad-7e6435882e1f <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out

    Lines over TLS, port 443; with `url` also plain TCP and UDP on ports 80, 514 and 10000.
    https://docs.rapid7.com/insightops/token-tcp

    TypeError, ValueError: an argument is wrong, or one that is the service's is given.
    """
    region = check_choice("region", region, LOGENTRIES_REGIONS)
    url = f"tls://{region}.data.logs.insight.rapid7.com:443" if url is None else url
    return open_service(logentries, url, "lf", options, prefix=check_token("token", token) + b" ")


def datadog(
    api_key: "str",
    *,
    region: 'Literal["us", "eu"]' = "us",
    url: "str | Url | None" = None,
    **options: "Unpack[TokenOptions]",
) -> "Emitter":
    """Return an emitter for Datadog's TCP intake, where its Agent cannot be had.

    The Agent takes plain syslog: `connect("tcp://127.0.0.1:10514")`, with the port that it has been
    given. This intake is for those who use it already. Datadog does not support it any more, and
    reports neither a wrong key nor a loss.

    api_key: it stands at the line's start.
    region: "us" or "eu"; other sites have no such intake.

    0123456789abcdef0123456789abcdef <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out

    Lines over TLS.
    https://docs.datadoghq.com/logs/faq/why-not-to-use-tcp-for-log-collection

    TypeError, ValueError: an argument is wrong, or one that is the service's is given.
    """
    region = check_choice("region", region, DATADOG_URLS)
    url = DATADOG_URLS[region] if url is None else url
    return open_service(datadog, url, "lf", options, prefix=check_token("api_key", api_key) + b" ")


def loggly(
    token: "str",
    *,
    tags: "list[str] | tuple[str, ...]" = (),
    url: "str | Url | None" = None,
    **options: "Unpack[TokenOptions]",
) -> "Emitter":
    """Return an emitter for Loggly.

    token: the customer token, a UUID; it is an SD-ID, longer than RFC 5424 allows.
    tags: of all records; here ["web", "eu"].

    <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - [8bf8cc10-4140-4c3e-a2b4-e6f5324f1aea@41058 \
tag="web" tag="eu"] sold out

    Lines over TLS, port 6514; with `url` also plain TCP and UDP on port 514.
    https://documentation.solarwinds.com/en/success_center/loggly/content/admin/streaming-syslog-without-using-files.htm

    TypeError, ValueError: an argument is wrong, or one that is the service's is given.
    """
    parameters = [render_parameter("tag", tag, ESCAPES["escape"][1]) for tag in check_tags(tags)]
    element = render_token(token, LOGGLY_NUMBER, b"".join(parameters))
    url = "tls://logs-01.loggly.com:6514" if url is None else url
    return open_service(loggly, url, "lf", options, element=element)


def papertrail(
    host: "str | None" = None,
    port: "int | None" = None,
    *,
    url: "str | Url | None" = None,
    **options: "Unpack[ServiceOptions]",
) -> "Emitter":
    """Return an emitter for Papertrail, where host and port say whose the records are.

    Its users were moved to SolarWinds Observability: a destination with a token wants `solarwinds`.

    host, port: the log destination's, such as "logs7.papertrailapp.com", 12345.

    <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out

    Lines over TLS; with `url` also UDP and, if the destination allows it, plain TCP, on the same
    port. A datagram has at most 976 bytes here, since Papertrail takes packets of 1024 (over TCP,
    records of 100,000); of HOSTNAME it keeps 120 characters.
    https://help.papertrailapp.com/kb/configuration/troubleshooting-remote-syslog-reachability/

    TypeError, ValueError: an argument is wrong.
    """
    target = parse_url(make_url("tls", host, port) if url is None else url)
    if options.get("max_size") is None and choose_max_size([target], "rfc5424") is not None:
        options["max_size"] = MAX_PAPERTRAIL_DATAGRAM  # for datagrams
    return open_service(papertrail, target, "lf", options)


def solarwinds(
    token: "str",
    *,
    region: 'Literal["na-01", "eu-01", "ap-01"]' = "na-01",
    url: "str | Url | None" = None,
    **options: "Unpack[TokenOptions]",
) -> "Emitter":
    """Return an emitter for SolarWinds Observability, which has Papertrail's newer destinations.

    token: an ingestion token; it is an SD-ID, longer than RFC 5424 allows.
    region: "na-01", "eu-01" or "ap-01", as in the address where one signs in.

    <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - [TOKEN@41058] sold out

    Lines over TLS, port 6514.
    https://documentation.solarwinds.com/en/success_center/observability/content/configure/configure-logs-pt-syslog.htm

    TypeError, ValueError: an argument is wrong, or one that is the service's is given.
    """
    region = check_choice("region", region, SOLARWINDS_REGIONS)
    url = f"tls://syslog.collector.{region}.cloud.solarwinds.com:6514" if url is None else url
    return open_service(solarwinds, url, "lf", options, element=render_token(token, LOGGLY_NUMBER))


def sumologic(
    token: "str",
    *,
    region: "SumologicRegion" = "us1",
    url: "str | Url | None" = None,
    **options: "Unpack[TokenOptions]",
) -> "Emitter":
    """Return an emitter for a Cloud Syslog source of Sumo Logic.

    token: the source's; it is an SD-ID, longer than RFC 5424 allows, and taken off by the service.
    region: the deployment, such as "us1", "us2", "eu" or "de".

    <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - [TOKEN@41123] sold out

    Lines over TLS (1.2 or, by the newest page, 1.3), port 6514. Of a record it keeps 64 KB.
    https://www.sumologic.com/help/docs/send-data/hosted-collectors/cloud-syslog-source/

    TypeError, ValueError: an argument is wrong, or one that is the service's is given.
    """
    region = check_choice("region", region, SUMOLOGIC_REGIONS)
    url = f"tls://syslog.collection.{region}.sumologic.com:6514" if url is None else url
    return open_service(
        sumologic, url, "lf", options, element=render_token(token, SUMOLOGIC_NUMBER)
    )


def graylog(
    host: "str | None" = None,
    port: "int" = 514,
    *,
    url: "str | Url | None" = None,
    **options: "Unpack[ServiceOptions]",
) -> "Emitter":
    """Return an emitter for a "Syslog TCP" input of Graylog.

    59 <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out

    Octet counting over TCP, which the input finds out by the first digit, whatever delimiter it is
    set to; with `url` also TLS and UDP, which are inputs of their own.
    https://github.com/Graylog2/graylog2-server/pull/743

    TypeError, ValueError: an argument is wrong.
    """
    url = make_url("tcp", host, port) if url is None else url
    return open_service(graylog, url, "octet", options)


def splunk(
    host: "str | None" = None,
    port: "int" = 601,
    *,
    url: "str | Url | None" = None,
    **options: "Unpack[ServiceOptions]",
) -> "Emitter":
    """Return an emitter for Splunk Connect for Syslog (SC4S).

    59 <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out

    Octet counting over TCP, port 601; with `url` also TLS, port 6587, and UDP, port 514. Splunk's
    own TCP input is no syslog receiver.
    https://splunk.github.io/splunk-connect-for-syslog/main/configuration/

    TypeError, ValueError: an argument is wrong.
    """
    url = make_url("tcp", host, port) if url is None else url
    return open_service(splunk, url, "octet", options)


def alloy(
    host: "str | None" = None,
    port: "int | None" = None,
    *,
    url: "str | Url | None" = None,
    **options: "Unpack[ServiceOptions]",
) -> "Emitter":
    """Return an emitter for a listener of Grafana Alloy's `loki.source.syslog`.

    59 <14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out

    Octet counting over TCP, on the port of the listener's `address`; with `url` also TLS and UDP.
    Alloy drops what is not RFC 5424, unless its `syslog_format` says otherwise, and takes no more
    than its `max_message_length`, which is as much as we send: 8192 bytes.
    https://grafana.com/docs/alloy/latest/reference/components/loki/loki.source.syslog/

    TypeError, ValueError: an argument is wrong.
    """
    url = make_url("tcp", host, port) if url is None else url
    return open_service(alloy, url, "octet", options)


def make_url(scheme: "str", host: "str | None", port: "int | None") -> "str":
    host = check_host(host)
    name = f"[{host}]" if is_ipv6_address(host) else host
    if ":" in name and name[0] != "[":
        reject_host(host)
    return f"{scheme}://{name}:{check_port(port)}"


def render_token(token: "str", number: "int", parameters: "bytes" = b"") -> "bytes":
    """Return the SD-ELEMENT that says whose the records are (RFC 5424 6.3.2)."""
    return b"[%b@%d%b]" % (check_token("token", token), number, parameters)


def open_service(
    service: "Callable[..., Emitter]",
    url: "str | Url",
    framing: "str",
    options: "Any",
    prefix: "bytes" = b"",
    element: "bytes" = b"",
) -> "Emitter":
    """Call `connect` with a service's form; `prefix` or `element` hold its token."""
    check_names(options, f"services.{service.__name__}", service, CONNECT_OPTIONS)
    target = parse_url(url)
    is_stream = target.framing is not None
    if is_stream and not target.has_framing and options.get("framing") is None:
        options["framing"] = framing
    if prefix or element:
        for option in ("prefix", "protocol"):
            if option in options:
                reject_service_option(option)
        options["prefix"], options["protocol"] = prefix, "rfc5424"
    if element:
        elements = options["structured_data"] = join_structured_data(
            element,
            options.get("structured_data"),
            options.get("controls", "escape"),
            agree_on_framing([target], options.get("framing")),
            options.get("enterprise_id"),
        )
        if options.get("max_size") is None:
            options["max_size"] = choose_max_size([target], "rfc5424") or MAX_SIZE
        # Where there is no space for structured data it is left out, and the token would be, too.
        check_max_size(options["max_size"], LONGEST_HEADER + len(elements))
    return connect(target, **options)
