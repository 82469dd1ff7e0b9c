"""What the package is held to: each line of its budget, with its figure, met or missed.

A figure is looked up in the results, never typed; why a line is missed is said here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from results import Results
from tables import write_cell


@dataclass
class Budget:
    """One line.

    what: is measured; against: its yardstick; find: looks its figure up; unit: as a column's.
    least or most: the goal. why: where the figure goes, should it be missed.
    """

    what: str
    against: str
    find: Callable[[Results], float]
    unit: str = "x"
    least: "float | None" = None
    most: "float | None" = None
    why: str = ""

    def state_goal(self) -> str:
        if self.least is not None:
            return f"at least {write_cell(float(self.least), self.unit)}"
        assert self.most is not None
        return f"at most {write_cell(float(self.most), self.unit)}"

    def judge(self, figure: float) -> str:
        """Return "met", or by how much it is missed."""
        if self.least is not None:
            missing = self.least / figure - 1
        else:
            assert self.most is not None
            missing = (figure - self.most) / self.most if self.most else figure
        return "met" if missing <= 0 else f"**missed by {missing:.0%}**"


def write_budgets(results: Results) -> str:
    lines = ["| what | against | goal | figure | |", "|---|---|--:|--:|---|"]
    reasons = []
    for budget in BUDGETS:
        figure = budget.find(results)
        verdict = budget.judge(figure)
        if verdict != "met":
            reasons.append(f"- {budget.what}: {budget.why}")
        cells = [budget.what, budget.against, budget.state_goal()]
        lines.append(f"| {' | '.join([*cells, write_cell(figure, budget.unit), verdict])} |")
    if reasons:
        lines += ["", "What is missed, and why:", "", *reasons]
    return "\n".join(lines) + "\n"
