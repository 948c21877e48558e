"""``mirrord`` with the budget of a peer cut down to what a test can use up in a second."""

import sys

from mirrord.core import limits

THRIFT = {
    "PEER_WORK_BURST_SECONDS": 0.1,
    "PEER_WORK_SECONDS_PER_SECOND": 0.01,
    "PEER_RECEIVED_BURST_BYTES": 8 * limits.MIB,
    "PEER_RECEIVED_BYTES_PER_SECOND": limits.MIB,
    "PEER_SENT_BURST_BYTES": limits.MIB // 4,
    "PEER_SENT_BYTES_PER_SECOND": limits.MIB // 4,
}

if __name__ == "__main__":
    for name, value in THRIFT.items():
        assert hasattr(limits, name)
        setattr(limits, name, value)

    from mirrord.cli.main import main  # not before the limits are what they are to be

    sys.exit(main(sys.argv[1:]))
