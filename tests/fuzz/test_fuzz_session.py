"""The session state machine: no order of messages, opens, closes and times gets an exception out of a node."""

import pytest
from hypothesis.stateful import run_state_machine_as_test
from nacl.exceptions import BadSignatureError

from mirrord.core.node import Node
from mirrord.core.records import signing
from mirrord.core.wire import messages as m
from mirrord.core.wire.encoding import encode_message
from tests.fuzz.session_machine import SETTINGS, SiegeMachine, flipped
from tests.fuzz.siege import Siege
from tests.unit.core.making import COLLECTION, UNIX, announced, make_announcement


def test_whatever_strangers_do_a_node_and_its_friend_go_on() -> None:
    run_state_machine_as_test(SiegeMachine, settings=SETTINGS)


def test_friends_who_are_left_alone_find_to_each_other() -> None:
    Siege().settle()


def test_a_node_that_took_a_forgery_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "crypto_sign_open", lambda signed, key: b"")
    siege = Siege()
    session = siege.intrude(1)
    siege.say(session, encode_message(m.Hello(1, 1, "x", UNIX, (COLLECTION,))))
    genuine = announced(2, make_announcement(lifetime=60))
    siege.say(session, encode_message(m.Records(COLLECTION, (genuine,))))
    forged = flipped(announced(3, make_announcement(lifetime=60)), [(-1, 0)])
    with pytest.raises(BadSignatureError):
        siege.say(session, encode_message(m.Records(COLLECTION, (forged,))))


def test_a_node_that_spins_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    siege = Siege()
    monkeypatch.setattr(Node, "next_deadline", 0.0)
    with pytest.raises(AssertionError, match="without end"):
        siege.wait(1.0)
