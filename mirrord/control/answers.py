"""JSON in, JSON out, and which status an error has."""

from typing import TypeVar

import msgspec

from mirrord.control.errors import UnknownCollectionError, UnknownShardError
from mirrord.control.shapes import ErrorShape, Failure, Shape
from mirrord.control.wishes import Wish
from mirrord.core.errors import CollectionError, ConfigError, DeniedError, MirrordError, ShellError, UsageError
from mirrord.http.messages import Response

JSON = "application/json"

_Wish = TypeVar("_Wish", bound=Wish)

_STATUS_OF_ERROR: tuple[tuple[type[MirrordError], int], ...] = (
    (DeniedError, 403),
    (UnknownCollectionError, 404),
    (UnknownShardError, 404),
    (UsageError, 400),
    (CollectionError, 422),
    (ConfigError, 409),
    (ShellError, 503),
)


def answer(shape: Shape, status: int = 200) -> Response:
    """Return a shape as JSON, one line; costs 0.2 s for 100,000 shards, so run it in a thread."""
    return Response(status, msgspec.json.encode(shape) + b"\n", JSON)


def failure(error: MirrordError) -> Response:
    """Return an error that the daemon expected; whose fault it is decides the status."""
    status = next((status for kind, status in _STATUS_OF_ERROR if isinstance(error, kind)), 500)
    return _failure(status, error.code, error.message, error.hint)


def refuse_in_json(status: int, detail: str) -> Response:
    """Return a refusal of the HTTP server itself in the same shape."""
    code = "internal" if status == 500 else "unavailable" if status == 503 else "bad_request"
    return _failure(status, code, detail, "see the daemon's log" if status == 500 else "")


def not_found(path: str) -> Response:
    """Return the answer for a path that nobody serves."""
    return _failure(404, "not_found", f"there is no {path[:80]!r}", "this daemon speaks version 1: /v1/status")


def wrong_method(allowed: str) -> Response:
    """Return the answer for a path that is served by another method."""
    refusal = _failure(405, "wrong_method", f"only {allowed} works here", "")
    return Response(refusal.status, refusal.body, refusal.content_type, {"allow": allowed})


def parse_wish(body: bytes, kind: type[_Wish]) -> _Wish:
    """Parse the body of a POST, or raise :class:`UsageError`; an empty body is an empty object."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second, where a text in it is no UTF-8
        raise UsageError(f"the request does not fit: {error}", "is the command line older or newer?") from None


def _failure(status: int, code: str, message: str, hint: str) -> Response:
    return answer(Failure(error=ErrorShape(code=code, message=message, hint=hint)), status)
