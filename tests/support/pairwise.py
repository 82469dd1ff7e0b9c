"""Choices of combinations, where not every one of them can be tried, nor needs to be."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any


def list_pairs(row: Sequence[int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    return itertools.combinations(enumerate(row), 2)


def choose_pairs(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return few combinations, in which each value of an axis meets each of every other axis.

    A fault that takes two options to show is found by these as it is by the whole product.
    """
    product = list(itertools.product(*(range(len(axis)) for axis in axes)))
    missing = {pair for row in product for pair in list_pairs(row)}
    chosen = []
    while missing:
        best = max(product, key=lambda row: len(missing.intersection(list_pairs(row))))
        missing.difference_update(list_pairs(best))
        chosen.append(best)
    return [tuple(axis[index] for axis, index in zip(axes, row, strict=True)) for row in chosen]


def take_turns(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return as many combinations as the longest axis has values; the others begin again.

    For values that do not interact: each is tried once at least, and none with all others.
    """
    rows = max(map(len, axes))
    return [tuple(axis[index % len(axis)] for axis in axes) for index in range(rows)]
