"""What lies in the repository makes sense on anybody's machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT_MAX_BYTES = 2_000_000
UNWANTED = {
    "a folder of the machine that it was written on": r"(?<![\w.])/(work|root)/\w",
    "the address of a package index": r"pypi\.org|pythonhosted|--(extra-)?index-url|--find-links",
    "a merge that was not finished": r"^(<<<<<<<|>>>>>>>) ",
    "a note to do something later": r"\b(FIXME|XXX|HACK)\b",
}
# This file has to name what it looks for.
EXEMPT = {Path(__file__).resolve()}


def files() -> list[Path]:
    """Return what git keeps, or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of its files")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_has_what_only_its_writer_needed(what: str) -> None:
    pattern = re.compile(UNWANTED[what], re.MULTILINE)
    found = []
    for path in files():
        if path.resolve() in EXEMPT or path.stat().st_size > TEXT_MAX_BYTES:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
            for match in pattern.finditer(text)
        ]
    assert not found


def test_git_keeps_nothing_that_is_made() -> None:
    made = re.compile(
        r"(^|/)(__pycache__|\.venv|build|dist|bench\.json|\.mypy_cache|node_modules|uv\.lock)(/|$)|\.pyc$"
    )
    assert not [name for path in files() if made.search(name := str(path.relative_to(ROOT)))]


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    broken = []
    for page in [path for path in files() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (page.parent / target.partition("#")[0]).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
