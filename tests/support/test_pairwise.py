"""The choices of combinations leave out no value and no pair."""

import itertools

import pytest
from support.pairwise import choose_pairs, take_turns


@pytest.mark.parametrize("sizes", [(2, 3, 4, 2), (3, 3, 3), (5, 2), (1, 4), (19, 2, 2)])
def test_every_pair_is_chosen(sizes: tuple[int, ...]) -> None:
    axes = [[f"{axis}{index}" for index in range(size)] for axis, size in enumerate(sizes)]
    rows = choose_pairs(*axes)
    pairs = {pair for row in rows for pair in itertools.combinations(row, 2)}
    expected = {
        pair
        for first, second in itertools.combinations(axes, 2)
        for pair in itertools.product(first, second)
    }
    assert pairs == expected
    first, second = sorted(sizes)[-2:]
    assert first * second <= len(rows) <= first * second + 2  # no fewer can be enough


def test_every_value_has_its_turn() -> None:
    assert take_turns("abcde", "xyz", [1, 2]) == [
        *(("a", "x", 1), ("b", "y", 2), ("c", "z", 1), ("d", "x", 2), ("e", "y", 1)),
    ]
