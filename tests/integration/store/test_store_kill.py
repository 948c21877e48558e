"""SIGKILL at any moment: what was acknowledged is there, what was not is there whole or not at all."""

import hashlib
import random
import signal
import subprocess
import sys
from pathlib import Path

import trio
from store_effects import RECORDS_A_BATCH, batch

from mirrord.core.effects import PersistRecord
from mirrord.core.records.ids import Sha256
from mirrord.core.stored import Stored
from mirrord.store.blobs import Blobs, open_blobs
from mirrord.store.store import open_store

PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 60
KILLS = 20
SEED = 20261121


def run_and_kill(program: str, folder: Path, lines_before: int) -> list[str]:
    """Start a program, kill it once it printed so many lines, and return all that it had printed."""
    command = [sys.executable, str(PROGRAMS / program), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(lines_before)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    assert lines[0] == "opening\n"
    return [line.strip() for line in lines[1:] if line.endswith("\n")]


def load(folder: Path) -> Stored:
    async def main() -> Stored:
        with trio.fail_after(SECONDS):
            async with open_store(folder) as store:
                return store.stored

    return trio.run(main)


def check_prefix(stored: Stored, acknowledged: int) -> None:
    """Check that exactly the first n batches are there, none of them in part, and no acknowledged one missing."""
    present = stored.sequence
    assert present in (acknowledged, acknowledged + 1), "one batch may have been on its way, no more"
    assert len(stored.records) == present * RECORDS_A_BATCH + bool(present)
    assert [shard.verified_at for shard in stored.shards] == list(range(1, present + 1))
    records = {record.key: record for record in stored.records}
    for number in range(present):
        for effect in batch(number):
            if isinstance(effect, PersistRecord) and effect.key.subject != (10**9).to_bytes(32, "big"):
                assert records[effect.key].envelope == effect.envelope
    if present:
        last = next(r for r in batch(present - 1) if isinstance(r, PersistRecord) and len(r.envelope) == 20_000)
        assert records[last.key].envelope == last.envelope


def test_a_killed_daemon_keeps_all_that_it_was_promised_and_nothing_in_part(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    moments = [1, 1, 2, 3, *(chance.randint(1, 400) for _ in range(KILLS - 4))]  # 1: while it opens
    acknowledged = 0
    for lines_before in moments:
        lines = run_and_kill("persist_forever.py", tmp_path, lines_before)
        before = acknowledged
        acknowledged = int(lines[-1]) if lines else acknowledged
        assert acknowledged >= before
        stored = load(tmp_path)
        check_prefix(stored, acknowledged)
        acknowledged = stored.sequence
    assert acknowledged > 2000


def test_a_killed_daemon_leaves_no_torn_blob(tmp_path: Path) -> None:
    async def read_all(blobs: Blobs, names: frozenset[Sha256]) -> int:
        for sha256 in names:
            data = await blobs.read_blob(sha256)
            assert data is not None
            assert hashlib.sha256(data).digest() == sha256
        return len(names)

    chance = random.Random(SEED)
    acknowledged: set[str] = set()
    for _ in range(5):
        acknowledged |= set(run_and_kill("write_blobs_forever.py", tmp_path, chance.randint(2, 60)))
        blobs = open_blobs(tmp_path)
        names = blobs.held()
        assert acknowledged <= {sha256.hex() for sha256 in names}
        assert trio.run(read_all, blobs, names) >= len(acknowledged)
        assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
        assert list((tmp_path / "blobs" / "damaged").iterdir()) == []
