"""All transports into real collectors: what rsyslog and syslog-ng store is what was emitted.

Each test sends 1,000 records, no two alike: twenty identities, each with header fields of its own,
that speak in turn. Every field of every record is compared, in order.
"""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.backends import load_emitter_module
from support.certificates import Certificates, Pair
from support.collectors import (
    TLS_TRANSPORTS,
    TRANSPORTS,
    UNIX_TRANSPORTS,
    Collector,
    Record,
    Rsyslog,
    RsyslogRelp,
    RsyslogStock,
    StartCollector,
    SyslogNg,
    escape,
)
from support.pairwise import choose_pairs
from support.receivers import check_counts, wait_until

import syslogfast
from syslogfast.transports import retry

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]

RECORDS = 1_000  # the receive buffer of a collector's UDP socket has space for them
IDENTITIES = 20
LIMIT = 30.0  # seconds that anything may take
PROTOCOLS = ("rfc5424", "rfc3164")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def describe_identity(number: int) -> dict[str, object]:
    """The options of Encoder for one identity."""
    return {
        "facility": 1 + number,
        "hostname": f"web{number}.example.com",
        "app_name": f"shop-{number}",
        "procid": 1000 + number,
        "msgid": f"ID{number}",
        "structured_data": {
            f"shop{number}@32473": [
                ("branch", f"Köln {number}"),
                ("note", 'a "quoted" \\ ]part'),
                ("note", "again"),
            ],
            "origin": {"ip": f"192.0.2.{number}"},
        },
    }


class Sample:
    """The n-th record: what is emitted, and what a collector makes of it."""

    def __init__(self, n: int, started: int) -> None:
        """`started` is the time of the first, in seconds since the epoch."""
        self.identity = n % IDENTITIES
        self.severity = n // IDENTITIES % 8
        self.time_ns = started * 10**9 + n * 1_000_037_001  # about as many seconds as records
        self.message = (
            f"{n} grüße, 日本 😀 \t\x1b[31m\n<{n}>\x85 " + "lorem ipsum " * (n % 50) + "."
        )
        self.own: dict[str, object] = {}  # fields of this record, not of its identity
        if n % 3 == 0:
            self.own["msgid"] = f"SALE{n}"
        if n % 7 == 0:
            self.own["structured_data"] = {"order@32473": {"number": n, "of": "Jürgen"}}

    def emit(self, speaker: "syslogfast.Emitter") -> None:
        speaker.emit(self.severity, self.message, time_ns=self.time_ns, **self.own)

    def expect(self, protocol: str) -> Record:
        """The record as a collector stores it if it understands all that the protocol can say."""
        fields = describe_identity(self.identity)
        time_of_day = EPOCH + timedelta(microseconds=self.time_ns // 1000)
        elements = dict(fields["structured_data"])
        elements.update(self.own.get("structured_data", {}))
        expected = Record(
            priority=fields["facility"] * 8 + self.severity,
            timestamp=time_of_day.isoformat(timespec="microseconds"),
            hostname=fields["hostname"],
            app_name=fields["app_name"],
            procid=str(fields["procid"]),
            msgid=self.own.get("msgid", fields["msgid"]),
            structured_data={sd_id: list_params(params) for sd_id, params in elements.items()},
            message=escape(self.message.encode()),
        )
        if protocol == "rfc5424":
            return expected
        return expected._replace(
            timestamp=time_of_day.replace(microsecond=0).isoformat(timespec="microseconds"),
            hostname=expected.hostname.partition(".")[0],
            msgid="-",
            structured_data={},
        )


def list_params(params: object) -> list[tuple[str, str]]:
    pairs = params.items() if isinstance(params, dict) else params
    return [(name, str(value)) for name, value in pairs]


def make_samples() -> list[Sample]:
    """RFC 3164 has no year, so collectors take that of now: the last sample is a little old."""
    started = int(time.time()) - 2 * RECORDS
    return [Sample(n, started) for n in range(RECORDS)]


def send(
    emitter: "syslogfast.Emitter", samples: list[Sample], collector: Collector
) -> list[Record]:
    """Emit them, and return what the collector has stored."""
    speakers = [emitter.child(**describe_identity(number)) for number in range(IDENTITIES)]
    for sample in samples:
        sample.emit(speakers[sample.identity])
    assert emitter.flush()
    return collector.records(len(samples), LIMIT)


def check_all_sent(emitter: "syslogfast.Emitter") -> None:
    stats = check_counts(emitter)
    assert stats["offered"] == stats["sent"] == RECORDS
    assert (stats["dropped"], stats["truncated"], stats["reconnects"]) == ({}, 0, 0)
    assert stats["failure"] is None


def check_transport(collector: Collector, transport: str, protocol: str, backend: str) -> None:
    """Send the samples by this transport, and compare each field of each record that arrives."""
    samples = make_samples()
    old = f"{transport}-3164"
    url = collector.url(old if protocol == "rfc3164" and old in TRANSPORTS else transport)
    with load_emitter_module(backend).connect(
        url,
        protocol=protocol,
        local_time=False,
        linger=0.01,
        overflow="block",
        timeout=LIMIT,
    ) as emitter:
        records = send(emitter, samples, collector)
        check_all_sent(emitter)
    expected = [sample.expect(protocol) for sample in samples]
    if transport.startswith("udp"):  # which promises no order
        records.sort(key=lambda record: int(record.message.partition(" ")[0]))
    if protocol == "rfc3164":  # collectors guess the year
        records = [record._replace(timestamp=record.timestamp[4:]) for record in records]
        expected = [record._replace(timestamp=record.timestamp[4:]) for record in expected]
    for record, wanted in zip(records, expected, strict=True):
        assert record == wanted


COLLECTORS = [Rsyslog, SyslogNg]


@pytest.mark.parametrize(
    ("collector_kind", "transport", "protocol", "backend"),
    choose_pairs(COLLECTORS, ["tcp-octet", "tcp-lf"], PROTOCOLS, ["c", "python"]),
    indirect=["collector_kind", "backend"],
)
def test_tcp(collector: Collector, transport: str, protocol: str, backend: str) -> None:
    check_transport(collector, transport, protocol, backend)


@pytest.mark.parametrize(
    ("collector_kind", "transport", "protocol"),
    choose_pairs(COLLECTORS, ["udp", *UNIX_TRANSPORTS], PROTOCOLS),
    indirect=["collector_kind"],
)
def test_datagrams_and_unix_sockets(collector: Collector, transport: str, protocol: str) -> None:
    check_transport(collector, transport, protocol, syslogfast.BACKEND)


@pytest.mark.parametrize(
    ("collector_kind", "transport", "protocol"),
    choose_pairs(COLLECTORS, TLS_TRANSPORTS, PROTOCOLS),
    indirect=["collector_kind"],
)
def test_tls(tls_collector: Collector, transport: str, protocol: str) -> None:
    check_transport(tls_collector, transport, protocol, syslogfast.BACKEND)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_relp(start_collector: StartCollector, protocol: str) -> None:
    check_transport(start_collector(RsyslogRelp), "relp", protocol, syslogfast.BACKEND)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_relps(start_collector: StartCollector, certificates: Certificates, protocol: str) -> None:
    collector = start_collector(RsyslogRelp, certificates)
    check_transport(collector, "relps", protocol, syslogfast.BACKEND)


@pytest.mark.parametrize("transport", ["relp", "relps"])
def test_relp_has_sent_what_is_stored(
    start_collector: StartCollector, certificates: Certificates, transport: str
) -> None:
    """What flush has seen off survives the collector's death; before, it counts as queued."""
    collector = start_collector(RsyslogRelp, certificates)
    with syslogfast.connect(collector.url(transport), timeout=LIMIT) as emitter:
        emitter.emit_many("info", [f"early {number}" for number in range(1000)])
        assert emitter.flush()
        collector.kill()
        assert len(collector.records(1000)) == 1000
        collector.start()
        emitter.info("awake")
        assert emitter.flush()
        collector.suspend()
        emitter.info("asleep")
        assert not emitter.flush(0.5)
        stats = check_counts(emitter)
        assert (stats["sent"], stats["queued"]) == (1001, 1)
        collector.resume()
        assert emitter.flush()
        assert [record.message for record in collector.records(2)] == ["awake", "asleep"]
        assert check_counts(emitter)["sent"] == 1002


def test_a_stock_dev_log(start_collector: StartCollector) -> None:
    """By default a unix socket is spoken to as syslog(3) does, which a stock rsyslog understands.

    It has its own name for the host, its own time, and its own octal for a tab.
    """
    collector = start_collector(RsyslogStock)
    samples = make_samples()
    earliest = datetime.now(UTC) - timedelta(seconds=1)
    with syslogfast.connect(
        collector.url(), linger=0.01, overflow="block", timeout=LIMIT
    ) as emitter:
        records = send(emitter, samples, collector)
        check_all_sent(emitter)
    latest = datetime.now(UTC) + timedelta(seconds=1)
    host = socket.gethostname().partition(".")[0].lower()
    for record, sample in zip(records, samples, strict=True):
        assert earliest <= datetime.fromisoformat(record.timestamp) <= latest
        expected = sample.expect("rfc3164")
        assert record == expected._replace(
            timestamp=record.timestamp,
            hostname=host,
            message=expected.message.replace("\t", "#011"),
        )


# --- who is who (RFC 5425, section 5) ------------------------------------------------------------


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that were tried, in order."""
    tried = []
    open_really = retry.open_transport

    def open_transport(url: object, timeout: float) -> object:
        tried.append(str(url))
        return open_really(url, timeout)

    monkeypatch.setattr(retry, "open_transport", open_transport)
    return tried


@pytest.fixture
def connect() -> Iterator[Callable[[str], "syslogfast.Emitter"]]:
    """connect() with a small queue; what it returned is closed at the end, without patience."""
    emitters = []

    def call(url: str) -> "syslogfast.Emitter":
        emitters.append(syslogfast.connect(url, queue_bytes=4096, timeout=LIMIT))
        return emitters[-1]

    yield call
    for emitter in emitters:
        emitter.close(0)


def show_certificate(collector: Collector, pair: Pair) -> None:
    collector.kill()
    collector.show_certificate(pair)
    collector.start()


def check_refusal(emitter: "syslogfast.Emitter", attempts: list[str], reason: str) -> None:
    """Emit more than the queue has space for: no transport is opened, and nothing else is lost."""
    emitter.info("the first")
    assert wait_until(lambda: len(attempts) >= 3, LIMIT)
    for number in range(100):
        emitter.info("message %d, not a short one: %s", number, "lorem ipsum " * 5)
    stats = check_counts(emitter)
    assert stats["sent"] == 0
    assert list(stats["dropped"]) == ["full"]
    assert 20 < stats["queued"] < 50
    assert emitter._queue.size <= 4096
    assert reason in stats["failure"]
    assert stats["failure"].startswith(attempts[0])


def find_complaints(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("syslogfast: ")]


@pytest.mark.parametrize(
    ("kind", "transport", "host"),
    [
        (Rsyslog, "tls", "localhost"),
        (Rsyslog, "tls", "127.0.0.1"),
        (RsyslogRelp, "relps", "localhost"),
    ],
)
@pytest.mark.parametrize(
    ("shown", "reason"),
    [("wrong_name", "mismatch"), ("untrusted", "issuer"), ("expired", "expired")],
)
def test_the_wrong_collector_gets_nothing(
    start_collector: StartCollector,
    certificates: Certificates,
    connect: Callable[[str], "syslogfast.Emitter"],
    attempts: list[str],
    capfd: pytest.CaptureFixture[str],
    shown: str,
    reason: str,
    kind: type[Collector],
    transport: str,
    host: str,
) -> None:
    """It is refused, again and again, which is said once; what is queued waits for a right one."""
    collector = start_collector(kind, certificates)
    show_certificate(collector, getattr(certificates, shown))
    emitter = connect(collector.url(transport, host))
    check_refusal(emitter, attempts, reason)
    (complaint,) = find_complaints(capfd)
    assert complaint.startswith(f"syslogfast: {attempts[0]}: ")
    assert reason in complaint
    assert collector.records(0) == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_right_collector_is_known_by_name_and_by_address(
    tls_collector: Collector,
    connect: Callable[[str], "syslogfast.Emitter"],
    capfd: pytest.CaptureFixture[str],
    host: str,
) -> None:
    emitter = connect(tls_collector.url("tls", host))
    emitter.info("hello")
    (record,) = tls_collector.records(1)
    assert record.message == "hello"
    assert emitter.stats["failure"] is None
    assert find_complaints(capfd) == []


@pytest.mark.parametrize(
    ("shown", "option"),
    [("wrong_name", "name=other.example"), ("expired", "insecure=yes")],
)
def test_a_url_may_say_whom_to_trust(
    tls_collector: Collector,
    certificates: Certificates,
    connect: Callable[[str], "syslogfast.Emitter"],
    shown: str,
    option: str,
) -> None:
    show_certificate(tls_collector, getattr(certificates, shown))
    connect(f"{tls_collector.url('tls')}&{option}").info("hello")
    (record,) = tls_collector.records(1)
    assert record.message == "hello"


def test_what_waited_arrives_when_the_certificate_is_mended(
    tls_collector: Collector,
    certificates: Certificates,
    connect: Callable[[str], "syslogfast.Emitter"],
    attempts: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """All that was in the queue, in order, and a record that tells what had no space there."""
    show_certificate(tls_collector, certificates.expired)
    emitter = connect(tls_collector.url("tls"))
    check_refusal(emitter, attempts, "expired")
    queued = emitter.stats["queued"]
    dropped = emitter.stats["dropped"]["full"]
    show_certificate(tls_collector, certificates.server)
    assert emitter.flush()
    *records, report = tls_collector.records(queued + 1, LIMIT)
    first, *others = [record.message for record in records]
    assert first == "the first"
    assert [message.split(",")[0] for message in others] == [
        f"message {number}" for number in range(queued - 1)
    ]
    assert report.msgid == "DROPPED"
    assert ("full", str(dropped)) in report.structured_data["dropped@32473"]
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (queued + 1, {"full": dropped})
    assert stats["failure"] is None
    assert len(find_complaints(capfd)) == 1


@pytest.mark.parametrize(("shown", "reason"), [(None, "REQUIRED"), ("untrusted", "UNKNOWN_CA")])
def test_a_collector_that_does_not_know_us(
    tls_collector: Collector,
    certificates: Certificates,
    connect: Callable[[str], "syslogfast.Emitter"],
    attempts: list[str],
    capfd: pytest.CaptureFixture[str],
    shown: str | None,
    reason: str,
) -> None:
    """It wants a certificate of the client's: none, or a stranger's, is refused, and it says so."""
    url = tls_collector.url("mtls").partition("&cert=")[0]
    if shown:
        pair = getattr(certificates, shown)
        url += f"&cert={pair.certificate}&key={pair.key}"
    check_refusal(connect(url), attempts, reason)
    (complaint,) = find_complaints(capfd)
    assert complaint.startswith(f"syslogfast: {url}: ")
    assert reason in complaint
    assert tls_collector.records(0) == []
