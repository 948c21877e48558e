"""The session state machine: no order of messages, opens, closes and times gets an exception out of a node."""

from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.session_machine import SETTINGS, SiegeMachine


def test_whatever_strangers_do_a_node_and_its_friend_go_on() -> None:
    run_state_machine_as_test(SiegeMachine, settings=SETTINGS)
