"""typer's commands without pydantic, for those whose options are plain text, paths and flags.

typer 0.29 loads pydantic to turn the text of an option into a ``str`` or a ``Path``: 60 ms of a
command's 150, and 8.6 MB of a daemon's memory (measured).  Here the parameters are told beforehand
how that is done.  Where another typer looks elsewhere for it, the commands work as before, and a
test says that they became slow.
"""

from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup


class _Plain:
    """Stands where typer keeps a parameter's conversion."""

    def __init__(self, kind: type[str] | type[Path] | type[bool]) -> None:
        self._kind = kind

    def coerce(self, value: str | bool | None, param: object, ctx: object) -> str | bool | Path | None:
        """Return the value as what it should be; None where the option was not given."""
        if isinstance(value, str):
            return self._kind(value)
        return value


def _make_plain(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        kind: Any = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
        has_text = getattr(parameter, "envvar", None) or not getattr(parameter, "is_flag", False)
        is_plain = kind in (str, Path) or (kind is bool and not has_text)
        if is_plain and parameter.nargs == 1 and not parameter.multiple:
            vars(parameter)["_runtime_param"] = _Plain(kind)
    return parameters


class QuickCommand(TyperCommand):
    """A command whose single options ask for nothing but the value itself.

    Not for a path with conditions (``exists=True``): they would not be looked at.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, the one for help too, each told how its value is made."""
        return _make_plain(super().get_params(ctx))


class QuickGroup(TyperGroup):
    """The same for what stands before a command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, the one for help too, each told how its value is made."""
        return _make_plain(super().get_params(ctx))
