"""What do fields cost?

Each form goes into the queue of an emitter that lingers, 200 times.
"""

import sys
from collections.abc import Callable

import pytest
from adapters.queued import GIVEN, QUEUED, connect, expected, measure, take
from measure import strict
from measure.record import MESSAGE
from measure.rounds import Rounds, repeat_call, tabulate
from measure.strict import expect_now
from measure.tables import Table

import syslogfast

Publish = Callable[[Table], None]
PLAIN, RENDERED = "no fields", "three in `structured_data`"
BY_PERCENT = "`%`, and three fields"

pytestmark = pytest.mark.usefixtures("program")


def test_fields(rounds: Rounds, publish: Publish) -> None:
    with connect() as emitter:
        names = {"message": MESSAGE, "info": emitter.info}
        statements = {
            PLAIN: "info(message)",
            RENDERED: "info(message, structured_data="
            '{"fields@32473": {"order": 17, "by": "alice", "shop": "web"}})',
            "three fields": 'info(message, order=17, by="alice", shop="web")',
        }
        rows = {}
        for row, statement in statements.items():
            exec(statement, names)
            strict.check(take(emitter), expected(row != PLAIN))
            rows[row] = repeat_call(statement, QUEUED, **names)
        bound = emitter.bind(**GIVEN)
        bound.info(MESSAGE)
        strict.check(take(emitter), expected(True))
        rows["three by `bind`"] = repeat_call(
            "info(message)", QUEUED, message=MESSAGE, info=bound.info
        )

        def repeat_in_context() -> "float | None":
            with syslogfast.bound(**GIVEN):
                return run()

        with syslogfast.bound(**GIVEN):
            emitter.info(MESSAGE)
            strict.check(take(emitter), expected(True))
        run = repeat_call("info(message)", QUEUED, **names)
        rows["three by `bound`"] = repeat_in_context
        names.update(bound=syslogfast.bound, given=GIVEN)
        rows["`bound` around each record"] = repeat_call(
            "with bound(**given): info(message)", QUEUED, **names
        )
        times = measure(rounds, emitter, rows)
    title = "fields, into the queue of a TCP connection"
    publish(tabulate("fields", title, times, PLAIN, QUEUED))


if sys.version_info >= (3, 14):  # what an older Python lacks is no gap of the machine's

    def test_template(rounds: Rounds, publish: Publish) -> None:
        """A t-string beside the same text by `%` with the same fields."""
        names: dict[str, object] = {"by": "alice", "order": 17, "price": 9.5}
        text = "alice has sold 17 for 9.5"
        fields = [("fields@32473", [(name, str(value)) for name, value in names.items()])]
        statements = {
            BY_PERCENT: 'info("%s has sold %d for %s", by, order, price,'
            " by=by, order=order, price=price)",
            "a t-string": 'info(t"{by} has sold {order} for {price}")',
        }
        with connect() as emitter:
            names["info"] = emitter.info
            rows = {}
            for row, statement in statements.items():
                exec(statement, names)
                strict.check(take(emitter), expect_now(text, structured_data=fields))
                rows[row] = repeat_call(statement, QUEUED, **names)
            times = measure(rounds, emitter, rows)
        publish(
            tabulate(
                "templates",
                "a text of three values, and these as fields",
                times,
                BY_PERCENT,
                QUEUED,
            )
        )
