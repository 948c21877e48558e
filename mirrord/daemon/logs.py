"""Structured logs to stderr: text on a terminal, one JSON object a line elsewhere.

No line ever carries a key, and what a stranger chose is shortened before it gets here.
"""

import json
import logging
import sys
from typing import Final

import structlog

from mirrord.config import LogFormat

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def start_logging(level: str, log_format: LogFormat) -> None:
    """Set up structlog for this process; call it once, before anything logs."""
    is_text = log_format is LogFormat.TEXT or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if is_text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _PatientLogger(),
        cache_logger_on_first_use=True,
    )


class _PatientLogger:
    """Prints lines to stderr; where they cannot be written, goes on without them.

    A log often lies on the disk that is full, or its reader has died.  A daemon that seeds must not die of that; so
    the lines are lost, but for the few kilobytes that the stream keeps, and the next that gets through says how many.
    """

    def __init__(self) -> None:
        self._lost = 0

    def msg(self, message: str) -> None:
        """Print a line."""
        try:
            if self._lost:
                sys.stderr.write(json.dumps({"event": "log lines were lost", "lines": self._lost}) + "\n")
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # ValueError: stderr is closed
            self._lost += 1
        else:
            self._lost = 0

    debug = info = warning = error = critical = exception = log = msg
