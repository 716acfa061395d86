"""Which failed calls are made again: a POST only where nothing was accepted."""

from __future__ import annotations

import inspect

import pytest

from pruna_nb import errors
from pruna_nb.api import retry

EVERY = sorted(
    (
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ApiError) and kind is not errors.ApiError
    ),
    key=lambda kind: kind.__name__,
)
PROOF = {errors.ConnectionFailedError, errors.UnavailableError}
"""That nothing was accepted; a 429 proves it too, and is the throttle's to wait for."""


@pytest.mark.parametrize("kind", EVERY)
def test_a_prediction_is_sent_again_only_where_nothing_was_accepted(kind):
    assert retry.may_create_again(kind("no")) == (kind in PROOF)


@pytest.mark.parametrize("kind", EVERY)
def test_what_may_have_been_charged_is_never_sent_again_by_itself(kind):
    if kind("no").charged != "no":
        assert not retry.may_create_again(kind("no"))


@pytest.mark.parametrize("kind", EVERY)
def test_asking_again_stops_at_what_will_not_change(kind):
    passing = {
        errors.ConnectionFailedError,
        errors.UnavailableError,
        errors.ServerError,
        errors.LostAnswerError,
        errors.ReplyError,
        errors.DeliveryError,
        errors.RateLimitError,
        errors.NotFoundError,
    }
    assert retry.may_read_again(kind("no"), 1) == (kind in passing)


def test_a_prediction_that_is_not_found_is_asked_for_a_few_times_only():
    error = errors.NotFoundError("no")
    tries = [retry.may_read_again(error, tries) for tries in range(1, 10)]
    assert tries == [True] * (retry.NOT_FOUND_TRIES - 1) + [False] * (10 - retry.NOT_FOUND_TRIES)


def test_an_output_that_is_too_large_is_not_fetched_again():
    error = errors.DeliveryError("too large", code=retry.OUTPUT_TOO_LARGE)
    assert not retry.may_read_again(error, 1)


def test_the_waits_double_from_half_a_second_to_a_quarter_of_a_minute():
    waits = [retry.backoff(tries) for tries in range(1, 9)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert retry.backoff(10_000) == 15.0
