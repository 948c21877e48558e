"""Every bound says why it is what it is."""

import ast
import re
from pathlib import Path

from mirrord.core import limits
from mirrord.core.gossip.reached import COUNTED
from mirrord.net.reached import NetLimit

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


def test_every_limit_is_a_positive_number() -> None:
    values = {name: getattr(limits, name) for name, _ in constants()}
    assert not {name: value for name, value in values.items() if not isinstance(value, int | float) or value <= 0}


def test_nothing_else_stands_among_the_limits() -> None:
    """A constant without an annotation, or a second one of the same name, would escape the other tests."""
    names = [name for name, _ in constants()]
    assert sorted(names) == sorted(name for name in vars(limits) if name.isupper())


def test_whatever_is_counted_when_it_bites_is_a_limit() -> None:
    names = {name for name, _ in constants()}
    assert not {limit.name for limit in NetLimit} - names
    assert not {limit.value for limit in NetLimit} - {name.lower() for name in names}
    assert not set(COUNTED) - names
    assert not set(COUNTED) & {limit.name for limit in NetLimit}


def test_the_core_counts_what_it_says_and_says_what_it_counts() -> None:
    core = [path for path in LIMITS.parent.rglob("*.py") if path.name != "reached.py"]
    counting = r'(?:limits_reached\[|_refused\(|TableFullError\()"([A-Z_]+)"'
    counted = {name for path in core for name in re.findall(counting, path.read_text())}
    assert counted == set(COUNTED)


def test_the_network_counts_every_limit_that_it_names() -> None:
    net = LIMITS.parents[1] / "net"
    named = {name for path in net.rglob("*.py") for name in re.findall(r"NetLimit\.([A-Z_]+)", path.read_text())}
    assert named == {limit.name for limit in NetLimit}


def test_a_limit_is_used_or_it_is_not_a_limit() -> None:
    sources = [path for path in LIMITS.parents[1].rglob("*.py") if path != LIMITS]
    words = {word for path in sources for word in re.findall(r"[A-Z][A-Z0-9_]+", path.read_text())}
    unused = [name for name, _ in constants() if name not in MULTIPLES and name not in words]
    assert not unused
