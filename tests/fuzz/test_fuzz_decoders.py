"""Every decoder of strangers' bytes: any input gives a value or an error of ours, and a value means itself.

Inputs are plain junk, what is likely to get far, and valid bytes with a few of them changed.
"""

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirrord.core.errors import MirrordError, RecordError, RemoteProtocolError
from mirrord.core.records.kinds import Kind
from mirrord.core.wire import messages as m
from mirrord.core.wire import wire_pb2 as pb
from tests.fuzz.hostile import damaged
from tests.fuzz.record_targets import BODIES
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.unit.core.strategies import MESSAGES

EXAMPLES = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
DECODERS = [pytest.param(target, id=label) for label, target in TARGETS.items() if target.family != "session"]


@pytest.mark.parametrize("target", DECODERS)
def test_any_bytes_mean_something_or_are_refused_by_an_error_of_ours(target: Target) -> None:
    junk = target.junk if target.junk is not None else target.valid

    @EXAMPLES
    @given(st.one_of(st.binary(max_size=120), junk, damaged(target.valid), damaged(junk)))
    def check(data: bytes) -> None:
        target.take(data)

    check()


@pytest.mark.parametrize("target", DECODERS)
def test_the_fuzzers_know_what_a_decoder_takes(target: Target) -> None:
    """Without one example that is taken, a fuzzer might never see more of a decoder than its door."""
    taken = []

    @settings(EXAMPLES, max_examples=60)
    @given(target.valid)
    def collect(data: bytes) -> None:
        taken.append(target.take(data))

    collect()
    assert any(taken)


def test_every_kind_of_record_is_fuzzed() -> None:
    assert set(BODIES) == set(Kind)


def test_every_kind_of_message_is_fuzzed() -> None:
    made: set[type] = set()

    @settings(EXAMPLES, max_examples=500)
    @given(MESSAGES)
    def collect(message: m.Message) -> None:
        made.add(type(message))

    collect()
    assert made == set(get_args(m.Message))
    assert len(made) == len(pb.Message.DESCRIPTOR.oneofs_by_name["kind"].fields)


def test_the_errors_that_strangers_cause_are_ours() -> None:
    assert issubclass(RecordError, MirrordError) and issubclass(RemoteProtocolError, MirrordError)
