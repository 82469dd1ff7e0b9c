"""The cases of one test."""

import inspect

import pytest
from support.each import try_each


def test_each_case_is_tried() -> None:
    tried = []

    @try_each("a, b", [(1, 2), (3, 4)])
    @try_each("c", "xy")
    def collect(fixture: str, a: int, b: int, c: str) -> None:
        tried.append((fixture, a, b, c))

    assert list(inspect.signature(collect).parameters) == ["fixture"]
    collect(fixture="f")
    assert tried == [("f", 1, 2, "x"), ("f", 1, 2, "y"), ("f", 3, 4, "x"), ("f", 3, 4, "y")]


def test_the_case_that_fails_is_named() -> None:
    @try_each("number", range(5))
    def fail(number: int) -> None:
        assert number < 3

    with pytest.raises(AssertionError) as caught:
        fail()
    assert caught.value.__notes__ == ["case 3: {'number': 3}"]


def test_no_case_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        try_each("number", [])
