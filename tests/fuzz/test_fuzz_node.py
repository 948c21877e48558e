"""A whole node under fire: whatever peers say in whatever order, it raises nothing and keeps its bounds."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.records.ids import NodeId, SessionId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Grant, Policy
from mirrord.core.timing import DEMO
from mirrord.core.wire import messages as m
from mirrord.core.wire.encoding import decode_message, encode_message
from tests.fuzz.hostile import BLOBS, messages
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION, CURATOR, UNIX, admitted, node_id, policy_of, signing_key
from tests.unit.core.scripted import MB, OWN, ScriptedNode

SESSIONS = st.integers(1, 4).map(SessionId)
WORDS = [
    *(policy_of(policy, UNIX + n) for n, policy in enumerate((Policy.LISTED, Policy.VOUCHED, Policy.OPEN))),
    *(
        admitted(author, node_id(node), grant, sequence=UNIX + n, issued_at=UNIX + n)
        for author in (CURATOR, signing_key(1))
        for node in (OWN, 1, 2)
        for n, grant in enumerate((Grant.MEMBER, Grant.REVOKED, Grant.VOUCHER, Grant.CURATOR))
    ),
]
"""Of a curator, and of a node that may become one, or a voucher."""


class Serve:
    """The peers answer every request for a blob that is open, as they should."""


@st.composite
def happenings(draw: st.DrawFn) -> ev.Event | float | Serve:
    """Return what a shell may report, seconds that pass, or peers that answer."""
    session = draw(SESSIONS)
    key = ShardKey(COLLECTION, ShardIndex(draw(st.integers(0, 4))))
    chosen: ev.Event | float | Serve = draw(
        st.one_of(
            st.floats(0.01, 15.0),
            st.just(Serve()),
            messages().map(lambda message: ev.MessageReceived(session, message)),
            messages().map(lambda message: ev.MessageReceived(session, message)),
            st.sampled_from(WORDS).map(lambda word: ev.MessageReceived(session, m.Records(COLLECTION, (word,)))),
            st.just(ev.SessionOpened(session, NodeId(node_id(session)), None)),
            st.just(ev.SessionClosed(session, "")),
            st.sampled_from(
                [
                    ev.HoldingVerified(key),
                    ev.HoldingFailed(key, 1),
                    ev.FetchFailed(key, "no"),
                    ev.FetchProgressed(key, 3, 4),
                    ev.ShardRemoved(key),
                    ev.AdoptionRequested(key),
                    ev.VerificationRequested(key),
                    ev.DiskFilled("full"),
                    ev.DiskMeasured(50 * MB),
                    ev.CollectionLeft(COLLECTION, delete_files=True),
                    ev.CollectionLeft(COLLECTION, draw(st.booleans()), UNIX + draw(st.integers(0, 200))),
                    ev.PledgeChanged(0),
                    ev.CollectionJoined(COLLECTION, ()),
                    ev.PledgeChanged(20 * MB),
                ]
            ),
        )
    )
    return chosen


def answers(effects: list[ef.Effect]) -> list[ev.Event]:
    """Return the chunks that peers who have every blob send."""
    return [
        ev.MessageReceived(effect.session, m.BlobChunk(asked.sha256, 0, BLOBS[asked.sha256]))
        for effect in effects
        if isinstance(effect, ef.SendMessage)
        and isinstance(asked := effect.message, m.BlobRequest)
        and asked.sha256 in BLOBS
    ]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(happenings(), max_size=40), st.booleans())
def test_whatever_peers_and_shells_report_a_node_goes_on(script: list[ev.Event | float | Serve], begun: bool) -> None:
    scripted = ScriptedNode(20 * MB, DEMO).join()
    for number in (1, 2):
        scripted.meet(number)
    if begun:
        scripted.import_manifest(make_body(3))
        scripted.adopt(0, 1)
    unanswered: list[ev.Event] = []
    for step in script:
        effects: list[ef.Effect] = []
        match step:
            case Serve():
                for answer in unanswered:
                    effects += scripted.tell(answer)
                unanswered = []
            case float():
                effects = scripted.wait(step)
            case _:
                effects = scripted.tell(step)
        unanswered += answers(effects)
        look(scripted, effects)
    again = scripted.restart()
    assert not [e for e in again if isinstance(e, ef.SeedShard) and e.shard not in scripted.memory.shards]


def look(scripted: ScriptedNode, effects: list[ef.Effect]) -> None:
    """Check what must hold after every event."""
    for effect in effects:
        if isinstance(effect, ef.SendMessage):
            assert decode_message(encode_message(effect.message)) == effect.message, "what we send, a peer takes"
        if isinstance(effect, ef.RemoveShard) and effect.delete_files:
            shard, membership = (
                scripted.node.state.custody.get(effect.shard),
                scripted.node.state.memberships[COLLECTION],
            )
            may_go = membership.parting or membership.released_at == scripted.now.monotonic_seconds
            assert shard is None or not shard.verified_at or may_go
    assert len(scripted.node.state.gossip.sessions) <= 6
    assert scripted.used_bytes() <= 20 * MB
    statistics = scripted.node.statistics(scripted.now)
    assert all(len(collection.shards) in (0, 1, 3, 5) for collection in statistics.collections)
