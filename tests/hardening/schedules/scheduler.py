"""Has two or three threads go on in an order that a plan says, switched at lines of given files.

One thread runs at a time. It goes on until it ends, waits, or reaches a step at which the plan has
another one run. Time is virtual: it passes when all threads wait. A step is a line, or a bytecode.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

Plan = tuple[tuple[int, int], ...]  # steps at which a thread is switched to, by its index
HANG = 20.0  # seconds of real time that a schedule may take
MOST_STEPS = 20_000


class Stop(BaseException):
    """Ends a thread of a schedule that is over."""


class Task:
    def __init__(self, index: int, name: str, is_service: bool) -> None:
        self.index, self.name = index, name
        self.is_service = is_service  # it has no end of its own
        self.gate = threading.Lock()
        self.gate.acquire()
        self.work: Callable[[], object] | None = None
        self.is_done = False
        self.condition: Callable[[], object] | None = None
        self.deadline: float | None = None


class Scheduler:
    def __init__(self, files: set[str], by_bytecode: bool = False) -> None:
        self.files = files
        self.by_bytecode = by_bytecode
        self.tasks: list[Task] = []
        self.is_running = False
        self._over = threading.Lock()
        self._over.acquire()
        self._threads: list[threading.Thread] = []

    # --- for a scenario --------------------------------------------------------------------------

    def run(self, works: list[tuple[str, Callable[[], object], bool]], plan: Plan) -> None:
        """Run all of them to their end; `trace` has who could run at each step then."""
        self.plan = dict(plan)
        self.now = 1000.0
        self.step = 0
        self.trace: list[tuple[int, tuple[int, ...]]] = []
        self.is_wasted = False  # the plan had a thread go on that could not
        self.failures: list[tuple[str, BaseException]] = []
        self.is_ending = False
        while len(self._threads) < len(works):
            task = Task(len(self.tasks), "", False)
            self.tasks.append(task)
            thread = threading.Thread(target=self._serve, args=(task,), daemon=True)
            self._threads.append(thread)
            thread.start()
        self.live = self.tasks[: len(works)]
        for task, (name, work, is_service) in zip(self.live, works, strict=True):
            task.name, task.work, task.is_service = name, work, is_service
            task.is_done, task.condition, task.deadline = False, None, None
        self._runnable_key: tuple[object, ...] = ()
        self._runnable: tuple[int, ...] = ()
        self.current = self.plan.pop(0, 0)
        self.is_running = True
        self.live[self.current].gate.release()
        if not self._over.acquire(timeout=HANG):
            raise AssertionError(f"the schedule hangs in {self.live[self.current].name}")
        self.is_running = False

    def block(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        """Have others go on until the condition holds; False if the time passes before."""
        if not self.is_running:
            assert condition(), "there is nobody to wait for"
            return True
        if condition():
            return True
        if timeout is not None and timeout <= 0:
            return False
        task = self.live[self.current]
        task.condition = condition
        task.deadline = None if timeout is None or timeout < 0 else self.now + timeout
        self._leave(task)
        task.condition, task.deadline = None, None
        return bool(condition())

    def monotonic(self) -> float:
        return self.now if self.is_running else 1000.0

    def sleep(self, seconds: float) -> None:
        self.block(lambda: False, max(seconds, 1e-6))

    # --- threads ---------------------------------------------------------------------------------

    def _serve(self, task: Task) -> None:
        sys.settrace(self._enter_frame)
        while True:
            task.gate.acquire()
            work, task.work = task.work, None
            try:
                if self.is_ending:
                    raise Stop
                assert work is not None
                work()
            except Stop:
                pass
            except BaseException as error:
                self.failures.append((task.name, error))
            work = None
            task.is_done = True
            following = self._choose()
            if following is None:
                self._over.release()
            else:
                self._go_on(following)

    def _enter_frame(self, frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if code.co_filename not in self.files or not self.is_running:
            return None
        if self.by_bytecode:
            frame.f_trace_lines = False
            frame.f_trace_opcodes = True
        return self._reach

    def _reach(self, frame: FrameType, event: str, _: object) -> Any:
        if event in ("line", "opcode"):
            self.step += 1
            if not self.is_ending:
                runnable = self._list_runnable()
                self.trace.append((self.current, runnable))
                if self.step > MOST_STEPS:
                    where = "".join(traceback.format_stack(frame, 4))
                    failure = AssertionError(f"it goes on for ever:\n{where}")
                    self.failures.append((self.live[self.current].name, failure))
                    self._end()
                    raise Stop
                target = self.plan.pop(self.step, self.current)
                if target != self.current:
                    if target in runnable:
                        self._switch(target)
                    else:
                        self.is_wasted = True
        return self._reach

    def _list_runnable(self) -> tuple[int, ...]:
        key = tuple([task.is_done or task.condition for task in self.live])
        if key != self._runnable_key or any(map(callable, key)):
            self._runnable_key = key
            self._runnable = tuple([task.index for task in self.live if self._can_run(task)])
        return self._runnable

    def _can_run(self, task: Task) -> bool:
        return not task.is_done and (task.condition is None or bool(task.condition()))

    def _switch(self, target: int) -> None:
        task = self.live[self.current]
        self._go_on(self.live[target])
        task.gate.acquire()
        if self.is_ending:
            raise Stop

    def _go_on(self, task: Task) -> None:
        self.current = task.index
        task.gate.release()

    def _leave(self, task: Task) -> None:
        following = self._choose()
        if following is task:
            return
        assert following is not None
        self._go_on(following)
        task.gate.acquire()
        if self.is_ending:
            raise Stop

    def _choose(self) -> Task | None:
        """Return who goes on; None if all have ended. Where all wait, time passes."""
        left = [task for task in self.live if not task.is_done]
        if not left:
            return None
        if self.is_ending:
            return left[0]
        for task in left:
            if self._can_run(task):
                return task
        waits = [task for task in left if task.deadline is not None]
        if waits:
            first = min(waits, key=lambda task: task.deadline or 0.0)
            self.now = max(self.now, first.deadline or 0.0)
            return first
        stuck = [task.name for task in left if not task.is_service]
        if stuck:
            self.failures.append(("", AssertionError(f"a deadlock of {', '.join(stuck)}")))
        self._end()
        return left[0]

    def _end(self) -> None:
        self.is_ending = True
        self.on_end()

    def on_end(self) -> None:
        """Is called before what has no end of its own is ended."""


class Lock:
    """Stands for a lock of the package: whoever waits for it has others go on."""

    is_reentrant = True
    scheduler: Scheduler

    def __init__(self) -> None:
        self.owner: int | None = None
        self.depth = 0

    def _name_thread(self) -> int:
        scheduler = self.scheduler
        return scheduler.current if scheduler.is_running else -1

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = self._name_thread()
        if self.owner == me and self.is_reentrant and self.depth:
            self.depth += 1
            return True
        if self.depth:
            if not blocking:
                return False
            if not self.scheduler.block(lambda: not self.depth, None if timeout < 0 else timeout):
                return False
        self.owner, self.depth = me, 1
        return True

    def release(self) -> None:
        if not self.depth or (self.is_reentrant and self.owner != self._name_thread()):
            raise RuntimeError("release unlocked lock")
        self.depth -= 1

    def locked(self) -> bool:
        return bool(self.depth)

    def _is_owned(self) -> bool:
        return bool(self.depth) and self.owner == self._name_thread()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def make_locks(scheduler: Scheduler) -> tuple[type[Lock], type[Lock]]:
    """Return a reentrant lock and a plain one."""
    plain = type("PlainLock", (Lock,), {"is_reentrant": False, "scheduler": scheduler})
    return type("ReentrantLock", (Lock,), {"scheduler": scheduler}), plain
