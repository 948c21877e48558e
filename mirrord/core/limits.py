"""Every bound of the protocol and of memory, in one place.

A bound has a unit in its name, a reason, and a precedent where one exists.  Decoders check a bound
before they parse; queues and tables check it before they grow.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# --- frames and sessions -------------------------------------------------------------------------

FRAME_MAX_BYTES: Final = 1 * MIB
"""One message on the wire.  Holds the largest record batch or blob chunk with room to spare.
Precedent: devp2p and libp2p both cut at 1 to 16 MiB; the smallest that fits us is the safest."""

HANDSHAKE_TIMEOUT_SECONDS: Final = 10.0
"""TCP and TLS for who dials; the first byte, TLS, and again the first frame for who is dialled.  A slow-loris
client costs one socket for at most this long.  Precedent: Bitcoin gives 60 s; a round trip to the other
side of the world takes 0.3 s, and TLS 1.3 needs two."""

SESSION_IDLE_SECONDS: Final = 600.0
"""A session with no frame for this long is closed: ten gossip periods of the WAN profile."""

SEND_TIMEOUT_SECONDS: Final = 30.0
"""A frame that its receiver has not taken within this ends the session: the largest then moves at less than
35 kB a second, too slowly to take part."""

SESSION_QUEUE_MAX_FRAMES: Final = 256
"""Frames waiting for one slow peer; past it the session is closed, never the loop blocked.  The longest answer
has 33 frames, and a minute's urgent news some tens."""

SESSIONS_MAX: Final = 64
"""Open sessions of one node.  Anti-entropy needs one at a time; the rest is for being reachable.  Precedent:
Bitcoin keeps 125."""

HELLO_COLLECTIONS_MAX: Final = 64
"""Collections named in one Hello and joined by one node: an operator joins them by hand, and 64 keys are 2 KB."""

# --- records -------------------------------------------------------------------------------------

RECORD_BODY_MAX_BYTES: Final = 64 * KIB
"""One signed body.  A node with 100,000 shards needs a raw bitmap of 12.5 kB."""

ENVELOPE_MAX_BYTES: Final = RECORD_BODY_MAX_BYTES + 256
"""A body with its author, its signature and protobuf's own framing."""

BITMAPS_MAX_BYTES: Final = 64 * KIB
"""The bitmaps of one announcement together, inflated: five collections of 100,000 shards, or 64 of 4,000.
Without it 7 kB of deflated bitmaps take 1.7 MB of memory (measured), and 64 MiB of them 15 GB."""

PROOF_MAX_BYTES: Final = 2 * ENVELOPE_MAX_BYTES + 256
"""A proof of equivocation: two whole envelopes, and protobuf's own framing twice."""

ADMISSION_LIFETIME_MAX_SECONDS: Final = 5 * 366 * 86_400
"""The longest that an admission may hold: a curator's key that is lost must not admit for ever."""

VOUCHES_MAX: Final = 1_000
"""For how many nodes one voucher may vouch: a voucher's key that is stolen lets in no more than a tenth of the
10,000 nodes that a collection is planned for."""

BATCH_MAX_RECORDS: Final = 256
"""Records in one message: about 25 ms of signature checks on one core."""

BATCH_MAX_BYTES: Final = 256 * KIB
"""Bytes of envelopes in one message, a quarter of a frame, so that nothing urgent waits long behind it; one
record larger than this still travels alone."""

ANSWER_MAX_BYTES: Final = 8 * MIB
"""Envelopes sent in answer to one message: 8,192 of 1 KB, and half of what may wait for one peer."""

ROUND_MESSAGES_BURST: Final = 16
"""Messages of anti-entropy about one collection that are answered to one peer at once; as many more
come back each gossip period.  A round needs two; each costs up to 15 ms with 10,000 records."""

ROUND_TRIES_MAX: Final = 3
"""Rounds that a node opens in one period while none brings anything.  A fifth of the peers may be hostile, so three
in a row tell nothing less than once in a hundred times."""

RELAY_SESSIONS_MAX: Final = 6
"""Sessions to which an urgent record is passed on at once.  With all of them, about 35 where a node can be dialled, one
change costs every node 16 kB; with six it costs 6 kB and reaches half of 10,000 nodes as soon (simulated)."""

RELAYS_BURST: Final = 16
"""Urgent announcements of one author passed on at once, then one each publish gap.  The excess is kept
as the newest and travels by anti-entropy: nobody floods the network with one key."""

SESSION_RELAYS_BURST: Final = 512
"""Urgent records of one session passed on at once.  A peer with many keys of its own has each of them at its
first word, and every word goes to all our sessions; a curator who admits hundreds at once does too."""

SESSION_RELAYS_PER_SECOND: Final = 10
"""Urgent records of one session passed on after the burst: a network of 10,000 that loses a twentieth of its nodes
makes fewer, over all sessions.  The excess travels by anti-entropy."""

RECORDS_PER_COLLECTION_MAX: Final = 200_000
"""Announcements kept for one collection: twice the 100,000 nodes that are planned for."""

RECORDS_MAX_BYTES: Final = 256 * MIB
"""Records kept for all collections, each as its envelope and its bitmaps inflated: 100,000 nodes of 2.5 KB.
Without it RECORDS_PER_COLLECTION_MAX of the longest would be 25 GB."""

SEQUENCES_REMEMBERED_MAX: Final = 200_000
"""Records that are gone and whose last sequence is still known, so that no older one comes back; the
longest gone is forgotten first.  Without a bound, short-lived records under new keys fill the memory."""

ADDRESSES_MAX: Final = 8
"""Addresses of one kind in an announcement: dual stack, two ports, a VPN."""

CLAIMS_MAX: Final = 16
"""Claims of one node in one collection.  The planner makes at most four."""

RELEASES_MAX: Final = 16
"""Announced releases of one node in one collection; a node may make one a day."""

LABEL_MAX_BYTES: Final = 64
"""A self-declared label: operator, country, agent version.  Precedent: a label of the DNS has 63."""

FUTURE_SKEW_SECONDS: Final = 600
"""How far ahead of our clock an ``issued_at`` may be.  Precedent: Bitcoin allows two hours."""

CLOCK_SKEW_SECONDS: Final = 300
"""By how much our clock may be off, by what many peers say, before we hold our tongue: half of what the others
would take for the future."""

RECALL_SECONDS: Final = 60.0
"""How long a node that starts waits for a peer to tell it its own last record, before it speaks all the same."""

CLOCK_PEERS_MIN: Final = 5
"""Peers whose clocks must be known before ours is doubted.  Precedent: Bitcoin asks five."""

CLOCK_PEERS_MAX: Final = 64
"""Peers whose clocks are remembered, the newest; as many as there are sessions."""

LIFETIME_MAX_SECONDS: Final = 30 * 86_400
"""The longest lifetime that an announcement may give itself: twice the 15 days of the WAN profile, so that the
table forgets whoever is gone."""

# --- reconciliation ------------------------------------------------------------------------------

BUCKET_BITS_MAX: Final = 15
"""At most 32,768 buckets: 100,000 records at three each."""

BUCKET_TARGET_RECORDS: Final = 10
"""Records a bucket; balances the digest against the lists of the buckets that differ."""

LISTING_MAX_ENTRIES: Final = 8_192
"""(id, sequence) pairs in one message: about what ANSWER_MAX_BYTES can answer with records of 1 KB; the rest
waits for the next period."""

# --- manifests, torrents, blobs ------------------------------------------------------------------

SHARDS_MAX: Final = 100_000
"""Shards of one collection: the largest size in the design."""

MANIFEST_BODY_MAX_BYTES: Final = 32 * MIB
"""A manifest body, uncompressed: 100,000 shards of 300 B."""

TORRENT_MAX_BYTES: Final = 32 * MIB
"""One .torrent: 28,000 files and two hash trees come to about 4 MB, and a shard may be eight times as large."""

BLOB_MAX_BYTES: Final = 32 * MIB
"""Anything that is fetched by its SHA-256: the larger of the two above."""

BLOB_CHUNK_BYTES: Final = 256 * KIB
"""One chunk of a blob: a quarter of a frame, so that records are never stuck behind it."""

BLOB_FETCHES_MAX: Final = 4
"""Blobs that one node assembles in memory at a time: 128 MiB at the worst, 16 MB where .torrents are 4 MB."""

BLOB_SOURCES_MAX: Final = 4
"""Sessions from which one blob is fetched at once, a chunk each: one slow peer does not hold it up."""

BLOB_WAIT_SECONDS: Final = 15.0
"""A peer that does not answer a chunk request for this long is not asked for that blob again: it would send
at less than 17 kB a second."""

NAME_MAX_BYTES: Final = 128
"""The name of a collection or a shard, which becomes a folder's: half of PATH_COMPONENT_MAX_BYTES."""

TEXT_MAX_BYTES: Final = 1_024
"""A rights statement, a reason, a description: a paragraph, not a licence's whole text."""

PATH_COMPONENT_MAX_BYTES: Final = 240
"""A file's or folder's name.  NAME_MAX of Linux is 255, but libtorrent 2.1.1 cuts names at 240 (measured)."""

PATH_MAX_BYTES: Final = 3_072
"""A path inside a shard; PATH_MAX is 4,096 and the operator's folder needs its part."""

# --- peers ---------------------------------------------------------------------------------------

ADDRESS_BOOK_MAX: Final = 4_096
"""Addresses remembered for dialling: the 3,000 of 10,000 nodes that can be reached, and a third more."""

ADDRESSES_PER_NEIGHBOURHOOD_MAX: Final = 64
"""Addresses in the book of one /16 (IPv4) or /32 (IPv6) of the public internet: whoever rents thousands at one
hoster fills no more than this.  Precedent: Bitcoin's tables give a group of addresses 64 of 1,024 buckets."""

ADDRESSES_NOT_PUBLIC_MAX: Final = 1_024
"""Addresses in the book outside of the public internet: a quarter of it, as anybody may announce such for nothing."""

CONTACT_FAILURES_MAX: Final = 16
"""Dials in a row that a proved address may fail, over twelve hours, before hearsay may take its place: an outage
of our own line costs us no peer."""

HEARSAY_PORT_MIN: Final = 1_024
"""The lowest port that is dialled on a stranger's word: nobody aims this network at a mail server."""

DIALS_MAX: Final = 4
"""Dials under way at once: 24 a minute where all time out, which finds eight peers even if most are gone, and
is no port scan."""

REDIALS_BURST: Final = 8
"""Dials at once in the place of such as failed, while sessions are lacking; one more comes back each twelfth of a
gossip period.  Dead addresses, of which anybody can announce thousands, delay a new node by less."""

PROBES_MAX: Final = 2
"""Probes for others under way at once: half of our own dials, so that they never wait for strangers."""

PROBES_BURST: Final = 8
"""Probes made for all peers together at once; one more comes back each fifth of a gossip period: with 3,000
reachable nodes each of 10,000 could be probed every minute, and needs it every few hours."""

SESSION_PROBES_BURST: Final = 2
"""Probes made for one session at once: IPv4 or IPv6, and one again; one more comes back in PROBE_PERIODS_MIN."""

PROBE_PERIODS_MIN: Final = 15
"""Gossip periods between two probes of one address, while it is not known whether others reach it."""

PROBE_PERIODS_MAX: Final = 240
"""Gossip periods after which an address is probed again that others reach, or never do: four hours with WAN's."""

PROBE_ANSWER_SECONDS: Final = 30.0
"""How long one waits for the result of a probe: three times what its dial may take."""

VERIFIERS_MAX: Final = 16
"""Peers remembered, the newest, that reached one address of ours; and as many that did not."""

EVENT_QUEUE_MAX: Final = 1_024
"""Events waiting for the node; past it the shells wait, and with them their peers.  A session has one message
in it at a time, so that peers fill 64 places, and the engine has the rest."""

REASON_MAX_BYTES: Final = 256
"""The text of a goodbye: a sentence for the other's log."""

# --- net ---

SESSION_QUEUE_MAX_BYTES: Final = 16 * MIB
"""Bytes waiting for one slow peer: the answer to the longest request for records (8,192 of 1 KB), twice."""

QUEUES_MAX_BYTES: Final = 64 * MIB
"""Bytes waiting for all peers together, which four slow ones could fill; past it no session may hold more
than one frame's worth."""

KEEPALIVE_SECONDS: Final = 120.0
"""A session that carries nothing is probed by TCP after this long, so that a NAT on the way remembers it.
RFC 5382 asks NATs for two hours; those of mobile carriers were measured to forget after five minutes."""

FRAME_RECEIVE_SECONDS: Final = 60.0
"""A frame that has begun is whole within this: twice what its sender waits, or the peer is dribbling."""

GOODBYE_SECONDS: Final = 1.5
"""From the wish to close a session to its closed socket: flush, goodbye, and the peer's own close, so four
round trips to the other side of the world."""

NETWORK_STOP_SECONDS: Final = 2.0
"""From the stop of the network to its end, all goodbyes included; the service has 10 s in all."""

SESSION_STAY_SECONDS: Final = 20.0
"""A session that a peer opened is not ended for a newcomer's sake before this: by then it has learnt of others."""

SESSION_PARTING_SECONDS: Final = 2.0
"""One session at most is ended for a newcomer in this time.  So ten of the 48 places that others may take turn
over, and 38 stay with whoever had them.  Precedent: Bitcoin evicts a caller for a new one, never the long known."""

SESSIONS_DIALLED_RESERVE: Final = 16
"""Of SESSIONS_MAX, how many only we ourselves may open, twice what a node wants: strangers cannot cut us off by
calling.  Precedent: Bitcoin keeps 11 of 125 for itself."""

SESSIONS_PER_NETWORK_MAX: Final = 8
"""Sessions accepted from one /24 (IPv4) or /64 (IPv6) of the public internet, a sixth of all that are accepted:
more than a household needs, and one customer of a hoster keeps nobody out.  Precedent: gossipsub of libp2p scores
down peers that share an address."""

HANDSHAKES_MAX: Final = 64
"""Accepted connections that are not sessions yet, at 90 kB each (measured, sockets of both ends and
all); past it the oldest of the most crowded network makes room.  Precedent: Bitcoin evicts from the
most crowded network group."""

HANDSHAKES_PER_SECOND: Final = 50
"""TLS handshakes begun for strangers, at 1 ms each (measured): 5 % of a core."""

HANDSHAKES_BURST: Final = 100
"""Handshakes that may come at once after a quiet time: all places, and half as many again."""

NETWORK_HANDSHAKES_PER_SECOND: Final = 1
"""Connections accepted from one /24 or /64 of the public internet: its eight sessions could be opened anew every
eight seconds."""

NETWORK_HANDSHAKES_BURST: Final = 32
"""Connections that one such network may open at once after a quiet time: a school behind one address, after a
power cut."""

NETWORKS_TRACKED_MAX: Final = 4_096
"""Networks whose rate, and whose budget, is remembered, at 700 bytes for both; the one that was quiet longest is
forgotten first."""

ACCEPT_RETRY_SECONDS: Final = 0.1
"""The wait after accept() ran out of descriptors or memory.  Precedent: trio.serve_listeners."""

# --- discovery -----------------------------------------------------------------------------------

RENDEZVOUS_MIDNIGHT_SECONDS: Final = 3_600
"""This close to midnight (UTC) one looks under the neighbour day's rendezvous, too: six times the clock skew that
we allow, and four times the period between two looks."""

ADDRESSES_FOUND_BURST: Final = 256
"""Addresses taken from the DHT, or from the local network, at once: as many more come back with each time that we
look.  A reply of one DHT node has 100 at most, and a lookup asks about twenty."""

ADDRESSES_FOUND_MAX: Final = 1_024
"""Addresses in the book that only a rendezvous told us: a quarter of it, so that whoever floods a rendezvous,
which costs nothing, crowds out nobody who was announced or who answered."""

LOCAL_SEARCH_MAX_BYTES: Final = 1_400
"""One search in the local network.  Precedent: BEP 14, to stay below the MTU."""

LOCAL_SEARCH_SECONDS: Final = 60.0
"""Between two searches of ours for the same rendezvous.  Precedent: BEP 14, against storms in large networks."""

LOCAL_SEARCHES_PER_SECOND: Final = 16
"""Searches of others that are read; an office of 1,000 BitTorrent clients makes four a second."""

LOCAL_SEARCHES_BURST: Final = 128
"""Searches of others that are read at once after a quiet time."""

LOCAL_HEARD_MAX: Final = 1_024
"""Addresses of the local network whose last search is remembered; the one that was quiet longest goes first."""

LOCAL_COOKIE_MAX_BYTES: Final = 64
"""The mark by which a program knows its own search again; libtorrent's has 8."""

LOCAL_PLACES_MAX: Final = 32
"""Addresses of this machine from which the local network is searched: a host of containers may have hundreds."""

PORT_FILE_MAX_BYTES: Final = 64
"""The file in which a VPN program says which port it forwards: one number, perhaps with a line end."""

# --- budgets: what one peer may cost ---

PEER_RECEIVED_BURST_BYTES: Final = 64 * MIB
"""Bytes that one peer may send at once: the largest manifest body, 10,000 records of 1 KB, and twenty
megabytes of .torrents, so that an honest cold start never waits."""

PEER_RECEIVED_BYTES_PER_SECOND: Final = 256 * KIB
"""Bytes that one peer may send for ever.  The whole network of 100,000 nodes changes 30 kB a second,
which comes over eight sessions.  Precedent: go-ethereum's light servers keep such a buffer, recharged at
a fixed rate, for each client."""

PEER_SENT_BURST_BYTES: Final = 64 * MIB
"""Bytes of answers that one peer may have of us at once: 50 bytes ask for a chunk of 256 KiB.  As much as we would
take from it, and for the same reason."""

PEER_SENT_BYTES_PER_SECOND: Final = 256 * KIB
"""Bytes of answers that one peer may have of us for ever: 22 GB a day.  Precedent: Bitcoin's -maxuploadtarget."""

PEER_WORK_BURST_SECONDS: Final = 10.0
"""Processor time that the messages of one peer may take at once: 10,000 new records take one to three
(measured), so that an honest cold start never waits."""

PEER_WORK_SECONDS_PER_SECOND: Final = 0.01
"""Processor time that one peer may take for ever: 1 % of a core, or 48 % for the 48 sessions that strangers
may open.  Taking part in a network of 10,000 nodes costs a tenth of that for all peers together."""

FRAME_OVERHEAD_SECONDS: Final = 0.0001
"""Processor time that a frame is charged beside its decoding and handling: TLS, the queue and a turn of the
loop take 80 microseconds (measured), which a flood of tiny frames would else have for nothing."""

NETWORK_BUDGETS_MAX: Final = 4
"""What one /24 or /64 of the public internet may cost, in budgets of one peer: half the sessions that it may
have, so that fresh keys from one place add up to no more."""

BUDGET_WAIT_MAX_SECONDS: Final = 25.0
"""The longest wait before the next frame of a peer that is over its budget.  Less than
SEND_TIMEOUT_SECONDS, after which an honest peer would take us for dead."""

PEER_OVERSPENT_SECONDS: Final = 300.0
"""A peer that had to wait before each of its frames for so long is told OVERLOADED.  No honest one comes near:
who sends us the largest table has ANSWER_MAX_BYTES a gossip period for it, half of what its budget allows."""

PEERS_TRACKED_MAX: Final = 4_096
"""Keys whose budget is remembered, at 500 bytes each; the quietest is forgotten first, which at
HANDSHAKES_PER_SECOND takes more than a minute."""
