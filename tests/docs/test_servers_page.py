"""What docs/servers.md shows is true: its files in the real servers, with either backend.

Each record arrives once, with the PROCID of the process that has emitted it, until the server has
ended by SIGTERM.
"""

import collections
import concurrent.futures
import configparser
import contextlib
import functools
import http.client
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import yaml
from support.certificates import Certificates
from support.grammar import Rfc5424Record, parse_rfc3164, parse_rfc5424, split_frames
from support.namespaces import isolate
from support.page_sections import LOCAL0, USER, Page, Section, Stage
from support.receivers import LIMIT, Sink, TlsSink, find_free_port, url_of, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.surroundings]

PAGE = Page("servers.md")
START = 6 * LIMIT  # seconds until a server serves, with others on the same machine
TCP = "tcp://192.0.2.1:601"
SENT = 100  # requests, or tasks
DAEMON = "unix:///dev/log"


@contextlib.contextmanager
def open_sink(sink: Sink) -> Iterator[Sink]:
    """Close it at the end; what it has received can be read after that."""
    try:
        yield sink
    finally:
        sink.close()


def point_at(sink: Sink, text: str, count: int = 1) -> str:
    """Return the text with the collector of the page, which stands there so often, replaced."""
    assert text.count(TCP) == count
    return text.replace(TCP, url_of(sink))


def need_modules(*names: str) -> None:
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not on this machine")


class Server:
    """A server that runs in the folder of a stage, and is gone at the end of the block."""

    def __init__(self, stage: Stage, *command: str, **variables: str) -> None:
        self.output = stage.folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=stage.folder,
                env={**os.environ, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def read(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def end(self) -> int:
        """Have SIGTERM end it, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(START)
        assert "Traceback" not in self.read(), self.read()
        return status


def ask(port: int, path: str) -> str:
    """Return the answer to a request; OSError: there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()


def answers(port: int) -> bool:
    try:
        return bool(ask(port, "/order/0"))
    except OSError:
        return False


def ask_many(server: Server, port: int) -> dict[str, str]:
    """Have many clients ask while SIGTERM ends the server; return the answers that there were."""

    def ask_for(number: int) -> "tuple[str, str] | None":
        try:
            return f"/order/{number}", ask(port, f"/order/{number}")
        except (OSError, http.client.HTTPException):
            return None  # too late

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask_for, number) for number in range(1, SENT + 1)]
        wait_until(lambda: sum(one.done() for one in asked) > SENT // 2, START)
        server.process.send_signal(signal.SIGTERM)
        answered = [one.result() for one in asked]
    return dict(filter(None, answered))


def check_once(
    records: list[Rfc5424Record], answered: dict[str, str], find: Callable[[Rfc5424Record], str]
) -> None:
    """Of each request that was answered there is one record, of the process that has done so."""
    found = collections.Counter(map(find, records))
    assert found.keys() >= answered.keys()
    assert set(found.values()) == {1}
    for record in records:
        if find(record) in answered:
            assert record.procid == answered[find(record)]


def select(records: list[Rfc5424Record], msgid: str) -> list[Rfc5424Record]:
    return [record for record in records if record.msgid == msgid]


def find_path(record: Rfc5424Record) -> str:
    """Return the path of the request that an access log tells of."""
    return re.findall(r'"GET (\S+) HTTP', record.message or "")[0]


def find_order(record: Rfc5424Record) -> str:
    ((name, parameters),) = record.structured_data
    assert name == "order@32473"
    return f"/order/{dict(parameters)['id']}"


# --- Django ---------------------------------------------------------------------------------------

DJANGO_SETTINGS = """
SECRET_KEY = "none"
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["*"]
"""
DJANGO_URLS = """
from django.urls import path

def fail(request):
    raise ValueError("the drawer is stuck")

urlpatterns = [path("till", fail)]
"""
DJANGO = """
import logging, os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
from django.test import Client

django.setup()
client = Client(raise_request_exception=False)
assert [client.get(path).status_code for path in ("/tea", "/till")] == [404, 500]
logging.getLogger("django").info("started")
logging.getLogger("shop").info("too quiet")
logging.getLogger("shop.till").warning("open")
"""


def check_django_records(records: list[Rfc5424Record], procid: int) -> None:
    status = ("http@32473", [("status", "500")])
    error, *others = records
    assert (error.priority, error.msgid) == (USER + 3, "-")
    assert (error.message or "").startswith("Internal Server Error: /till#012Traceback ")
    assert (error.message or "").endswith("#012ValueError: the drawer is stuck")
    code: list[object] = [
        ("code@32473", [("logger", name)]) for name in ("django.request", "django", "shop.till")
    ]
    assert [record.structured_data for record in records] == [
        [status, code[0]],
        *map(list, zip(code[1:])),
    ]
    assert [(record.priority, record.message) for record in others] == [
        (USER + 6, "started"),
        (USER + 4, "open"),
    ]
    assert {(record.app_name, record.procid) for record in records} == {("shop", str(procid))}


@PAGE.check("Django")
def check_django(section: Section, stage: Stage) -> None:
    need_modules("django")
    settings = section.take("python")
    stage.write("urls.py", DJANGO_URLS)
    with open_sink(Sink()) as sink:
        stage.write("settings.py", point_at(sink, settings) + DJANGO_SETTINGS)
        run = stage.run_quiet(DJANGO)
        assert run.out == b""
        assert wait_until(lambda: sink.count_lines() >= 3)
        check_django_records(sink.read_records(), run.pid)

    stage.write("settings.py", section.take("python") + DJANGO_SETTINGS)
    run = stage.run(DJANGO)
    assert run.out == b""
    check_django_records([parse_rfc5424(frame) for frame in split_frames(run.err, "lf")], run.pid)


# --- Gunicorn -------------------------------------------------------------------------------------

WSGI = """
import logging, os, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    time.sleep(0.01)
    logging.getLogger("shop").info("%s", path)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
"""
AUTHORITY = "tls://logs.example.com:6514?ca=/etc/shop/ca.pem"


@PAGE.check("Gunicorn")
def check_gunicorn(section: Section, stage: Stage) -> None:
    """Over TLS, and as many requests as there are while it ends."""
    need_modules("gunicorn")
    certificates: Certificates = stage.certificates  # type: ignore[attr-defined]
    stage.write("app.py", WSGI)
    port = find_free_port()
    with open_sink(TlsSink(certificates)) as sink:
        configuration = section.take("python", "gunicorn.conf.py")
        assert configuration.count(AUTHORITY) == 1
        url = f"tls://127.0.0.1:{sink.port}?ca={certificates.ca}"
        stage.write("gunicorn.conf.py", configuration.replace(AUTHORITY, url))
        command = [sys.executable, "-m", "gunicorn", "app:application"]
        with Server(stage, *command, "--bind", f"127.0.0.1:{port}") as server:
            assert wait_until(lambda: answers(port), START), server.read()
            answered = ask_many(server, port)
            assert server.wait() == 0
            master = str(server.process.pid)
            assert server.read() == ""  # all of it is in the records
    assert sink.failures == []
    records = sink.read_records("octet")
    assert len(answered) > SENT // 2
    orders = [each for each in records if (each.message or "").startswith("/order/")]
    # That one was asked until it answered.
    orders = [record for record in orders if record.message != "/order/0"]
    check_once(orders, answered, lambda record: record.message or "")
    accesses = [each for each in select(records, "ACCESS") if find_path(each) != "/order/0"]
    check_once(accesses, answered, find_path)
    assert {record.priority for record in accesses} == {LOCAL0 + 6}

    told = collections.Counter(record.message for record in records if record.msgid == "-")
    workers = {
        record.procid for record in records if (record.message or "").startswith("Booting worker")
    }
    assert len(workers) == 4
    assert {record.procid for record in orders} <= workers
    for worker in workers:
        assert told[f"Booting worker with pid: {worker}"] == 1
        assert told[f"Worker exiting (pid: {worker})"] == 1
    assert [record.procid for record in records if record.message == "Shutting down: Master"] == [
        master
    ]


# --- uvicorn --------------------------------------------------------------------------------------

TELL_PROCESS = """
import os
from fastapi.responses import PlainTextResponse

@app.middleware("http")
async def tell_process(request, call_next):
    await call_next(request)
    return PlainTextResponse(str(os.getpid()))
"""


@PAGE.check("uvicorn and FastAPI")
def check_uvicorn(section: Section, stage: Stage) -> None:
    """As the page has it; over TLS, and without the compiled core, as it says below."""
    need_modules("fastapi", "uvicorn")
    stage.write("shop.py", section.take("python", "shop.py") + TELL_PROCESS)
    configuration = section.take("json", "logging.json")
    nothing_waits = '"linger": 0'
    assert nothing_waits in section.text
    changed = configuration.replace('"linger": 0.05', nothing_waits)
    assert changed.count(nothing_waits) == 2
    if os.environ["SYSLOGFAST_BACKEND"] == "python":
        configuration = changed
    for workers in (1, 2):
        with open_sink(Sink()) as sink:
            served = serve_by_uvicorn(stage, point_at(sink, configuration, 2), workers)
        check_uvicorn_records(sink.read_records(), served, workers)

    certificates: Certificates = stage.certificates  # type: ignore[attr-defined]
    with open_sink(TlsSink(certificates)) as sink:
        url = f"tls://127.0.0.1:{sink.port}?ca={certificates.ca}"
        served = serve_by_uvicorn(stage, changed.replace(TCP, url), 2)
    check_uvicorn_records(sink.read_records("octet"), served, 2)


def serve_by_uvicorn(stage: Stage, configuration: str, workers: int) -> dict[str, str]:
    """Return what was answered until SIGTERM had ended the server."""
    stage.write("logging.json", configuration)
    port = find_free_port()
    command = ["-m", "uvicorn", "shop:app", "--log-config", "logging.json"]
    command += ["--port", str(port), "--workers", str(workers)]
    with Server(stage, sys.executable, *command) as server:
        assert wait_until(lambda: answers(port), START), server.read()
        answered = ask_many(server, port)
        assert server.wait() == (0 if workers > 1 else -signal.SIGTERM)
        assert server.read() == ""  # all of it is in the records
    time.sleep(0.1)  # for what is on its way
    assert len(answered) > SENT // 2
    return answered


def check_uvicorn_records(
    records: list[Rfc5424Record], answered: dict[str, str], workers: int
) -> None:
    sales = [each for each in select(records, "SALE") if find_order(each) != "/order/0"]
    check_once(sales, answered, find_order)
    accesses = [each for each in select(records, "ACCESS") if find_path(each) != "/order/0"]
    check_once(accesses, answered, find_path)
    assert {record.priority for record in accesses} == {LOCAL0 + 6}
    told = collections.defaultdict(list)
    for record in select(records, "-"):
        text, _, number = (record.message or "").partition(" process [")
        told[text].append(record.procid)
        if text in ("Started server", "Finished server"):
            assert number == f"{record.procid}]"
    assert len(told["Started server"]) == workers
    assert sorted(told["Finished server"]) == sorted(told["Started server"])
    assert set(answered.values()) <= set(told["Started server"])


# --- Celery ---------------------------------------------------------------------------------------

BROKER = """
queues = {folder!r}
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={{
        "data_folder_in": queues,
        "data_folder_out": queues,
        "control_folder": queues + "-control",
        "polling_interval": 0.05,
    }},
    worker_prefetch_multiplier=1,
)

@app.task
def tell(number):
    import os, time
    time.sleep(0.005)
    log.info("%d %d", number, os.getpid())

@signals.worker_process_shutdown.connect
def say_goodbye(**options):
    import os
    log.info("goodbye")
    send_rest()
    os.close(os.open({folder!r} + "-" + str(os.getpid()), os.O_CREAT))
"""
ASK = f"""
import tasks
for number in range({SENT}):
    tasks.tell.delay(number)
tasks.sell.delay(17)
"""
POOLS = {
    "prefork": ["--concurrency", "2"],
    "short-lived": ["--concurrency", "2", "--max-tasks-per-child", "20"],
    "gevent": ["--pool", "gevent", "--concurrency", "10"],
}


@PAGE.check("Celery")
def check_celery(section: Section, stage: Stage) -> None:
    need_modules("celery")
    tasks = section.take("python", "tasks.py")
    for pool, options in POOLS.items():
        if pool == "gevent" and importlib.util.find_spec(pool) is None:
            continue  # as on Python 3.13, see pyproject.toml
        folder = stage.folder / pool
        folder.mkdir()
        with open_sink(Sink()) as sink:
            stage.write("tasks.py", point_at(sink, tasks) + BROKER.format(folder=str(folder)))
            done = subprocess.run(
                [sys.executable, "-c", ASK], cwd=stage.folder, capture_output=True, timeout=START
            )
            assert done.returncode == 0, done.stderr
            command = ["-m", "celery", "-A", "tasks", "worker", "--without-heartbeat"]
            command += ["--without-gossip", "--without-mingle", "--loglevel", "INFO", *options]
            with Server(stage, sys.executable, *command) as server:
                succeeded = functools.partial(count_texts, sink, r"Task tasks\.\w+\[.*\] succeeded")
                assert wait_until(lambda done=succeeded: done() == SENT + 1, START), server.read()
                if pool == "short-lived":
                    replaced = functools.partial(count_texts, sink, "goodbye")
                    assert wait_until(lambda done=replaced: done() >= SENT // 20 - 1, START)
                    # Celery does not always end while it replaces a process, which takes 1 s.
                    time.sleep(1.5)
                assert server.end() == 0
            time.sleep(0.1)  # for what is on its way
        ended = {path.name.rpartition("-")[2] for path in stage.folder.glob(f"{pool}-[0-9]*")}
        check_tasks(sink.read_records(), pool, str(server.process.pid), ended)


def count_texts(sink: Sink, pattern: str) -> int:
    return sum(bool(re.match(pattern, text)) for text in sink.read_texts())


def check_tasks(records: list[Rfc5424Record], pool: str, parent: str, ended: set[str]) -> None:
    """All that was said has arrived, of processes that have ended by themselves to the last word.

    Those that still end with their parent have SIGKILL of the kernel: Celery asks for that.
    """
    told = [record for record in records if re.fullmatch(r"\d+ \d+", record.message or "")]
    numbers = collections.Counter(int((record.message or "").split()[0]) for record in told)
    assert numbers == dict.fromkeys(range(SENT), 1)
    assert all(record.procid == (record.message or "").split()[1] for record in told)
    processes = {record.procid for record in told}
    (sale,) = select(records, "SALE")
    assert find_order(sale) == "/order/17"
    farewells = collections.Counter(
        record.procid for record in records if record.message == "goodbye"
    )
    assert set(farewells.values()) <= {1}
    if pool == "gevent":
        assert processes == {parent}
    else:
        assert parent not in processes
        # Of 101 tasks, with 20 for each process, the last process may have the SALE alone.
        assert len(processes) in ([2] if pool == "prefork" else [SENT // 20, SENT // 20 + 1])
        assert ended
        assert farewells.keys() >= ended
    ready = [record for record in records if (record.message or "").endswith(" ready.")]
    assert [record.procid for record in ready] == [parent]


# --- containers and systemd -----------------------------------------------------------------------

# What makes a container of a process: it is PID 1, and has a host name that was given to it.
CONTAIN = (
    "import os, socket, sys; socket.sethostname('shop-0'); os.execv(sys.argv[1], sys.argv[1:])"
)


class Image:
    """What a Dockerfile says, as far as the page's has need of it."""

    def __init__(self, dockerfile: str) -> None:
        words = [line.split(" ", 1) for line in dockerfile.splitlines()]
        assert [name for name, _ in words] == ["FROM", "RUN", "COPY", "USER", "ENV", "ENTRYPOINT"]
        said = dict(words)
        assert said["RUN"] == "pip install --no-cache-dir syslogfast"
        self.source, self.target = said["COPY"].split()
        name, _, value = said["ENV"].partition("=")
        self.variables = {name: value}
        self.command: list[str] = json.loads(said["ENTRYPOINT"])

    def translate(self, stage: Stage) -> list[str]:
        """Return the command, where the program is the stage's."""
        python, program = self.command
        assert (python, program, self.source) == ("python3", self.target, "shop.py")
        return [sys.executable, str(stage.folder / self.source)]


def run_contained(stage: Stage, program: list[str], **variables: str) -> subprocess.Popen[bytes]:
    """Run a program as PID 1."""
    namespaces = isolate("--pid", "--uts", "--fork", "--kill-child")
    command = [*namespaces, sys.executable, "-c", CONTAIN, *program]
    return subprocess.Popen(
        command,
        cwd=stage.folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def end_contained(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to PID 1 of a container, as `docker stop` does."""
    time.sleep(0.3)  # until it sleeps
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    (child,) = children.read_text(encoding="ascii").split()
    os.kill(int(child), signal.SIGTERM)


def check_life(
    records: list[Rfc5424Record], *, procid: str = "1", hostname: str = "shop-0"
) -> None:
    seen = [
        record.msgid for record in records if record.msgid not in ("NETWORK-UP", "NETWORK-DOWN")
    ]
    assert seen == ["BOOTED", "-", "TERMINATED", "ENDED"]
    assert {(each.hostname, each.app_name, each.procid) for each in records} == {
        (hostname, "shop", procid)
    }
    assert [each.message for each in records if each.msgid == "-"] == ["open"]


@PAGE.check("Docker")
def check_docker(section: Section, stage: Stage) -> None:
    """To standard output, as the Dockerfile has it."""
    stage.write("shop.py", section.take("python", "shop.py"))
    image = Image(section.take("dockerfile", "Dockerfile"))
    urls = [re.findall(r"`(\S*?://\S*?)`", cells[0]) for cells in section.list_rows()]
    assert image.variables == {"SYSLOGFAST_URL": "fd://1"}
    assert [[url.partition(":")[0] for url in row] for row in urls] == [
        ["fd"],
        ["udp", "tcp"],
        ["unix"],
    ]
    with run_contained(stage, image.translate(stage), **image.variables) as process:
        assert process.stdout
        try:
            lines = [process.stdout.readline()]
            while b" - - open\n" not in lines[-1]:
                lines.append(process.stdout.readline())
            end_contained(process)
            out, err = process.communicate(timeout=START)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, b"")
    check_life([parse_rfc5424(line.removesuffix(b"\n")) for line in (*lines, *out.splitlines())])


@PAGE.check("Kubernetes")
def check_kubernetes(section: Section, stage: Stage) -> None:
    """A receiver stands for the node's collector; the environment is made as the kubelet does."""
    pod = yaml.safe_load(section.take("yaml", "pod.yaml"))
    assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")
    (container,) = pod["spec"]["containers"]
    fields = {"status.hostIP": "127.0.0.1"}
    variables: dict[str, str] = {}
    for variable in container["env"]:
        if "valueFrom" in variable:
            value = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        else:
            value = re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], variable["value"])
        variables[variable["name"]] = value
    assert variables["SYSLOGFAST_URL"] == "udp://127.0.0.1:514"
    assert pod["spec"]["terminationGracePeriodSeconds"] > 5

    docker = Section(PAGE.sections["Docker"].text)
    stage.write("shop.py", docker.take("python", "shop.py"))
    command = Image(docker.take("dockerfile", "Dockerfile")).translate(stage)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(START)
        variables["SYSLOGFAST_URL"] = url_of(receiver)
        with run_contained(stage, command, **variables) as process:
            try:
                datagrams = [receiver.recv(2048)]
                while not datagrams[-1].endswith(b" - - open"):
                    datagrams.append(receiver.recv(2048))
                end_contained(process)
                out, err = process.communicate(timeout=START)
            finally:
                process.kill()
        while b" ENDED " not in datagrams[-1]:
            datagrams.append(receiver.recv(2048))
    assert (process.returncode, out, err) == (0, b"", b"")
    check_life(list(map(parse_rfc5424, datagrams)), hostname=pod["metadata"]["name"])


@PAGE.check("systemd")
def check_systemd(section: Section, stage: Stage) -> None:
    unit = section.take("ini", "shop.service")
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit)
    assert parsed.sections() == ["Unit", "Service", "Install"]
    service = parsed["Service"]
    python, program = service["ExecStart"].split()
    name, _, url = service["Environment"].partition("=")
    assert (python, program, name, url) == (
        "/usr/bin/python3",
        "/srv/shop.py",
        "SYSLOGFAST_URL",
        DAEMON,
    )
    if shutil.which("systemd-analyze"):
        stage.write("shop.service", unit.replace(python, sys.executable))
        verify = ["systemd-analyze", "verify", "--man=no", str(stage.folder / "shop.service")]
        done = subprocess.run(verify, capture_output=True, text=True, timeout=START)
        complaints = [line for line in done.stderr.splitlines() if "shop.service" in line]
        assert complaints == []

    docker = Section(PAGE.sections["Docker"].text)
    stage.write("shop.py", docker.take("python", "shop.py"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(stage.folder / "log"))
        daemon.settimeout(START)
        url = url.replace("/dev/log", str(stage.folder / "log"))
        command = [sys.executable, str(stage.folder / "shop.py")]
        with Server(stage, *command, **{name: url}) as server:
            records = [parse_rfc3164(daemon.recv(2048), hostname=False)]
            while records[-1].message != "open":
                records.append(parse_rfc3164(daemon.recv(2048), hostname=False))
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            while not (records[-1].message or "").startswith("ended"):
                records.append(parse_rfc3164(daemon.recv(2048), hostname=False))
            assert server.wait() == 0
            assert server.read() == ""
            pid = str(server.process.pid)
    assert {(each.tag, each.pid) for each in records} == {("shop", pid)}


@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(
    heading: str,
    backend: str,
    tmp_path: pathlib.Path,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each section with blocks has a check here."""
    monkeypatch.setenv("SYSLOGFAST_BACKEND", backend)
    monkeypatch.setattr(Stage, "certificates", certificates, raising=False)
    PAGE.run(heading, tmp_path)
