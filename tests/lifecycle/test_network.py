"""What this machine's network is: real interfaces in a namespace of their own, judged by `ip`.

Where a namespace is not to be had, those tests are skipped; the parsers, the files and what is
done without netlink are tested everywhere.
"""

import contextlib
import ctypes
import errno
import json
import os
import pathlib
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.grammar import parse_rfc5424
from support.namespaces import isolate, need_programs
from support.receivers import LIMIT, wait_until

import syslogfast
from syslogfast.transports import netlink, network
from syslogfast.transports.network import (
    Network,
    NetworkWatch,
    choose_network,
    read_network,
    wait_for_network,
)

pytestmark = pytest.mark.surroundings

Ip = Callable[..., str]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

CLONE_NEWNET = 0x40000000
MAC = "52:54:00:12:34:56"
FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def run_ip(*words: str) -> str:
    command = ["ip", *" ".join(words).split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture
def resolv_conf(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    """The file that name servers are read from, instead of this machine's; at first, empty."""
    path = tmp_path / "resolv.conf"
    path.write_text("")
    monkeypatch.setattr(network, "RESOLV_CONF", str(path))
    monkeypatch.setattr(network, "KERNEL_RESOLV_CONF", str(tmp_path / "pnp"))
    return path


@pytest.fixture
def ip(resolv_conf: pathlib.Path) -> Iterator[Ip]:
    """`ip` in an own namespace with two interfaces that are wired together, both down."""
    need_programs("ip")
    isolate("--net")
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before:
        assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            run_ip(f"link add eth7 address {MAC} type veth peer name peer")
            yield run_ip
        finally:
            assert libc.setns(before.fileno(), CLONE_NEWNET) == 0


@pytest.fixture
def up(ip: Ip) -> Ip:
    """The same with both up, and no IPv6 address made by the kernel."""
    for name in ("eth7", "peer"):
        ip(f"link set {name} addrgenmode none")
        ip(f"link set {name} up")
    # The carrier is found a time later.
    assert wait_until(lambda: ip("link show").count("state UP") == 2)
    return ip


def start(task: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=task, daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def waiting(watch: NetworkWatch, timeout: float = LIMIT) -> Iterator[list[Network | None]]:
    """Have a thread wait, and asleep in it, while the block runs; it is to end by that."""
    results: list[Network | None] = []
    thread = start(lambda: results.append(watch.wait(timeout)))
    assert wait_until(watch._waiting.locked)
    time.sleep(0.1)
    assert not results
    yield results
    thread.join(2 * LIMIT)
    assert not thread.is_alive()


def ask_ip() -> "Network | None":
    """Return what `ip` knows of the network of the IPv4 default route, else the IPv6 one."""
    unusable = ("tentative", "dadfailed", "deprecated")
    for family in ("-4", "-6"):
        routes = json.loads(run_ip(f"-j {family} route show default"))
        if routes:
            route = min(routes, key=lambda each: each.get("metric", 0))
            hop = route.get("nexthops", [route])[0]
            (link,) = json.loads(run_ip("-j addr show dev", hop["dev"]))
            found = [
                f"{address['local']}/{address['prefixlen']}"
                for address in link["addr_info"]
                if address["scope"] == "global" and not any(address.get(word) for word in unusable)
            ]
            return Network(link["ifname"], link["address"], found, hop.get("gateway"), [])
    return None


# --- what it is -------------------------------------------------------------------------------


def test_this_machine(resolv_conf: pathlib.Path) -> None:
    """What is found of the network that the tests run in is what `ip` says."""
    need_programs("ip")
    expected = ask_ip()
    if expected is None:
        pytest.skip("this machine has no default route")
    assert read_network() == expected
    assert wait_for_network(LIMIT) == expected


def test_nothing_yet(ip: Ip) -> None:
    """Without an address there is no network: neither loopback nor one that is down makes it."""
    assert read_network() is None
    ip("link set lo up")
    ip("addr add 10.9.9.9/32 dev lo")
    assert read_network() is None
    ip("addr add 10.0.2.15/24 dev eth7")
    assert read_network() is None
    ip("link set eth7 up")
    assert read_network() is None  # the cable's other end is not plugged in
    ip("link set peer up")
    expected = Network("eth7", MAC, ["10.0.2.15/24"], None, [])
    assert wait_until(lambda: read_network() == expected)


ADDRESS = "addr add 10.0.2.15/24 dev eth7"
ADDRESS6 = "addr add 2001:db8:7::5/64 dev eth7 nodad"
PEER = "addr add 10.0.3.1/24 dev peer"
GATEWAY6 = "2001:db8:7::1"
BOTH = ["10.0.2.15/24", "2001:db8:7::5/64"]


@pytest.mark.parametrize(
    ("steps", "interface", "addresses", "gateway"),
    [
        ([ADDRESS, "route add default via 10.0.2.2"], "eth7", BOTH[:1], "10.0.2.2"),
        ([ADDRESS6, "route add default via 2001:db8:7::1"], "eth7", BOTH[1:], "2001:db8:7::1"),
        ([ADDRESS6, "-6 route add default via fe80::1 dev eth7"], "eth7", BOTH[1:], "fe80::1"),
        (
            [
                *[ADDRESS6, "route add default via 2001:db8:7::1"],
                *[ADDRESS, "route add default via 10.0.2.2 metric 9000"],
            ],
            "eth7",
            BOTH,
            "10.0.2.2",
        ),
        ([ADDRESS, ADDRESS6, "-6 route add default via 2001:db8:7::1"], "eth7", BOTH, GATEWAY6),
        (  # the lesser metric
            [
                *[ADDRESS, PEER, "route add default via 10.0.2.2 metric 200"],
                "route add default via 10.0.3.2 metric 100",
            ],
            "peer",
            ["10.0.3.1/24"],
            "10.0.3.2",
        ),
        (
            [
                *[ADDRESS, PEER],
                "route add default nexthop via 10.0.3.7 nexthop via 10.0.2.2",
            ],
            "peer",
            ["10.0.3.1/24"],
            "10.0.3.7",
        ),
        ([ADDRESS, "route add default dev eth7"], "eth7", BOTH[:1], None),
        (["addr add 10.0.2.15 peer 10.0.2.2/32 dev eth7"], "eth7", ["10.0.2.15/32"], None),
        ([ADDRESS, "addr add 10.0.2.16/24 dev eth7"], "eth7", [*BOTH[:1], "10.0.2.16/24"], None),
    ],
)
def test_default_route(
    up: Ip, steps: list[str], interface: str, addresses: list[str], gateway: str | None
) -> None:
    """The interface of the default route is the network's, IPv4 before IPv6."""
    for step in steps:
        up(step)
    network = read_network()
    assert network is not None
    assert (network.interface, network.addresses, network.gateway) == (
        interface,
        addresses,
        gateway,
    )
    (link,) = json.loads(up("-j link show dev", interface))
    assert network.link_address == link["address"]
    expected = ask_ip()
    assert expected is None or network == expected


def test_gateway_of_the_other_family(up: Ip) -> None:
    """IPv4 may be routed by an IPv6 neighbour (RFC 8950)."""
    up(ADDRESS)
    up("-4 route add default via inet6 fe80::1 dev eth7")
    network = read_network()
    assert network is not None
    assert network.gateway == "fe80::1"


@pytest.mark.parametrize(
    "route",
    [
        "unreachable default",
        "blackhole default",
        "local default dev eth7 table main",
        "default via 10.0.2.2 table 77",
        "10.0.0.0/8 via 10.0.2.2",
        "0.0.0.0/1 via 10.0.2.2",
    ],
)
def test_no_default_route(up: Ip, route: str) -> None:
    """What only resembles a default route has no gateway; the first address makes the network."""
    up(ADDRESS)
    up("addr add 10.0.3.1/24 dev peer")
    up(f"route add {route}")
    network = read_network()
    assert network is not None
    assert network.gateway is None
    first = json.loads(up("-j link show"))[1]["ifname"]
    assert network.interface == first


def test_address_of_the_host_alone(up: Ip) -> None:
    """An address that cannot be reached from elsewhere is none."""
    up("addr add 10.0.2.15/32 dev eth7 scope host")
    assert read_network() is None


def test_metric_in_any_order(up: Ip) -> None:
    """The lesser metric counts wherever the answer has it, IPv4 before IPv6 likewise."""
    for step in (ADDRESS, ADDRESS6, PEER, f"route add default via {GATEWAY6}"):
        up(step)
    up("route add default via 10.0.2.2 metric 200")
    up("route add default via 10.0.3.2 metric 100")
    links, addresses, routes = collect_answers()
    for order in (routes, routes[::-1]):
        network, patience = choose_network(links, addresses, order, [])
        assert network is not None
        assert (network.interface, network.gateway, patience) == ("peer", "10.0.3.2", 0)


def test_link_local_where_there_is_no_other(up: Ip) -> None:
    """A link-local address is listed as long as no interface has another."""
    up("addr add fe80::7/64 dev eth7 nodad")
    assert read_network() == Network("eth7", MAC, ["fe80::7/64"], None, [])
    up("addr add 169.254.7.7/16 dev eth7")
    assert read_network() == Network("eth7", MAC, ["169.254.7.7/16", "fe80::7/64"], None, [])
    up("-6 route add default via fe80::1 dev eth7")
    up(PEER)
    network = read_network()
    assert network is not None
    assert (network.interface, network.addresses) == ("peer", ["10.0.3.1/24"])


@pytest.mark.slow
def test_duplicate_address(up: Ip) -> None:
    """An IPv6 address counts once nobody else has it; one that is a duplicate never does."""
    up("addr add 2001:db8:7::5/64 dev eth7")
    tentative = json.loads(up("-j addr show dev eth7"))[0]["addr_info"][0].get("tentative")
    if tentative:  # for a second or two
        network = read_network()
        still = json.loads(up("-j addr show dev eth7"))[0]["addr_info"][0].get("tentative")
        assert network is None or not still
    assert tentative
    expected = Network("eth7", MAC, ["2001:db8:7::5/64"], None, [])
    assert wait_for_network(LIMIT) == expected
    up("addr add 2001:db8:7::6/64 dev peer nodad")
    up("addr add 2001:db8:7::6/64 dev eth7")
    assert wait_until(lambda: "dadfailed" in up("addr show dev eth7"))
    up("link set peer down")
    up("link set peer up")
    assert wait_until(lambda: read_network() == expected)


def test_deprecated_address(up: Ip) -> None:
    """An address that new connections must not use is not told (RFC 4862 5.5.4)."""
    up("addr add 2001:db8:7::5/64 dev eth7 nodad preferred_lft 0 valid_lft 1000")
    assert read_network() is None
    up("addr add 2001:db8:7::6/64 dev eth7 nodad")
    network = read_network()
    assert network is not None
    assert network.addresses == ["2001:db8:7::6/64"]


def test_no_link_address(ip: Ip) -> None:
    """An interface that is not Ethernet has none."""
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("this machine has no tun device")
    import fcntl

    ip("link set lo up")
    with open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, 0x400454CA, b"tun7".ljust(16, b"\0") + b"\1\x10".ljust(24, b"\0"))
        ip("addr add 10.7.0.1 peer 10.7.0.2/32 dev tun7")
        ip("link set tun7 up")
        ip("route add default dev tun7")
        expected = "10.7.0.1/32"
        assert wait_for_network(LIMIT) == Network("tun7", None, [expected], None, [])


def test_many_interfaces_and_routes(up: Ip) -> None:
    """Answers of many messages are read to the end."""
    lines = [f"link add v{n} type veth peer name w{n}\n" for n in range(60)]
    lines += [f"route add 10.{n // 250}.{n % 250}.0/24 dev eth7\n" for n in range(3000)]
    lines += ["addr add 172.16.0.1/16 dev v59\n", "link set v59 up\n", "link set w59 up\n"]
    lines += ["route add default via 172.16.0.2\n"]
    batch = ["ip", "-force", "-batch", "-"]
    subprocess.run(batch, input="".join(lines), text=True, check=True, timeout=6 * LIMIT)
    assert len(netlink.dump(netlink.RTM_GETROUTE)) > 3000
    assert wait_until(lambda: read_network() == ask_ip())
    network = read_network()
    assert network is not None
    assert (network.interface, network.gateway) == ("v59", "172.16.0.2")


def test_equality() -> None:
    """Two networks are equal if all that is known of them is."""
    fields = ["eth0", MAC, ["10.0.2.15/24"], "10.0.2.2", ["10.0.2.3"]]
    assert Network(*fields) == Network(*fields)
    for index in range(5):
        others = [*fields[:index], None, *fields[index + 1 :]]
        assert Network(*fields) != Network(*others)
    assert Network(*fields) != tuple(fields)
    assert repr(Network(*fields)) == (
        "Network(interface='eth0', link_address='52:54:00:12:34:56', addresses=['10.0.2.15/24'],"
        " gateway='10.0.2.2', name_servers=['10.0.2.3'])"
    )
    with pytest.raises(TypeError):
        hash(Network(*fields))
    with pytest.raises(AttributeError):
        Network(*fields).name = "eth0"


# --- waiting ----------------------------------------------------------------------------------


def test_wait_ends(up: Ip) -> None:
    """Without a network the wait ends when its time is over; with one alone link-local, too."""
    for timeout in (0, -1, 0.2):
        assert wait_for_network(timeout) is None
    up("addr add fe80::7/64 dev eth7 nodad")
    assert wait_for_network(0.2) == Network("eth7", MAC, ["fe80::7/64"], None, [])
    assert wait_for_network(0) == Network("eth7", MAC, ["fe80::7/64"], None, [])


def test_bad_timeout() -> None:
    with pytest.raises(TypeError, match=r"^timeout must be a number of seconds, got 'x'$"):
        wait_for_network("x")
    with pytest.raises(ValueError, match=r"^timeout must be a number of seconds, got nan$"):
        wait_for_network(float("nan"))


def test_late_address(up: Ip) -> None:
    """The wait sees through what comes before: link-local address, address, default route."""
    with NetworkWatch() as watch, waiting(watch, float("inf")) as results:
        up("addr add fe80::7/64 dev eth7 nodad")
        time.sleep(0.1)
        assert not results
        up(ADDRESS)
        up("route add default via 10.0.2.2")
    assert results == [Network("eth7", MAC, ["10.0.2.15/24"], "10.0.2.2", [])]


def test_no_route_comes(up: Ip) -> None:
    """The default route is given its grace, and not required."""
    with NetworkWatch() as watch, waiting(watch, 10 * LIMIT) as results:
        up(ADDRESS)
    assert results == [Network("eth7", MAC, ["10.0.2.15/24"], None, [])]


def test_ipv4_link_local_with_route(up: Ip) -> None:
    """What some microVMs are given for good: it is not waited for a better one."""
    up("addr add 169.254.7.7/16 dev eth7")
    up("route add default via 169.254.7.1")
    expected = Network("eth7", MAC, ["169.254.7.7/16"], "169.254.7.1", [])
    assert wait_for_network(float("inf")) == expected


@pytest.mark.slow
def test_wait_sleeps_in_the_kernel(tmp_path: pathlib.Path) -> None:
    """Until the address comes after 3 s, the process makes no system call at all."""
    need_programs("ip", "strace")
    setup = (
        "ip link add eth7 type veth peer name peer; ip link set eth7 up; ip link set peer up;"
        "sleep 2.5;"  # addresses of IPv6, which are link-local, come in the meantime
        "((sleep 3; ip addr add 10.0.2.15/24 dev eth7; ip route add default via 10.0.2.2) &) ; exec"
    )
    trace = tmp_path / "trace"
    code = (
        "import os\n"
        "from syslogfast.transports.network import wait_for_network\n"
        "os.getppid()\n"  # two that stand out
        "network = wait_for_network(60)\n"
        "os.getppid()\n"
        "print(network.addresses, network.gateway)\n"
    )
    command = [*isolate("--net"), "sh", "-c", f'{setup} strace -f -r -o {trace} "$@"', "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        timeout=6 * LIMIT,
    )
    assert (done.stdout, done.stderr) == ("['10.0.2.15/24'] 10.0.2.2\n", "")
    lines = trace.read_text().splitlines()
    marks = [index for index, line in enumerate(lines) if "getppid(" in line]
    calls = lines[marks[0] : marks[1]]
    polls = [index for index, line in enumerate(calls) if " poll(" in line and "= 1" in line]
    assert polls  # it did wait
    # The time before a call is that which the one before it took.
    pauses = [float(line.split()[1]) for line in calls]
    assert sum(pauses) > 1.5
    long = [calls[i - 1].split()[2] for i, pause in enumerate(pauses) if pause > 0.5]
    assert long
    assert all(call.startswith("poll(") for call in long)
    assert not [line for line in calls if "nanosleep" in line or "futex" in line]
    # One look makes about 20; link-local address, address and route are seen to come.
    assert len(calls) < 400


# --- changes ----------------------------------------------------------------------------------


def test_changes(up: Ip) -> None:
    """Each change of what is told is told once; at first, the network as it is."""
    up(ADDRESS)
    up("route add default via 10.0.2.2")
    with NetworkWatch() as watch:
        assert watch.wait(LIMIT) == read_network()
        assert watch.wait(0) is None
        with waiting(watch) as results:
            up(ADDRESS6)
        assert results[0] is not None
        assert results[0].addresses == BOTH
        with waiting(watch) as results:
            up("link set eth7 address 02:00:00:00:00:07")
        assert results[0] is not None
        assert results[0].link_address == "02:00:00:00:00:07"
        with waiting(watch) as results:
            up("route replace default via 10.0.2.7")
        assert results[0] is not None
        assert results[0].gateway == "10.0.2.7"
        with waiting(watch) as results:
            up("addr del 2001:db8:7::5/64 dev eth7")
        assert results == [
            Network("eth7", "02:00:00:00:00:07", ["10.0.2.15/24"], "10.0.2.7", []),
        ]
        assert watch.wait(0) is None


@pytest.mark.slow
def test_what_makes_no_difference(up: Ip) -> None:
    """Events that change nothing of what is told wake nobody up."""
    up(ADDRESS)
    up("addr add 2001:db8:7::5/64 dev eth7 nodad preferred_lft 1000 valid_lft 2000")
    up("route add default via 10.0.2.2")
    with NetworkWatch() as watch:
        expected = watch.wait(LIMIT)
        assert expected is not None
        with waiting(watch, 2.0) as results:
            up("link set eth7 mtu 1400")
            up("addr change 2001:db8:7::5/64 dev eth7 preferred_lft 3000 valid_lft 4000")
            up("route add 10.7.0.0/16 via 10.0.2.3")
            up("route add default via 10.0.2.9 metric 700")
            up("link add eth8 type veth peer name peer8")
            up("addr flush dev eth7")  # it is lost, and comes back as it was
            up(ADDRESS)
            up("addr add 2001:db8:7::5/64 dev eth7 nodad")
            up("route add default via 10.0.2.2")
        assert results == [None]
        assert read_network() == expected


def test_name_servers_are_part_of_it(up: Ip, resolv_conf: pathlib.Path) -> None:
    """They are read with the rest: at the next event, for a file sends none."""
    up(ADDRESS)
    up("route add default via 10.0.2.2")
    with NetworkWatch() as watch:
        assert watch.wait(LIMIT).name_servers == []
        resolv_conf.write_text("nameserver 10.0.2.3\n")
        assert watch.wait(LIMIT).name_servers == ["10.0.2.3"]


class Recorder:
    """A socket that remembers how its reads failed."""

    def __init__(self, original: object) -> None:
        self.original = original
        self.failures: list[OSError] = []

    def recv(self, size: int) -> bytes:
        try:
            return self.original.recv(size)
        except OSError as error:
            self.failures.append(error)
            raise

    def __getattr__(self, name: str) -> object:
        return getattr(self.original, name)


def test_overrun(up: Ip) -> None:
    """Where the kernel had no space for all events, all is read anew, and events go on coming."""
    up(ADDRESS)
    up("route add default via 10.0.2.2")
    with NetworkWatch() as watch:
        assert watch.wait(LIMIT) is not None
        watch._events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        recorder = watch._events = Recorder(watch._events)
        lines = [f"addr add 10.0.2.{n}/24 dev eth7\n" for n in range(20, 60)]
        batch = ["ip", "-batch", "-"]
        subprocess.run(batch, input="".join(lines), text=True, check=True, timeout=LIMIT)
        assert len(watch.wait(LIMIT).addresses) == 41
        with waiting(watch) as results:
            up("addr add 10.0.2.77/24 dev eth7")
        assert len(results[0].addresses) == 42
        assert errno.ENOBUFS in [failure.errno for failure in recorder.failures]
        assert watch._events is recorder


@pytest.mark.slow
def test_router_events_are_passed_over(up: Ip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other routes than the default one come and go by the thousand: all is not read for each."""
    up(ADDRESS)
    up("route add default via 10.0.2.2")
    with NetworkWatch() as watch:
        assert watch.wait(LIMIT) is not None
        reads = []
        find = network.find_network
        monkeypatch.setattr(network, "find_network", lambda: reads.append(1) or find())
        with waiting(watch, 1.5) as results:
            lines = [f"route add 10.8.{n}.0/24 via 10.0.2.3\n" for n in range(200)]
            lines += [f"route add 2001:db8:{n}::/48 dev eth7\n" for n in range(1, 200)]
            batch = ["ip", "-batch", "-"]
            subprocess.run(batch, input="".join(lines), text=True, check=True, timeout=LIMIT)
        assert results == [None]
        assert len(reads) <= 4  # at first and at the end; 400 events were none


# --- closing, fork, exit ----------------------------------------------------------------------


def test_close_wakes_who_waits(ip: Ip) -> None:
    """close() returns at once, and so does a wait without end; afterwards all return None."""
    watch = NetworkWatch()
    with waiting(watch, float("inf")) as results:
        watch.close()
    assert results == [None]
    assert watch._events is None
    assert watch.wait(LIMIT) is None
    watch.close()
    assert watch.wait(float("inf")) is None


@pytest.mark.slow
def test_close_at_any_time(up: Ip) -> None:
    """Whenever it comes, before, while and after somebody waits and reads, it is heard."""
    up(ADDRESS)
    for number in range(200):
        watch = NetworkWatch()
        watch.wait(0)
        thread = start(lambda watch=watch: watch.wait(float("inf")))
        if number % 2:
            wait_until(watch._waiting.locked)
        time.sleep(number % 10 / 5000)
        watch.close()
        thread.join(LIMIT)
        assert not thread.is_alive()
        assert wait_until(lambda watch=watch: watch._events is None)


def test_close_in_a_handler_of_the_waiting_thread(ip: Ip) -> None:
    """A signal's handler may close what its own thread waits for."""
    import signal

    watch = NetworkWatch()
    before = signal.signal(signal.SIGALRM, lambda *args: watch.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        assert watch.wait(LIMIT * 10) is None
    finally:
        signal.signal(signal.SIGALRM, before)
    assert watch._events is None


@FORKS
def test_fork(up: Ip) -> None:
    """The child's watch is its own: it takes no event from its parent, nor does it hang."""
    watch = NetworkWatch()
    read_end, write_end = os.pipe()
    with waiting(watch) as results:
        parent = watch._events.getsockname()
        child = os.fork()
        if not child:
            try:
                first = watch.wait(0)
                own = watch._events.getsockname() != parent
                os.write(write_end, b"%d" % (first is None and own))
                late = watch.wait(LIMIT)
                os.write(write_end, b"%d" % (late is not None and late.gateway == "10.0.2.2"))
                watch.close()
                os.write(write_end, b"%d" % (watch._events is None))
            finally:
                os._exit(0)
        os.close(write_end)
        assert os.read(read_end, 1) == b"1"
        up(ADDRESS)
        up("route add default via 10.0.2.2")
    assert os.read(read_end, 1) == b"1"
    assert os.read(read_end, 1) == b"1"
    os.close(read_end)
    os.waitpid(child, 0)
    assert results[0] is not None
    assert results[0].gateway == "10.0.2.2"
    watch.close()


@FORKS
def test_close_in_a_child(ip: Ip) -> None:
    """A child closes what its parent waits for: the parent goes on waiting."""
    watch = NetworkWatch()
    with waiting(watch) as results:
        child = os.fork()
        if not child:
            watch.close()
            os._exit(0 if watch._events is None else 1)
        assert os.waitpid(child, 0)[1] == 0
        time.sleep(0.1)
        assert not results
        watch.close()
    assert results == [None]


def test_interpreter_ends_while_waiting(run_python: Run) -> None:
    """A thread that waits for ever does not hold the end of the program up, nor disturb it."""
    code = (
        "import _thread, time\n"
        "from syslogfast.transports import network\n"
        "network.dump = lambda kind: []\n"  # no network, ever
        "watch = network.NetworkWatch()\n"
        "_thread.start_new_thread(watch.wait, (float('inf'),))\n"
        "while not watch._waiting.locked(): time.sleep(0.01)\n"
        "time.sleep(0.1)\n"
        "print('end')\n"
    )
    result = run_python(code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "end\n", "")


def test_little_is_imported(run_python: Run) -> None:
    """Beside what all transports have it loads what is built in."""
    code = (
        "import sys, syslogfast.transports.poll\n"
        "before = set(sys.modules)\n"
        "import syslogfast.transports.network\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    loaded = set(run_python(code).stdout.split())
    assert {"syslogfast.transports.network", "syslogfast.transports.netlink"} <= loaded
    assert loaded <= {
        "syslogfast.transports.network",
        "syslogfast.transports.netlink",
        "_socket",
        "errno",
        "_thread",
    }


# --- what the kernel might say ----------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed(data: bytes) -> None:
    """Whatever is read as messages, attributes, links: nothing raises, and all comes to an end."""
    assert sum(16 + len(body) for _, body in netlink.split_messages(data)) <= len(data)
    attributes = netlink.split_attributes(data)
    assert sum(4 + len(value) for value in attributes.values()) <= len(data)
    netlink.concerns_network(data)
    netlink.parse_link(data)
    netlink.parse_address(data)
    netlink.parse_route(data)


BODIES = st.lists(st.binary(max_size=120), max_size=6)


@given(BODIES, BODIES, BODIES)
def test_any_answers_are_chosen_from(
    links: list[bytes], addresses: list[bytes], routes: list[bytes]
):
    network, patience = choose_network(links, addresses, routes, [])
    assert network is None or network.addresses
    assert patience >= 0


def collect_answers() -> list[list[bytes]]:
    kinds = (netlink.RTM_GETLINK, netlink.RTM_GETADDR, netlink.RTM_GETROUTE)
    try:
        return [netlink.dump(kind) for kind in kinds]
    except OSError as error:
        pytest.skip(f"no netlink here: {error}")


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_damaged_answers(data: st.DataObject) -> None:
    """Real answers, cut off or with octets changed anywhere: no more than another result."""
    answers = collect_answers()
    whole = choose_network(*answers, [])
    assert choose_network(*[[*bodies] for bodies in answers], []) == whole
    for bodies in answers:
        for index, body in enumerate(bodies):
            size = data.draw(st.integers(0, len(body)))
            place = data.draw(st.integers(0, len(body) - 1))
            damaged = bytearray(body)
            damaged[place] = data.draw(st.integers(0, 255))
            bodies[index] = bytes(damaged[:size]) if size % 2 else bytes(damaged)
    network, _ = choose_network(*answers, [])
    assert network is None or network.addresses


def test_link_of_another_kind() -> None:
    """Only Ethernet's addresses are told; flags in the type of an attribute do not matter."""

    def make_attribute(kind: int, value: bytes) -> bytes:
        header = b"".join([n.to_bytes(2, sys.byteorder) for n in (4 + len(value), kind)])
        return header + value + bytes(-len(value) % 4)

    for kind, size, expected in ((1, 6, "02:02:02:02:02:02"), (32, 20, None), (512, 6, None)):
        body = bytearray(16)
        body[2:4] = kind.to_bytes(2, sys.byteorder)
        body += make_attribute(netlink.IFLA_IFNAME, b"x0\0")
        body += make_attribute(netlink.IFLA_ADDRESS, b"\2" * size)
        link = netlink.parse_link(bytes(body) + make_attribute(0x8000 | 18, b""))
        assert link is not None
        assert (link.name, link.address, link.is_virtual) == ("x0", expected, True)


def test_carrier_counts_before_linux_says_running() -> None:
    """A machine that is up for less than that second has a network all the same; 802.1X waits."""
    for flags, expected in (
        (0x1003, False),  # up, broadcast, multicast
        (0x1003 | netlink.IFF_LOWER_UP, True),
        (0x1003 | netlink.IFF_LOWER_UP | netlink.IFF_DORMANT, False),
        (0x1003 | netlink.IFF_RUNNING, True),
    ):
        link = netlink.Link(2, "eth0", flags, None, False)
        assert link.is_running == expected


class ScriptedSocket:
    """A kernel that gives these answers, and then says nothing more.

    is_slow: they are not there at once, each has to be waited for.
    """

    def __init__(self, answers: list[bytes], is_slow: bool = False) -> None:
        self.answers = answers
        self.is_slow = is_slow
        self.is_closed = False
        self.timeout: float | None = None

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds <= 1
        self.timeout = seconds

    def send(self, request: bytes) -> int:
        return len(request)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if flags == socket.MSG_DONTWAIT and (self.is_slow or not self.answers):
            raise BlockingIOError
        assert flags == socket.MSG_DONTWAIT or self.timeout
        if not self.answers:
            raise TimeoutError
        return self.answers.pop(0)

    def close(self) -> None:
        self.is_closed = True


DONE = netlink.make_message(netlink.NLMSG_DONE, 2, bytes(4))


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([DONE], []),
        ([netlink.make_message(16, 2, b"abc") + b"\0" + DONE], [b"abc"]),
        ([netlink.make_message(16, 2, b"abcd"), b"", b"garbage" * 9, DONE], [b"abcd"]),
        ([netlink.make_message(16, 2, b"abcd"), DONE[:10], DONE], [b"abcd"]),
        ([netlink.make_message(16, 2, b"abcd")], TimeoutError),
        ([], TimeoutError),
        ([netlink.make_message(netlink.NLMSG_ERROR, 0, b"\xa1\xff\xff\xff")], OSError),
        ([netlink.make_message(netlink.NLMSG_ERROR, 0)], OSError),
    ],
)
def test_answers(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[bytes],
    expected: "list[bytes] | type",
    is_slow: bool,
) -> None:
    """Answers in several parts are joined; one that never ends is given up."""
    scripted = ScriptedSocket([*answers], is_slow)
    monkeypatch.setattr(netlink, "open_netlink", lambda groups: scripted)
    if isinstance(expected, list):
        assert netlink.dump(netlink.RTM_GETLINK) == expected
        assert is_slow or scripted.timeout is None  # neither the clock nor poll() is needed
    else:
        with pytest.raises(expected):
            netlink.dump(netlink.RTM_GETLINK)
    assert scripted.is_closed


@pytest.mark.parametrize("answer", [netlink.make_message(16, 2, bytes(60000)), b"x" * 60000])
def test_endless_answer(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """A table without end is read up to a bound."""
    scripted = ScriptedSocket([answer] * 1000)
    monkeypatch.setattr(netlink, "open_netlink", lambda groups: scripted)
    bodies = netlink.dump(netlink.RTM_GETLINK)
    assert len(bodies) == (71 - 1 if answer[0] != ord("x") else 0)
    assert scripted.is_closed


# --- name servers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resolv", "pnp", "expected"),
    [
        ("nameserver 10.0.2.3\nnameserver\t2001:db8::53 # two\n", "", ["10.0.2.3", "2001:db8::53"]),
        ("nameserver fe80::1%eth0\n", "", ["fe80::1%eth0"]),
        ("#nameserver 1.1.1.1\n;nameserver 1.1.1.2\nsearch nameserver\nnameserver\n", "", []),
        ("nameservers 10.0.2.3\nnameserver web1\nnameserver 10.0.2.300\n", "", []),
        ("", "#PROTO: DHCP\ndomain x\nnameserver 10.0.2.3\nbootserver 10.0.2.2\n", ["10.0.2.3"]),
        ("nameserver 10.0.2.9\n", "nameserver 10.0.2.3\n", ["10.0.2.9"]),
        ("\0\ud800nameserver 10.0.2.9\nnameserver 10.0.2.8", None, ["10.0.2.8"]),
        (None, "nameserver 10.0.2.3\n", ["10.0.2.3"]),
        (None, None, []),
    ],
)
def test_name_servers(
    resolv_conf: pathlib.Path, resolv: str | None, pnp: str | None, expected: list[str]
) -> None:
    """Those of resolv.conf count, else those that the kernel was told by DHCP."""
    for path, text in ((resolv_conf, resolv), (resolv_conf.parent / "pnp", pnp)):
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert network.read_name_servers() == expected


# --- without netlink --------------------------------------------------------------------------


class FewSockets:
    """A `_socket` without netlink, whose datagrams would be sent from these addresses."""

    def __init__(self, addresses: dict[int, str], has_netlink: bool = False) -> None:
        import _socket

        self.real = _socket
        self.addresses = addresses
        self.has_netlink = has_netlink

    def __getattr__(self, name: str) -> object:
        if name == "AF_NETLINK" and not self.has_netlink:
            raise AttributeError(name)
        return getattr(self.real, name)

    def socket(self, family: int, *kind: int) -> "FewSockets":
        if family not in self.addresses:
            raise PermissionError(1, "not here")
        self.address = self.addresses[family]
        return self

    def connect(self, address: tuple[str, int]) -> None:
        if not self.address:
            raise OSError(101, "Network is unreachable")

    def getsockname(self) -> tuple[str, int]:
        return self.address, 4711

    def close(self) -> None:
        pass


@pytest.fixture
def refuse_netlink(
    monkeypatch: pytest.MonkeyPatch, resolv_conf: pathlib.Path, tmp_path: pathlib.Path
) -> Callable[..., None]:
    """Give a function that takes netlink away, and says what sockets and files tell instead."""

    def refuse(addresses: dict[int, str], routes: str = "", has_netlink: bool = False) -> None:
        few = FewSockets(addresses, has_netlink)
        monkeypatch.setattr(network, "_socket", few)
        monkeypatch.setattr(netlink, "_socket", few)
        (tmp_path / "route").write_text(routes)
        monkeypatch.setattr(network, "ROUTES", str(tmp_path / "route"))
        monkeypatch.setattr(network, "LINKS", str(tmp_path / "links"))

    return refuse


HEADING = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def make_route(name: str, target: str, gateway: str, metric: int, mask: str, flags: int) -> str:
    numbers = [int.from_bytes(socket.inet_aton(text), sys.byteorder) for text in (target, gateway)]
    netmask = int.from_bytes(socket.inet_aton(mask), sys.byteorder)
    fields = f"{numbers[0]:08X}\t{numbers[1]:08X}\t{flags:04X}\t0\t0\t{metric}\t{netmask:08X}"
    return f"{name}\t{fields}\t0\t0\t0\n"


@pytest.mark.parametrize("has_netlink", [False, True])
def test_fallback(
    refuse_netlink: Callable[..., None], tmp_path: pathlib.Path, has_netlink: bool
) -> None:
    """Sockets tell the addresses, the kernel's files the rest, where it has them."""
    refuse_netlink({socket.AF_INET: "10.0.2.15", socket.AF_INET6: ""}, "", has_netlink)
    assert read_network() == Network(None, None, ["10.0.2.15"], None, [])
    assert wait_for_network(LIMIT) == read_network()
    routes = HEADING + make_route("eth1", "0.0.0.0", "10.9.9.9", 200, "0.0.0.0", 3)
    routes += make_route("eth7", "0.0.0.0", "10.0.2.2", 100, "0.0.0.0", 3)
    routes += make_route("eth8", "0.0.0.0", "10.0.2.7", 0, "128.0.0.0", 3)
    routes += make_route("eth9", "0.0.0.0", "10.0.2.8", 0, "0.0.0.0", 2)  # it is down
    refuse_netlink({socket.AF_INET: "10.0.2.15", socket.AF_INET6: "2001:db8::5%eth7"}, routes)
    (tmp_path / "links" / "eth7").mkdir(parents=True)
    (tmp_path / "links" / "eth7" / "address").write_text(f"{MAC}\n")
    expected = Network("eth7", MAC, ["10.0.2.15", "2001:db8::5"], "10.0.2.2", [])
    assert read_network() == expected


@pytest.mark.parametrize(
    "addresses",
    [
        {},
        {socket.AF_INET: "", socket.AF_INET6: ""},
        {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"},
        {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"},
        {socket.AF_INET: "nonsense"},
    ],
)
def test_fallback_without_network(
    refuse_netlink: Callable[..., None], addresses: dict[int, str]
) -> None:
    refuse_netlink(addresses)
    assert read_network() is None
    assert wait_for_network(0.1) is None


@pytest.mark.slow
@given(st.text(max_size=80) | st.lists(st.sampled_from(["0", "3", "eth0", "x"])).map(" ".join))
def test_any_table_of_routes(text: str) -> None:
    """A table of routes that is none gives no route."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "read_file", lambda path: f"heading\n{text}\n")
        interface, gateway = network.read_default_route()
    assert interface is None or interface in text
    assert gateway is None or gateway.count(".") == 3


def test_fallback_looks_with_growing_pauses(
    refuse_netlink: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again after 0.05 s, then twice as long, at most 1 s, and never past its time."""
    timestamp = 0.0
    pauses = []

    def pass_time(seconds: float) -> None:
        nonlocal timestamp
        timestamp += seconds
        pauses.append(round(seconds, 6))
        if timestamp > 6:
            refuse_netlink({socket.AF_INET: "10.0.2.15"})

    refuse_netlink({})
    monkeypatch.setattr(network, "sleep", pass_time)
    monkeypatch.setattr(network, "monotonic", lambda: timestamp)
    assert wait_for_network(3) is None
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 0.45]
    pauses.clear()
    assert wait_for_network(1e9) == Network(None, None, ["10.0.2.15"], None, [])
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_fallback_is_closed_while_waiting(refuse_netlink: Callable[..., None]) -> None:
    """Who looks for changes sees within a second that it is over."""
    refuse_netlink({})
    watch = NetworkWatch()
    with waiting(watch, float("inf")) as results:
        watch.close()
    assert results == [None]


# A filter as a container's runtime sets it: socket(AF_NETLINK) is refused with EPERM.
SECCOMP = """
import ctypes, sys
def statement(code, true, false, value):
    return code.to_bytes(2, "little") + bytes([true, false]) + value.to_bytes(4, "little")
number = int(sys.argv[1])
program = b"".join([
    statement(0x20, 0, 0, 0),  # the call
    statement(0x15, 0, 3, number),
    statement(0x20, 0, 0, 16),  # its first argument
    statement(0x15, 0, 1, 16),  # AF_NETLINK
    statement(0x06, 0, 0, 0x00050001),
    statement(0x06, 0, 0, 0x7FFF0000),
])
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(6, program)), 0, 0) == 0, ctypes.get_errno()
import socket
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
except PermissionError:
    print("refused")
"""


def test_netlink_refused_by_seccomp(ip: Ip, run_python: Run) -> None:
    """Where a sandbox refuses netlink the same network is found, and waited for."""
    number = {"x86_64": "41", "aarch64": "198"}.get(platform.machine())
    if number is None:
        pytest.skip("the number of socket() is not known for this machine")
    code = SECCOMP + (
        "from syslogfast.transports import network as n\n"
        "import threading, subprocess\n"
        "print(n.read_network(), n.wait_for_network(0.2), flush=True)\n"
        "sys.stdin.read(1)\n"
        "network = n.wait_for_network(60)\n"
        "print(network.interface, network.addresses, network.gateway)\n"
    )
    for name in ("eth7", "peer"):
        ip(f"link set {name} up")
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", code, number],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        first = child.stdout.readline()
        if first != "refused\n":
            child.kill()
            pytest.skip("seccomp filters are not to be had here")
        assert child.stdout.readline() == "None None\n"
        child.stdin.write("x")
        child.stdin.flush()
        time.sleep(0.3)
        ip(ADDRESS)
        ip("route add default via 10.0.2.2")
        assert child.stdout.read() == "eth7 ['10.0.2.15'] 10.0.2.2\n"


# --- no network by design -----------------------------------------------------------------------


class Refusing:
    """A `_socket` that refuses each socket, or what is done with it, with an error."""

    AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW = 2, 10, 2, 3
    AF_NETLINK = 16

    def __init__(self, at_once: "int | None", at_connect: int = 0) -> None:
        self.at_once = at_once
        self.at_connect = at_connect

    def socket(self, family: int, *kind: int) -> "Refusing":
        number = 1 if family == self.AF_NETLINK else self.at_once
        if number:
            raise OSError(number, os.strerror(number))
        return self

    def connect(self, address: tuple[str, int]) -> None:
        if self.at_connect:
            raise OSError(self.at_connect, os.strerror(self.at_connect))

    def close(self) -> None:
        pass


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT])
def test_each_socket_is_refused(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Then there is no network by design; WASI refuses to connect, seccomp to make a socket."""
    for sockets in (Refusing(number), Refusing(0, number)):
        monkeypatch.setattr(network, "_socket", sockets)
        monkeypatch.setattr(netlink, "_socket", sockets)
        assert network.has_no_network()


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.ENETDOWN, errno.EMFILE, 0])
def test_a_socket_is_not_refused(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A network may come yet, or cannot be asked for now."""
    for sockets in (Refusing(number), Refusing(0, number)):
        monkeypatch.setattr(network, "_socket", sockets)
        monkeypatch.setattr(netlink, "_socket", sockets)
        assert not network.has_no_network()


def test_netlink_answers(ip: Ip) -> None:
    """A namespace with nothing but a loopback has no network yet."""
    assert read_network() is None
    assert not network.has_no_network()


LIFE = """
sys.stdout.flush()
import syslogfast
log = syslogfast.connect("fd://1", hostname="h", app_name="a")
syslogfast.lifecycle.install(log, network_timeout=0, watch_network=True)
"""


@pytest.mark.parametrize("number", [errno.EPERM, errno.EAFNOSUPPORT])
def test_a_life_without_sockets(run_python: Run, backend: str, number: int) -> None:
    """It says nothing of a network that is not meant to be there."""
    call = {"x86_64": "41", "aarch64": "198"}.get(platform.machine())
    if call is None:
        pytest.skip("the number of socket() is not known for this machine")
    code = SECCOMP.replace("0x15, 0, 1, 16", "0x15, 0, 0, 16")  # whatever the first argument is
    code = code.replace("0x00050001", hex(0x00050000 + number)).replace(
        "PermissionError", "OSError"
    )
    result = run_python(code + LIFE, call, backend=backend)
    first, *frames = result.stdout.encode().splitlines(keepends=True)
    if first != b"refused\n":
        pytest.skip("seccomp filters are not to be had here")
    records = [parse_rfc5424(frame.removesuffix(b"\n")) for frame in frames]
    assert [record.msgid for record in records] == ["BOOTED", "ENDED"]
    assert result.stderr == ""


# --- the name of the machine ------------------------------------------------------------------


@pytest.fixture
def name_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> Callable[[str, str], None]:
    """Give a function that sets the kernel's name for the machine, and its command line."""
    real = os.uname()

    def name(nodename: str, command_line: str = "") -> None:
        fake = os.uname_result([real[0], nodename, *real[2:]])
        monkeypatch.setattr(os, "uname", lambda: fake)
        (tmp_path / "cmdline").write_text(command_line)
        monkeypatch.setattr(network, "KERNEL_COMMAND_LINE", str(tmp_path / "cmdline"))

    return name


NAMELESS = ["", "(none)", "localhost", "localhost.localdomain"]


def test_kernel_has_a_name(name_kernel: Callable[..., None]) -> None:
    """A name of the kernel's is what is found, whatever its command line says."""
    for name in ("web1", "localhost7", "web1.example.com"):
        name_kernel(name, "hostname=other")
        assert network.find_hostname() == name


@pytest.mark.parametrize("name", NAMELESS)
@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        ("console=ttyS0 hostname=vm7 quiet\n", "vm7"),
        ("systemd.hostname=vm7", "vm7"),
        ('hostname="vm7"', "vm7"),
        ('"hostname=vm7"', "vm7"),
        ("hostname=vm1 systemd.hostname=vm7", "vm7"),
        ("hostname=vm7 hostname= xhostname=vm8 hostname vm9 my.hostname=vm9", "vm7"),
        ("quiet -- --run hostname=vm7", "vm7"),
        ("hostname=a=b", "a=b"),
    ],
)
def test_name_of_the_command_line(
    name_kernel: Callable[..., None], name: str, command_line: str, expected: str
) -> None:
    name_kernel(name, command_line)
    assert network.find_hostname() == expected


def test_name_of_the_link_address(ip: Ip, name_kernel: Callable[..., None]) -> None:
    """Without that it is made of the first link address, whether the interface is up or not."""
    name_kernel("(none)", "quiet hostname= nohostname=x")
    first = json.loads(ip("-j link show"))[1]
    assert network.find_hostname() == f"host-{first['address'].replace(':', '')}"
    ip("link set", first["ifname"], "address 02:00:00:00:00:07")
    assert network.find_hostname() == "host-020000000007"


def test_device_before_what_is_made_by_software() -> None:
    """veth and the like come after a device, whose address somebody has chosen."""
    need_programs("ip")
    links = json.loads(run_ip("-j -d link show"))
    for link in links:
        link["is_virtual"] = bool(link.get("linkinfo", {}).get("info_kind"))
    found = [link for link in links if link["link_type"] == "ether"]
    if not found:
        pytest.skip("this machine has no Ethernet interface")
    expected = min(found, key=lambda link: (link["is_virtual"], link["ifindex"]))
    assert network.find_link_address() == expected["address"]


def test_no_name_at_all(
    name_kernel: Callable[..., None],
    refuse_netlink: Callable[..., None],
    tmp_path: pathlib.Path,
) -> None:
    """None: there is neither; without netlink sysfs is asked for the link addresses."""
    name_kernel("(none)")
    refuse_netlink({})
    assert network.find_hostname() is None
    interfaces = {"lo": "00:00:00:00:00:00", "bond0": "", "br0": "02:00:00:00:00:01", "eth7": MAC}
    for name, address in interfaces.items():
        (tmp_path / "links" / name).mkdir(parents=True)
        (tmp_path / "links" / name / "address").write_text(f"{address}\n")
    assert network.find_hostname() == "host-020000000001"
    (tmp_path / "links" / "eth7" / "device").mkdir()
    assert network.find_hostname() == "host-525400123456"


def test_nameless_emitter(
    connect_bare: Callable[..., object], name_kernel: Callable[..., None], receiver: socket.socket
) -> None:
    """Where the kernel has no name an emitter finds one, unless it is given."""
    url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
    for name, given_name, expected in [
        ("web1", None, "web1"),
        ("(none)", None, "vm7"),
        ("localhost", None, "vm7"),
        ("(none)", "web2", "web2"),
    ]:
        name_kernel(name, "hostname=vm7")
        connect_bare(url, hostname=given_name).info("x")
        assert parse_rfc5424(receiver.recv(4096)).hostname == expected


@pytest.fixture
def connect_bare(backend: str) -> Iterator[Callable[..., object]]:
    """connect() of one backend, then of the other, without an identity."""
    with contextlib.ExitStack() as stack:
        module = load_emitter_module(backend)
        yield lambda *urls, **options: stack.enter_context(module.connect(*urls, **options))


def test_nothing_is_loaded_for_a_name(run_python: Run) -> None:
    """Where there is a name nobody pays for finding one."""
    code = (
        "import os, sys, syslogfast\n"
        "real = os.uname()\n"
        "os.uname = lambda: os.uname_result([real[0], sys.argv[1], *real[2:]])\n"
        "syslogfast.connect('udp://127.0.0.1:9', hostname=sys.argv[2] or None).close()\n"
        "print('syslogfast.transports.network' in sys.modules)\n"
    )
    assert run_python(code, "web1", "").stdout == "False\n"
    assert run_python(code, "(none)", "web1").stdout == "False\n"
    assert run_python(code, "(none)", "").stdout == "True\n"


def test_nameless_machine(tmp_path: pathlib.Path, backend: str) -> None:
    """On a machine that is really nameless, its link address and its command line speak for it."""
    need_programs("ip", "mount")
    alone = isolate("--net", "--uts", mounts=True)
    code = (
        "import socket, syslogfast\n"
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:\n"
        "    receiver.bind(('127.0.0.1', 0))\n"
        "    receiver.settimeout(10)\n"
        "    url = 'udp://127.0.0.1:%d' % receiver.getsockname()[1]\n"
        "    with syslogfast.connect(url) as log:\n"
        "        log.info('x')\n"
        "    print(receiver.recv(4096).split()[2].decode())\n"
    )
    (tmp_path / "plain").write_text("console=ttyS0 quiet\n")
    (tmp_path / "named").write_text("console=ttyS0 hostname=vm7\n")
    names = []
    for command_line in ("plain", "named"):
        setup = (
            'python="$1"; code="$2"; name="$3";'
            "ip link set lo up && ip link add eth7 type bridge && "
            f"ip link set eth7 address {MAC} && "
            '"$python" -c \'import socket; socket.sethostname("(none)")\' && '
            f'mount --bind {tmp_path}/{command_line} /proc/cmdline && exec "$python" -I -c "$code"'
        )
        command = [*alone, "sh", "-c", setup, "sh"]
        done = subprocess.run(
            [*command, sys.executable, code, backend],
            capture_output=True,
            text=True,
            timeout=6 * LIMIT,
            env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        )
        assert done.stderr == ""
        names.append(done.stdout.strip())
    assert names == ["host-525400123456", "vm7"]
    assert syslogfast.BACKEND in ("c", "python")
