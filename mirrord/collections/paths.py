"""Judges file names: a path is carried verbatim, byte for byte, or refused with a reason.

The measure is what libtorrent 2.1.1 does to names when it loads a .torrent (measured over all of
Unicode): it cuts components at 240 bytes, drops or replaces certain characters, renames files that
differ in ASCII case alone, and refuses a file that lies deeper than 100 folders.  Each of these would
give two volunteers two different trees, so none of them may reach a torrent.  Pure.
"""

import re
import unicodedata
from typing import Final

from mirrord.core import limits

COMPONENT_MAX_BYTES: Final = limits.PATH_COMPONENT_MAX_BYTES
"""libtorrent cuts what is longer, so a file system's own 255 cannot be used up."""

DEPTH_MAX: Final = 64
"""Components of a path.  A v2 file tree nests one dictionary a folder, and decoders stop at 100."""

RESERVED_TOP: Final = ".pad"
"""The folder that padding files of a hybrid torrent pretend to live in."""

_ALTERED: Final = re.compile("[\x00-\x1f\\\\\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SHOWN_CHARACTERS: Final = 200


def shown(path: str) -> str:
    """Return ``path`` quoted for people: what cannot be printed is escaped, and it is not endless."""
    return repr(path if len(path) <= _SHOWN_CHARACTERS else path[:_SHOWN_CHARACTERS] + "...")


def fault_of_path(path: str) -> str:
    """Return why ``path`` (relative, ``/`` between components) cannot be carried, or an empty string.

    Bytes that are not UTF-8 are expected as lone surrogates, the way ``os.fsdecode`` shows them.
    """
    altered = _ALTERED.search(path)
    if altered is not None:
        return _fault_of_character(altered.group())
    try:
        length = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if length > limits.PATH_MAX_BYTES:
        return f"the path has {length} bytes and may have {limits.PATH_MAX_BYTES}"
    if path.startswith("/"):
        return "the path is absolute"
    components = path.split("/")
    if len(components) > DEPTH_MAX:
        return f"the path is {len(components)} folders deep and may be {DEPTH_MAX}"
    if components[0] == RESERVED_TOP:
        return f"{RESERVED_TOP!r} is reserved for the padding inside torrents"
    for component in components:
        fault = _fault_of_component(component)
        if fault:
            return fault
    return ""


def _fault_of_component(component: str) -> str:
    if component in ("", "."):
        return "the path has an empty component" if not component else "the path has a component '.'"
    if component == "..":
        return "the path climbs out of the folder with '..'"
    if len(component) * 4 <= COMPONENT_MAX_BYTES:
        return ""
    length = len(component.encode("utf-8"))
    if length > COMPONENT_MAX_BYTES:
        return f"a name in the path has {length} bytes, and BitTorrent clients cut names at {COMPONENT_MAX_BYTES}"
    return ""


def _fault_of_character(character: str) -> str:
    if character == "\\":
        return "the name has a backslash, which BitTorrent clients drop"
    point = f"U+{ord(character):04X}"
    if unicodedata.category(character) == "Cc":
        return f"the name has the control character {point}"
    name = unicodedata.name(character)
    return f"the name has the invisible character {point} ({name}), which BitTorrent clients drop"


def fold(name: str) -> str:
    """Return the form under which a case-insensitive or normalising file system would look up ``name``."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


class ClashCheck:
    """Finds names that some file systems take for one: ``README`` and ``readme``, NFC and NFD.

    Feed it the paths of one tree in byte order: then everything below a folder comes in one
    run, and only the names in the folders on the way to the current path are kept.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._names: list[dict[str, str]] = [{}]

    def clash_of(self, path: str) -> str:
        """Take in ``path``; return the earlier path that it cannot live beside, or an empty string."""
        components = path.split("/")
        depth = 0
        for folder, component in zip(self._folders, components, strict=False):
            if folder != component or depth == len(components) - 1:
                break
            depth += 1
        del self._folders[depth:]
        del self._names[depth + 1 :]
        for level in range(depth, len(components)):
            component = components[level]
            earlier = self._names[level].setdefault(fold(component), component)
            if earlier != component:
                return "/".join([*components[:level], earlier])
            if level < len(components) - 1:
                self._folders.append(component)
                self._names.append({})
        return ""
