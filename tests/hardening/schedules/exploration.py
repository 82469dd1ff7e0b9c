"""Tries the plans of a scenario: none, one and two switches besides those of threads that wait."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from schedules.scheduler import Plan, Scheduler, make_locks

SEED = 1


def list_files() -> set[str]:
    import syslogfast._emitter_py as emitter
    from syslogfast.transports import drop_report, queue_py, recorder, ring_py, sender, worker

    return {
        module.__file__ or ""
        for module in (emitter, drop_report, queue_py, recorder, ring_py, sender, worker)
    }


@contextmanager
def control(scheduler: Scheduler) -> Iterator[None]:
    """Have the package's locks and clocks be the scheduler's."""
    import syslogfast._emitter_py as emitter
    import syslogfast.transports as transports
    from syslogfast.transports import (
        drop_report,
        poll,
        queue_py,
        recorder,
        retry,
        sender,
        worker,
    )

    reentrant, plain = make_locks(scheduler)
    changes: list[tuple[Any, str, Any]] = [
        (emitter, "ChangeLock", reentrant),
        (queue_py, "ChangeLock", reentrant),
        (recorder, "SignalSafeLock", reentrant),
        (sender, "SignalSafeLock", reentrant),
        (transports, "importing", reentrant()),
        (worker, "make_lock", plain),
        (worker, "sleep", scheduler.sleep),
    ]
    changes += [
        (module, "monotonic", scheduler.monotonic)
        for module in (transports, drop_report, poll, retry, sender, worker)
    ]
    patches = [mock.patch.object(*change) for change in changes]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def try_plan(kind: Any, scheduler: Scheduler, plan: Plan) -> None:
    scenario = kind(scheduler)
    try:
        scheduler.run(scenario.list_works(), plan)
        for name, error in scheduler.failures:
            raise AssertionError(f"in {name!r}: {error!r}") from error
        scenario.check()
    except AssertionError as error:
        raise AssertionError(f"{kind.__name__}, plan {plan}: {error}") from error


def list_following(trace: list[tuple[int, tuple[int, ...]]], plan: Plan) -> list[Plan]:
    """Return the plans with one switch more, behind those of `plan`."""
    last = plan[-1][0] if plan else 0
    return [
        (*plan, (step, target))
        for step, (current, runnable) in enumerate(trace, 1)
        if step > last
        for target in runnable
        if target != current
    ]


def explore(kind: Any, seconds: float, by_bytecode: bool) -> tuple[int, int]:
    """Return how many plans were tried, and how many there are with two switches."""
    scheduler = Scheduler(list_files(), by_bytecode)
    end = time.monotonic() + seconds
    tried = 0
    with control(scheduler):
        count = len(kind(scheduler).list_works())
        singles: list[Plan] = []
        for first in range(count):
            try_plan(kind, scheduler, ((0, first),))
            tried += 1
            singles += list_following(scheduler.trace, ((0, first),))
        pick = random.Random(SEED)
        pick.shuffle(singles)
        doubles: list[Plan] = []
        total = tried + len(singles)
        for index, plan in enumerate(singles):
            if time.monotonic() > end:
                total += len(doubles) // max(1, index) * (len(singles) - index)
                break
            try_plan(kind, scheduler, plan)
            tried += 1
            doubles += list_following(scheduler.trace, plan)
        total += len(doubles)
        pick.shuffle(doubles)
        for plan in doubles:
            if time.monotonic() > end:
                break
            try_plan(kind, scheduler, plan)
            tried += 1
    return tried, total
