"""The main job: lines of real log files, sent by the command, arrive in real collectors."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from support.collectors import Collector, Rsyslog, SyslogNg, escape
from support.pairwise import choose_pairs

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]


@pytest.fixture(scope="session")
def daemon_logs(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """The log files of real daemons that Debian's package fail2ban is tested with.

    The package is looked for where SYSLOGFAST_FAIL2BAN says, else downloaded by apt-get.
    """
    tree = os.environ.get("SYSLOGFAST_FAIL2BAN")
    if tree is None:
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            pytest.skip("Debian's package fail2ban cannot be had without apt-get and dpkg")
        directory = tmp_path_factory.mktemp("fail2ban")
        download = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "fail2ban"]
        if subprocess.run(download, cwd=directory, capture_output=True, timeout=120).returncode:
            pytest.skip("apt-get cannot download Debian's package fail2ban")
        (archive,) = directory.glob("*.deb")
        tree = str(directory / "tree")
        subprocess.run(["dpkg", "-x", archive, tree], check=True, timeout=120)
    (logs,) = pathlib.Path(tree).rglob("fail2ban/tests/files/logs")
    files = sorted(path for path in logs.rglob("*") if path.is_file())
    assert len(files) >= 93
    return files


def list_lines(files: list[pathlib.Path]) -> list[bytes]:
    """Return the lines of files as the command counts them: a last one need not end in LF."""
    lines = []
    for file in files:
        parts = file.read_bytes().split(b"\n")
        lines += parts if parts[-1] else parts[:-1]
    return lines


def send(backend: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-Im", "syslogfast", "send", *arguments],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("collector_kind", "framing", "backend"),
    choose_pairs([Rsyslog, SyslogNg], ["octet", "lf"], ["c", "python"]),
    indirect=["collector_kind", "backend"],
)
def test_lines_of_real_daemons_arrive_intact_and_in_order(
    collector: Collector, daemon_logs: list[pathlib.Path], framing: str, backend: str
) -> None:
    """Every line, in order, its text and each header field as sent."""
    host, port = collector.address(f"tcp-{framing}")
    result = send(
        backend,
        *["-v", "--to", f"tcp://{host}:{port}?framing={framing}", "-p", "local3.warning"],
        *["--hostname", "web1.example.com", "-t", "fail2ban", "--msgid", "LINE"],
        *["--sd", 'shop@32473 order=17 note="a \\"b\\" ]c" order=18'],
        *map(str, daemon_logs),
    )
    lines = list_lines(daemon_logs)
    assert len(lines) > 2500
    assert result.returncode == 0, result.stderr
    assert f"{len(lines):,} lines, " in result.stderr
    records = collector.records(len(lines))
    assert [record.message for record in records] == [escape(line.rstrip(b"\r")) for line in lines]
    for record in records:
        assert record.priority == 19 * 8 + 4
        assert record.hostname == "web1.example.com"
        assert record.app_name == "fail2ban"
        assert record.procid == "-"
        assert record.msgid == "LINE"
        assert record.structured_data == {
            "shop@32473": [("order", "17"), ("note", 'a "b" ]c'), ("order", "18")]
        }
    times = [record.timestamp for record in records]
    assert times == sorted(times)


def test_rfc3164_arrives_over_tcp(collector: Collector, backend: str) -> None:
    """HOSTNAME, TAG, PID and text of RFC 3164 are what the collector understands."""
    host, port = collector.address("tcp-lf-3164")
    result = send(
        backend,
        *["--to", f"tcp://{host}:{port}", "--protocol", "rfc3164", "-t", "my-prog", "-i"],
        *["--hostname", "web1.example.com", "-m", "grüße, Jürgen"],
    )
    assert result.returncode == 0, result.stderr
    (record,) = collector.records(1)
    assert record.message == "grüße, Jürgen"
    assert (record.hostname, record.app_name) == ("web1", "my-prog")
    assert record.procid.isdigit()
    assert record.priority == 13


@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
def test_records_arrive_over_udp(collector: Collector, protocol: str, backend: str) -> None:
    """One datagram, one record; what could not be framed on TCP needs no care here."""
    host, port = collector.address("udp" if protocol == "rfc5424" else "udp-3164")
    lines = [f"line {number} €" for number in range(100)]
    result = subprocess.run(
        [
            *[sys.executable, "-Im", "syslogfast", "send", "--to", f"udp://{host}:{port}"],
            *["--protocol", protocol, "--hostname", "web1", "-t", "app"],
        ],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    records = collector.records(100)
    assert sorted(record.message for record in records) == sorted(lines)
    assert {(record.hostname, record.app_name) for record in records} == {("web1", "app")}
