"""Answers requests for the page.

What draws it is loaded for the first of them: many a daemon never shows one.
"""

import importlib
from collections.abc import Mapping
from typing import Final

import trio

from mirrord.http.messages import Request, Response
from mirrord.page.data import PageData, PageSource

_LAYOUT: Final = "mirrord.page.layout"

HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class StatusPage:
    """Takes a snapshot in the loop and renders it in a thread, one page at a time."""

    def __init__(self, source: PageSource, version: str) -> None:
        self._source = source
        self._version = version
        self._one_at_a_time = trio.CapacityLimiter(1)

    async def handle(self, request: Request) -> Response:
        """Answer a request for the page, whatever it asks beyond the path."""
        await trio.to_thread.run_sync(importlib.import_module, _LAYOUT)
        from mirrord.page.layout import render
        from mirrord.page.style import POLICY

        source = self._source
        data = PageData(source.statistics(), source.transfer(), tuple(source.happenings()), self._version)
        page = await trio.to_thread.run_sync(render, data, limiter=self._one_at_a_time)
        headers = {"content-security-policy": POLICY, **HEADERS}
        return Response(200, page, "text/html; charset=utf-8", headers)
