"""A catalogue of the Python standard library, for the demo: real files that are always there.

The popularity of a file is how many other files of the library import it, counted with ``ast``: a
real long tail.  The tests are carried, but their imports do not count: they would only say that
everything is tested, and take three times as long to read.
"""

import ast
import os
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mirrord.collections.catalogue import CatalogueRow
from mirrord.collections.paths import fault_of_path
from mirrord.core.errors import CollectionError

PYTHON_RIGHTS: Final = "PSF-2.0: Python Software Foundation License Version 2, https://docs.python.org/3/license.html"
LICENCE_FILE: Final = "LICENSE.txt"
_NOT_OURS: Final = frozenset({"site-packages", "dist-packages", "__pycache__", "lib-dynload"})
_TESTS: Final = frozenset({"test", "tests", "idle_test"})
_PACKAGE: Final = "__init__"


def python_library_catalogue(folder: Path) -> tuple[CatalogueRow, ...]:
    """Return a row for every Python file below ``folder``, ascending by path, and for its licence.

    ``folder`` is what ``sysconfig.get_path("stdlib")`` says.  Files that others installed into it,
    links, and names that cannot be carried are left out.  A file that does not parse imports nothing.
    """
    paths = sorted(_python_files(folder))
    if not paths:
        raise CollectionError(f"{folder} holds no Python files", "give the folder of a standard library")
    path_of_module = {_module_of(path): path for path in paths}
    popularity: Counter[str] = Counter()
    for path in paths:
        if _TESTS.isdisjoint(path.split("/")):
            imported = {path_of_module[name] for name in _imports_of(folder, path) if name in path_of_module}
            popularity.update(imported - {path})
    rows = [CatalogueRow(path, popularity[path], title=_module_of(path), rights=PYTHON_RIGHTS) for path in paths]
    licence = folder / LICENCE_FILE
    if licence.is_file() and not licence.is_symlink():
        rows.append(CatalogueRow(LICENCE_FILE, 0, title="The licence of Python", rights=PYTHON_RIGHTS))
    return tuple(sorted(rows, key=lambda row: row.path))


def _python_files(folder: Path) -> Iterator[str]:
    for where, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in _NOT_OURS]
        prefix = Path(where).relative_to(folder).as_posix() + "/"
        for name in names:
            path = (prefix + name).removeprefix("./")
            if name.endswith(".py") and not fault_of_path(path) and not Path(where, name).is_symlink():
                yield path


def _module_of(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == _PACKAGE and len(parts) > 1 else parts)


def _imports_of(folder: Path, path: str) -> set[str]:
    """Return the names of the modules that a file may load, parents included, known or not."""
    try:
        source = (folder / path).read_bytes()
    except OSError:
        return set()  # not readable here: it is then refused by the build, with its name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old code in the library warns of its own escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    package = _module_of(path).split(".")
    if not path.endswith(f"/{_PACKAGE}.py"):
        package.pop()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names | {parent for name in names for parent in _parents(name)}


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
