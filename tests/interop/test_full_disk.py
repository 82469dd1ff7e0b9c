"""What a RELP acknowledgement is worth where the collector's disk is full: docs/delivery.md."""

import pathlib
import re
import subprocess
import sys

import pytest
from support.collectors import RsyslogRelp
from support.namespaces import isolate, need_programs
from support.page_sections import read_sections
from support.receivers import find_free_port

pytestmark = [
    pytest.mark.surroundings,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the small disk is Linux's tmpfs"),
]

COUNT = 3000
# In a namespace of its own, so that what is mounted ends with it.
START = """
mount -t tmpfs -o size=256k none "$1/disk" && rsyslogd -n -f "$1/conf" -i "$1/pid" &
daemon=$!
trap "kill $daemon; wait $daemon" EXIT
"$2" -I -c "$3" "$1"
"""
SEND = f"""
import os, pathlib, re, sys, time
import syslogfast
folder = pathlib.Path(sys.argv[1])
log = syslogfast.connect(
    "relp://127.0.0.1:PORT", hostname="h", app_name="a", queue_bytes=1 << 22, timeout=20
)
for number in range({COUNT}):
    log.info("%05d %s", number, "x" * 150)

def count():
    data = (folder / "disk" / "log").read_bytes()
    return len(set(re.findall(rb"(\\d{{5}}) x{{150}}$", data, re.MULTILINE)))  # whole ones

end = time.monotonic() + 20
sent, before = -1, 0
while time.monotonic() < end and (sent != log.stats["sent"] or not sent):
    sent = log.stats["sent"]
    time.sleep(1.5)
print(sent, count())
assert not os.system(f"mount -o remount,size=16m '{{folder}}/disk'")
log.flush(20)
time.sleep(0.5)
print(log.stats["sent"], count())
"""


def run(folder: pathlib.Path, configuration: str, root: pathlib.Path) -> list[int]:
    """Return how many were acknowledged, and stored, on a full disk, and with space again."""
    reason = RsyslogRelp.find_missing(False)
    if reason:
        pytest.skip(reason)
    need_programs("mount", "sh")
    command = isolate(mounts=True)
    (folder / "disk").mkdir()
    port = str(find_free_port())
    for old, new in {
        'port="2514"': f'port="{port}"',
        "/usr/local/bin/store.py": f"{sys.executable} {root}/examples/relays/store.py",
        "/var/log/fleet.log": f"{folder}/disk/log",
    }.items():
        assert old in configuration or old.endswith("store.py")
        configuration = configuration.replace(old, new)
    (folder / "conf").write_text(f'global(workDirectory="{folder}")\n{configuration}')
    script = [*command, "sh", "-c", START, "sh", str(folder), sys.executable]
    result = subprocess.run(
        [*script, SEND.replace("PORT", port)], capture_output=True, text=True, timeout=120
    )
    if "mount:" in result.stderr:
        pytest.skip(result.stderr)
    assert result.returncode == 0, result.stderr
    return [int(number) for number in re.findall(r"\d+", result.stdout)]


@pytest.fixture
def configuration(root: pathlib.Path) -> str:
    return read_sections(root / "docs" / "delivery.md")["Transports"].take("")


def test_what_is_confirmed_is_stored(
    tmp_path: pathlib.Path, root: pathlib.Path, configuration: str
) -> None:
    """The page's configuration: not one record is acknowledged that is not on the disk."""
    acknowledged, stored, in_the_end, all_stored = run(tmp_path, configuration, root)
    assert COUNT // 4 < acknowledged <= stored < COUNT
    assert (in_the_end, all_stored) == (COUNT, COUNT)


def test_what_is_not_confirmed(
    tmp_path: pathlib.Path, root: pathlib.Path, configuration: str
) -> None:
    """Without, all are acknowledged, whatever becomes of them; so says the page."""
    start = configuration.index("action(")
    action = 'action(type="omfile" file="/var/log/fleet.log" template="line" '
    action += 'action.resumeRetryCount="-1" action.resumeInterval="1")\n'
    acknowledged, stored, _, _ = run(tmp_path, configuration[:start] + action, root)
    assert acknowledged == COUNT
    assert COUNT // 4 < stored < COUNT


def test_a_collector_that_dies_amid_a_line(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The store keeps whole lines alone: the next one would be the end of what is left of it."""
    stored = tmp_path / "records"
    command = [sys.executable, "-I", str(root / "examples/relays/store.py"), str(stored)]
    for given, confirmed in ((b"sold 1\nso", 1), (b"sold 2\nsold 3\n", 2), (b"sold", 0)):
        said = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout
        assert said == (1 + confirmed) * b"OK\n"  # the first: that it is ready
    assert stored.read_bytes() == b"sold 1\nsold 2\nsold 3\n"
