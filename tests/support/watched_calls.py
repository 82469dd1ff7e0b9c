"""A program that logs while another package watches `logging`, and what it says of each step.

`run_watched` runs this file in processes of its own, for such packages patch the interpreter.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from typing import Any

import syslogfast
from syslogfast import loggers

# What is done; after each step all calls are made. The first that is watched is as without us.
ORDERS = {
    "watched first": ["begin", "enter", "install", "leave", "enter", "uninstall", "leave"],
    "installed first": ["begin", "install", "enter", "leave", "enter", "uninstall", "leave"],
}
CHANGING = ("created", "msecs", "relativeCreated")  # from one call to the next
OWN_LOGGERS = ("sentry_sdk", "newrelic", "ddtrace", "opentelemetry", "elasticapm")

Step = dict[str, Any]


def run_watched(code: str, folder: str = "") -> list[Step]:
    """Return the steps of both orders. The code defines `enter` and `leave`.

    It adds to `seen` what the package has been given, at the latest in `collect`. `FIELD` is what a
    formatter can write of that, and `more` makes calls of its own. The packages are in the folder.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-I", "-W", "ignore", __file__, order, folder, code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for order in ORDERS
    ]
    try:
        answers = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(processes, answers, strict=True):
        assert process.returncode == 0, errors
    return [step for output, _ in answers for step in json.loads(output.splitlines()[-1])]


def check_watched(steps: list[Step], reason: str, texts: list[str]) -> None:
    """Check that all get what they get without us, that it is said why, and that all is undone.

    `texts` are in what the package has been given of each record.
    """
    alone = steps[0]
    watched = next(step for step in steps if step["is_watched"])
    with_field = next((step for step in steps if step["has_field"]), watched)
    assert (alone["is_installed"], alone["is_watched"], alone["seen"]) == (False, False, [])
    assert (watched["is_installed"], with_field["is_installed"]) == (False, False)
    seen = json.dumps(watched["seen"], ensure_ascii=False)
    assert [text for text in texts if text not in seen] == []
    assert COUNT == len(alone["written"]) <= len(watched["written"]) == len(with_field["written"])
    for step in steps:
        expected = with_field if step["has_field"] else watched if step["is_watched"] else alone
        where = step["order"], step["name"]
        for what in ("seen", "written"):
            assert step[what] == expected[what], where
        if not step["is_installed"]:
            assert step["reasons"] == ["install() has not been called"] * len(NAMES), where
        elif step["is_watched"]:
            assert [found for found in step["reasons"] if reason not in found] == [], where
        else:
            assert step["reasons"] == ["fast"] * len(NAMES), where
        assert (step["fast"] > 0) is (step["is_installed"] and not step["is_watched"]), where


def make_handler(**options: Any) -> syslogfast.SysLogHandler:
    """Return a handler whose records stay in its queue."""
    identity = {"hostname": "web1", "app_name": "shop", "procid": 42}
    made: Any = syslogfast.SysLogHandler(
        "tcp://127.0.0.1:1", linger=1e6, on_failure=False, **{**identity, **options}
    )
    made._emitter._sender.closes_at_exit = False
    return made


def take_lines(handler: Any) -> list[bytes]:
    """Return what is queued, a line for each record, and leave nothing."""
    queue = handler._emitter._queue
    data = bytes(queue.peek() or b"")
    queue.rewind()
    queue.clear("taken")
    return data.splitlines()


def take(handler: Any) -> list[str]:
    """Return what follows the timestamp of each queued record."""
    lines = [line.decode() for line in take_lines(handler)]
    return [line.partition(">")[0] + line.partition(" web1 ")[2] for line in lines]


def describe(record: Any) -> dict[str, str]:
    """Return all of a LogRecord but its times, and what differs between two processes."""
    assert record.process == os.getpid()
    assert record.thread == threading.get_ident()
    found = {key: repr(value) for key, value in vars(record).items() if key not in CHANGING}
    found.update(process="", thread="", exc_info=str(record.exc_info and record.exc_info[0]))
    return found


NAMES = ("shop.early", "shop.later", None)
COUNT = 11  # records of `make_calls`


def make_calls() -> None:
    early, later = logging.getLogger("shop.early"), logging.getLogger("shop.later")
    early.debug("too low")
    early.info("sold out")
    later.warning("%d of %s sold", 3, "four")
    later.error("café", extra={"msgid": "SALE", "structured_data": {"order@32473": {"id": 17}}})
    later.critical("with an attribute", extra={"color": "red"})
    later.getChild("child").info("%(a)s", {"a": "a mapping"})
    logging.warning("by the module")
    logging.root.info("of root")
    logging.LoggerAdapter(early, {"color": "blue"}).info("by an %s", "adapter")
    early.log(logging.INFO, "by its level")
    early.log(25, "between the levels")
    try:
        raise OSError("refused")
    except OSError:
        early.exception("failed")


def count_fast_calls() -> int:
    if loggers.compiled is None:
        return 0
    before = int(loggers.compiled.count_calls()[0])
    for _ in range(64):  # a plan may take some
        logging.getLogger("shop.early").info("sold out")
    return int(loggers.compiled.count_calls()[0]) - before


def main(order: str, folder: str, code: str) -> None:
    """Print the steps as JSON."""
    if folder:
        sys.path.append(folder)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    handler: Any = make_handler()
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    logging.getLogger("shop.early")
    seen: list[Any] = []
    package: dict[str, Any] = {"__name__": "package", "seen": seen, "describe": describe}
    package.update(more=lambda: None, collect=lambda: None)
    steps: list[Step] = []
    is_watched = is_installed = False

    def note(name: str, has_field: bool = False) -> None:
        package["collect"]()
        seen.clear()
        take(handler)
        make_calls()
        if is_watched:
            package["more"]()
        package["collect"]()
        step = {
            "order": order,
            "name": name,
            "is_watched": is_watched,
            "is_installed": is_installed,
            "has_field": has_field,
            "seen": list(seen),
            "written": take(handler),
            "reasons": [loggers.explain(name) for name in NAMES],
        }
        steps.append({**step, "fast": count_fast_calls()})

    for name in ORDERS[order]:
        if name == "enter":
            if "enter" not in package:
                exec(compile(code, "package", "exec"), package)
            package["enter"]()
            is_watched = True
        elif name == "leave":
            package["leave"]()
            is_watched = False
        elif name == "install":
            loggers.install()
            is_installed = True
        elif name == "uninstall":
            loggers.uninstall()
            is_installed = False
        note(name)
        if is_watched and "FIELD" in package:
            handler.setFormatter(logging.Formatter(f"%(message)s {package['FIELD']}"))
            note(f"{name}, with a field", True)
            handler.setFormatter(None)
    handler._emitter._queue.clear("taken")
    print(json.dumps(steps), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
