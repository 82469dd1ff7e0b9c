"""`syslogfast.loggers` against `logging` alone: whatever is done to both and logged by both,
handlers get the same octets, and the same is raised, counted and printed."""

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from given import Chance, Given
from support import worlds_of_loggers
from support.worlds_of_loggers import World, choose_call, choose_change, choose_hook, keep_logging

from syslogfast import loggers

logging.raiseExceptions = True  # what is printed is compared
assert loggers.compiled is not None, loggers.refusal
loggers.install()
loggers.compiled.set_plan_cost(0)  # here all changes all the time
KINDS = (logging.Logger, logging.RootLogger), (loggers.Logger, loggers.RootLogger)


def do_to_both(given: Given, choose: Callable[[Any], Callable[..., Any]]) -> list[Any]:
    """Return for each of the worlds what the same octets choose, and leave these behind."""
    start = given.position
    chosen = []
    for _ in KINDS:
        given.position = start
        chosen.append(choose(Chance(given)))
    return chosen


def try_input(data: bytes) -> None:
    given = Given(data)
    worlds = [World(*kinds) for kinds in KINDS]  # the same for each input
    with keep_logging():
        while not given.is_over():
            take_step(given, worlds)
    for world in worlds:
        world.close()


def take_step(given: Given, worlds: list[World]) -> None:
    form = given.octet()
    if form < 64:
        for change, world in zip(do_to_both(given, choose_change), worlds, strict=True):
            with contextlib.suppress(AttributeError, TypeError):
                change(world)
    elif form < 72:
        choose_hook(Chance(given))()
    else:
        calls = do_to_both(given, choose_call)
        got = [
            worlds_of_loggers.run(call, world) for call, world in zip(calls, worlds, strict=True)
        ]
        assert got[0] == got[1], f"logging: {got[0]!r}\nours: {got[1]!r}"
