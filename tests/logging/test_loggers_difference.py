"""Two worlds of loggers, one of logging's and one of ours: whatever is done to both, and logged by
both, what comes of it is the same."""

import contextlib
import logging
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.worlds_of_loggers import (
    World,
    choose_call,
    choose_change,
    choose_hook,
    keep_logging,
    run,
)

from syslogfast import loggers

pytestmark = [pytest.mark.versions, pytest.mark.native]

EXAMPLES = int(os.environ.get("SYSLOGFAST_EXAMPLES", "0"))


@pytest.fixture
def installed() -> Iterator[None]:
    """Loggers are installed, and a plan costs nothing: here all changes all the time."""
    if loggers.compiled is None:
        pytest.skip(loggers.refusal)
    loggers.install()
    loggers.compiled.set_plan_cost(0)
    yield
    loggers.compiled.set_plan_cost(16)
    loggers.uninstall()


def compare(seed: int, steps: int, has_hooks: bool) -> tuple[int, int, int]:
    """Do the same to two worlds; return how many calls there were, how many were fast, and how many
    LogRecords were made in C."""
    rng = random.Random(seed)
    calls = fast = 0
    made = loggers.compiled.count_calls()[4]
    worlds = World(logging.Logger, logging.RootLogger), World(loggers.Logger, loggers.RootLogger)
    history = []
    with keep_logging() as restore:
        for step in range(steps):
            if step % 7 == 0:
                restore()
                for world in worlds:
                    world.be_plain()
                history = ["plain"]
            elif rng.random() < 0.5:
                # The same of both, though `choose_change` has its own of what it makes.
                number = rng.random()
                results = []
                for world in worlds:
                    change = choose_change(random.Random(number))
                    with contextlib.suppress(AttributeError, TypeError):
                        results.append(change(world))
                history.append(f"change {number}")
            if has_hooks and rng.random() < 0.1:
                hook = choose_hook(rng)
                hook()
                history.append("hook")
            for _ in range(4):
                number = rng.random()
                before = loggers.compiled.count_calls()[0]
                got = [run(choose_call(random.Random(number)), world) for world in worlds]
                assert got[0] == got[1], (seed, step, number, history)
                calls += 1
                fast += loggers.compiled.count_calls()[0] > before
    for world in worlds:
        world.close()
    return calls, fast, loggers.compiled.count_calls()[4] - made


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("has_hooks", [False, True])
@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(6), id="some"),
        pytest.param(range(6, max(30, EXAMPLES // 800)), id="others", marks=pytest.mark.slow),
    ],
)
def test_no_difference(seeds: range, has_hooks: bool) -> None:
    """What handlers get, what is raised, counted and printed is what it is with logging's class."""
    # In a thread, whose stack is not as deep as pytest's: logging prints it with each error.
    with ThreadPoolExecutor(1) as thread:
        counts = [thread.submit(compare, seed, 100, has_hooks).result() for seed in seeds]
    calls, fast, records = map(sum, zip(*counts, strict=True))
    assert calls >= 400 * len(seeds)
    assert fast >= calls / 10  # each of which has written a record
    assert records >= calls / 10
