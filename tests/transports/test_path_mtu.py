"""Datagrams where the way there has a small MTU, and forbids fragments; in a namespace."""

import os
import subprocess
import sys

import pytest
from support.grammar import parse_rfc5424
from support.namespaces import isolate, need_programs

pytestmark = [
    pytest.mark.surroundings,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]

MTU = 1400
HEADERS = {"127.0.0.1": 28, "::1": 48}  # RFC 768, with RFC 791 or RFC 8200
# Linux has these as what a system may set for all sockets, or a program for one that it inherits.
SEND = """
import os, socket, subprocess, sys
import syslogfast
host, mtu = sys.argv[1], sys.argv[2]
subprocess.run(["ip", "link", "set", "lo", "up", "mtu", mtu], check=True)
is_ipv6 = ":" in host
with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as receiver:
    receiver.bind((host, 0))
    receiver.settimeout(5)
    port = receiver.getsockname()[1]
    url = f"udp://[{host}]:{port}" if is_ipv6 else f"udp://{host}:{port}"
    log = syslogfast.connect(url, hostname="web1", app_name="shop", max_size=100_000)
    log.info("first")
    own = socket.socket(fileno=os.dup(log._sender._transport.descriptor))
    if is_ipv6:
        own.setsockopt(socket.IPPROTO_IPV6, 23, 2)  # IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO
        own.setsockopt(socket.IPPROTO_IPV6, 62, 1)  # IPV6_DONTFRAG
    else:
        own.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
    for size in (1, 3000, 70_000, 2000, 1):
        log.info("x" * size)
    stats = log.stats
    assert (stats["sent"], stats["truncated"], stats["dropped"]) == (6, 3, {}), stats
    for _ in range(6):
        print(receiver.recv(1 << 17).decode())
"""


@pytest.mark.parametrize("host", list(HEADERS))
def test_a_small_mtu(backend: str, host: str) -> None:
    """What is longer is truncated to what goes, not to what any datagram may have."""
    need_programs("ip")
    command = [*isolate("--net"), sys.executable, "-I", "-c", SEND, host, str(MTU)]
    environment = {**os.environ, "SYSLOGFAST_BACKEND": backend}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if "Cannot assign requested address" in result.stderr:
        pytest.skip(f"there is no {host} here")
    assert (result.returncode, result.stderr) == (0, "")
    datagrams = result.stdout.encode().splitlines()
    sizes = [len(datagram) for datagram in datagrams]
    longest = MTU - HEADERS[host]
    assert sizes[2:5] == [longest] * 3
    texts = [parse_rfc5424(datagram).message or "" for datagram in datagrams]
    assert texts[:2] == ["first", "x"]
    assert texts[5] == "x"
    assert all(set(text) == {"x"} for text in texts[1:])
