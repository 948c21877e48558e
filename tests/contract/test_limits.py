"""Every bound says why it is what it is."""

import ast
import re
from pathlib import Path

LIMITS = Path(__file__).resolve().parents[2] / "mirrord" / "core" / "limits.py"
UNITS = ("BYTES", "SECONDS", "FRAMES", "RECORDS", "ENTRIES", "BITS", "PER_SECOND")
COUNTS = ("_MAX", "_MIN", "_BURST", "_RESERVE")
MULTIPLES = {"KIB", "MIB", "GIB"}
REASON_MIN_CHARACTERS = 20


def constants() -> list[tuple[str, str]]:
    """Return each constant with the docstring that follows it, or with an empty one."""
    body = ast.parse(LIMITS.read_text()).body
    found = []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            reason = ""
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                reason = str(following.value.value)
            found.append((node.target.id, reason))
    return found


def test_every_limit_has_a_reason() -> None:
    assert len(constants()) > 20
    bare = [name for name, reason in constants() if name not in MULTIPLES and len(reason) < REASON_MIN_CHARACTERS]
    assert not bare


def test_every_limit_names_its_unit_or_counts_something() -> None:
    names = [name for name, _ in constants() if name not in MULTIPLES]
    strange = [name for name in names if not name.endswith((*UNITS, *COUNTS))]
    assert not strange


def test_a_limit_is_used_or_it_is_not_a_limit() -> None:
    sources = [path for path in LIMITS.parents[1].rglob("*.py") if path != LIMITS]
    words = {word for path in sources for word in re.findall(r"[A-Z][A-Z0-9_]+", path.read_text())}
    unused = [name for name, _ in constants() if name not in MULTIPLES and name not in words]
    assert not unused
