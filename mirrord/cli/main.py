"""From a command line to an exit code: every way in which a command can end, and what is said then.

0 fine, 1 error, 2 usage, 3 degraded, 4 daemon unreachable, 5 denied, 78 bad configuration, 130
interrupted.  Under ``--json`` an error is an object with a stable code.  A person never sees a
traceback unless they ask for it with ``mirrord --debug``.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import typer

from mirrord.cli.app import build_app, words_to_complete
from mirrord.cli.text import printable
from mirrord.core.errors import MirrordError, ShellError, UsageError

INTERRUPTED: Final = 130
_ERROR: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is still a name
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _reader_has_left()
    except BaseException as error:
        return _report(error, given)


def _run(given: list[str]) -> int:
    command = typer.main.get_command(build_app([*given, *words_to_complete()]))
    # Not "standalone": typer would print errors in its own way, and know nothing of ours.
    result = command.main(args=given, prog_name="mirrord", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _reader_has_left() -> int:
    """Let the interpreter flush into nothing at its end, so that it has nothing to complain of."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
    return _ERROR


def _report(error: BaseException, given: Sequence[str]) -> int:
    leaves = list(_leaves(error))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        return INTERRUPTED
    for leaf in leaves:
        if isinstance(leaf, SystemExit):
            return leaf.code if isinstance(leaf.code, int) else _ERROR
    as_json = "--json" in given
    is_debugging = "--debug" in given or bool(os.environ.get("MIRRORD_DEBUG"))
    if is_debugging:
        import traceback

        traceback.print_exception(error)
    expected = [leaf for leaf in leaves if isinstance(leaf, MirrordError)]
    explained = expected[0] if len(expected) == len(leaves) else _explain(leaves, error, is_debugging)
    _say(explained, as_json)
    return explained.exit_code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _explain(leaves: Sequence[BaseException], error: BaseException, is_debugging: bool) -> MirrordError:
    unexpected = next(leaf for leaf in leaves if not isinstance(leaf, MirrordError))
    if isinstance(unexpected, typer.TyperException):
        context = getattr(unexpected, "ctx", None)
        path = context.command_path if context is not None else "mirrord"
        return UsageError(unexpected.format_message(), f"try `{path} --help`")
    if isinstance(unexpected, typer.Abort):
        return MirrordError("aborted")
    if isinstance(unexpected, OSError) and unexpected.strerror:
        where = f"{unexpected.filename}: " if unexpected.filename is not None else ""
        return ShellError(f"{where}{unexpected.strerror}", "" if is_debugging else "`mirrord --debug ...` shows where")
    return _bug(unexpected, error, is_debugging)


class _BugError(MirrordError):
    code = "internal"


def _bug(unexpected: BaseException, error: BaseException, is_debugging: bool) -> MirrordError:
    message = f"this is a bug in mirrord: {type(unexpected).__name__}: {unexpected}"
    return _BugError(message, "please report it" if is_debugging else _write_down(error))


def _write_down(error: BaseException) -> str:
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile("w", prefix="mirrord-bug-", suffix=".txt", delete=False) as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return "please report it with what `mirrord --debug ...` shows"
    return f"please report it with the details, which are in {file.name}"


def _say(error: MirrordError, as_json: bool) -> None:
    if as_json:
        import json

        text = json.dumps({"schema": 1, "error": {"code": error.code, "message": error.message, "hint": error.hint}})
    else:
        text = f"error: {printable(error.message)}" + (f"\nhint: {printable(error.hint)}" if error.hint else "")
    sys.stderr.write(f"{text}\n")
