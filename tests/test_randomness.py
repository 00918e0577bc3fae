"""Named random streams."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.randomness import Streams

NAMES = st.lists(st.text("abcdefgh_0123456789", min_size=1, max_size=8), min_size=1, max_size=3)


def test_what_one_stream_draws_leaves_the_others_as_they_were() -> None:
    alone, busy = Streams(7), Streams(7)
    busy.get("price").random(1_000)
    busy.get("traders", "hedgers").standard_normal(1_000)
    np.testing.assert_array_equal(alone.get("gas").random(10), busy.get("gas").random(10))


def test_the_order_in_which_streams_are_asked_for_does_not_matter() -> None:
    forth, back = Streams(7), Streams(7)
    first = {name: forth.get(name).random() for name in ("a", "b", "c")}
    second = {name: back.get(name).random() for name in ("c", "b", "a")}
    assert first == second


def test_a_stream_goes_on_where_it_stopped() -> None:
    pieces, whole = Streams(3), Streams(3)
    drawn = [pieces.get("price").random() for _ in range(5)]
    assert drawn == whole.get("price").random(5).tolist()


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=50)
def test_equal_seeds_give_equal_streams_and_different_seeds_different_ones(
    one: int, other: int
) -> None:
    first, second = Streams(one).get("price").random(4), Streams(other).get("price").random(4)
    assert bool((first == second).all()) is (one == other)


@given(NAMES, NAMES)
@settings(deadline=None, max_examples=100)
def test_a_stream_belongs_to_one_name(one: list[str], other: list[str]) -> None:
    first = Streams(1).get(*one).random(4)
    second = Streams(1).get(*other).random(4)
    assert bool((first == second).all()) is (one == other)


def test_a_name_in_two_parts_is_not_the_same_name_in_one() -> None:
    streams = Streams(1)
    draws = {streams.get(*name).random() for name in (("ab",), ("a", "b"), ("b", "a"), ("a_b",))}
    assert len(draws) == 4


def test_a_stream_is_the_hash_of_its_name_and_nothing_of_the_process() -> None:
    # Built here from the definition: PCG64 seeded by the seed and the SHA-256 of the name in
    # little-endian words. Python's own hash of a string differs from process to process.
    digest = hashlib.sha256(b"gas\x1fbase").digest()
    words = [int.from_bytes(digest[place : place + 4], "little") for place in range(0, 32, 4)]
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence([7, *words])))
    assert Streams(7).get("gas", "base").random() == expected.random()


def test_an_integer_for_a_library_is_a_plain_one_below_two_to_the_31() -> None:
    streams = Streams(5)
    drawn = [streams.integer("mesa") for _ in range(200)]
    assert all(type(number) is int and 0 <= number < 2**31 for number in drawn)
    # A 31-bit draw is above 2**30 half the time; none of 200 in either half has chance 2**-200.
    assert min(drawn) < 2**30 < max(drawn)


@pytest.mark.parametrize("other", ["price2", "Price", " price"])
def test_neighbouring_names_are_uncorrelated(other: str) -> None:
    count = 20_000
    first, second = Streams(1).get("price").random(count), Streams(1).get(other).random(count)
    # The sample correlation of independent draws has standard deviation 1 / sqrt(count).
    assert abs(np.corrcoef(first, second)[0, 1]) < 4.5 / np.sqrt(count)


def test_the_uniforms_of_a_name_are_words_of_its_digest() -> None:
    digest = hashlib.shake_256(b"7\x1fmessage\x1fa").digest(24)
    words = [int.from_bytes(digest[place : place + 8], "little") for place in range(0, 24, 8)]
    expected = [(word // 2**11) / 2**53 for word in words]
    assert Streams(7).uniforms("message", "a", count=3) == expected
    assert Streams(7).uniforms("message", "a", count=2) == expected[:2]
    assert all(0 <= draw < 1 for draw in expected)


def test_uniforms_are_uniform_over_names_and_over_places() -> None:
    streams = Streams(1)
    drawn = np.array([streams.uniforms("m", str(number), count=5) for number in range(4_000)])
    # 4.5 standard errors of the mean and of the correlation of 4,000 uniforms.
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 4.5 * math.sqrt(1 / 12 / 4_000)
    correlation = np.corrcoef(drawn.T) - np.eye(5)
    assert np.abs(correlation).max() < 4.5 / math.sqrt(4_000)
