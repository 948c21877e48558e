"""What keeps a daemon small: it runs for months beside others, often sixty of them on one machine.

**Measured** of an idle daemon with 3,000 shards (glibc, MB of resident memory): rich beside structlog
3.1, certificate authorities 0.8, a heap for each thread 0.5, what a joined collection left behind
in the heap 1.9.  pydantic would be 8.6 more: :mod:`mirrord.cli.quick` keeps it out.
"""

import ctypes
import importlib
import os
import sys
from typing import Final

import trio

_ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy starts a thread for every further core, and no matrix is multiplied here
    "SSL_CERT_FILE": os.devnull,  # libtorrent loads 150 authorities for trackers; we have none, and trust nobody
}
"""What libraries read when they are loaded.  No program is started that would inherit it."""

_M_ARENA_MAX: Final = -8
"""From glibc's malloc.h."""

_TRIM_EVERY_SECONDS: Final = 15.0
"""Soon after whatever was large; a trim takes 0.03 ms where there is nothing to give back."""


def prepare_process() -> None:
    """Settle what can only be settled before numpy, libtorrent and structlog are loaded, and before any thread."""
    os.environ.update(_ENVIRONMENT)
    _share_one_heap()
    _load_structlog_without_rich()


def _share_one_heap() -> None:
    """Let all threads allocate from one heap: in heaps of their own stays behind what each of them needed once."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _load_structlog_without_rich() -> None:
    """Load structlog, which loads rich and pygments wherever they are, for tracebacks that we do not ask for."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # as long as this stands, importing it fails
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


async def trim_heap_forever() -> None:
    """Give back to the system what is free in the heap, again and again, until cancelled.

    glibc keeps what is freed: **measured**, a daemon that has fetched 512 MiB stays at 150 MB until
    it is told to trim, and then falls to 80.
    """
    while True:
        await trio.sleep(_TRIM_EVERY_SECONDS)
        await trio.to_thread.run_sync(trim_heap)


def trim_heap() -> None:
    """Return what is free in the C library's heap; takes some milliseconds, and does nothing without glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
