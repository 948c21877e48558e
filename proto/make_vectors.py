"""Writes the golden vectors: `python proto/make_vectors.py [FOLDER]`, by default proto/vectors.

Every run writes the same bytes.  What the files mean is said in README.md, "Vectors".
"""

import json
import sys
from pathlib import Path
from typing import Final

import acceptance_vectors
import admission_vectors
import manifest_vectors
import number_vectors
import record_vectors
import wire_vectors
from vector_parts import Case

_FILES: Final = {
    "identities": number_vectors.identities,
    "invitations": number_vectors.invitations,
    "envelopes": record_vectors.envelopes,
    "announcements": record_vectors.announcements,
    "manifest_heads": manifest_vectors.heads,
    "manifest_bodies": manifest_vectors.bodies,
    "holdings": record_vectors.holdings,
    "admissions": admission_vectors.admissions,
    "equivocations": admission_vectors.equivocations,
    "acceptance": acceptance_vectors.acceptance,
    "messages": wire_vectors.messages,
    "frames": wire_vectors.frames,
    "digests": number_vectors.digests,
    "placement": number_vectors.placement,
    "rendezvous": number_vectors.rendezvous,
}


def write(folder: Path) -> None:
    """Write every file of vectors into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in _FILES.items():
        cases: list[Case] = make()
        text = json.dumps({"vectors": cases}, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "vectors")
