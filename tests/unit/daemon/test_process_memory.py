"""What is settled before the libraries are loaded; each in a process of its own, since it cannot be settled twice."""

import subprocess
import sys
import textwrap

from tests.command_line import ROOT


def said_by(program: str) -> list[str]:
    """Return the lines that a program prints which has prepared itself as a daemon does."""
    prepared = "from mirrord.daemon.memory import prepare_process\nprepare_process()\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", prepared], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_numpy_starts_no_threads() -> None:
    assert said_by("""
        import numpy, os
        print(len(os.listdir("/proc/self/task")))
    """) == ["1"]


def test_all_threads_allocate_from_one_heap() -> None:
    lines = said_by("""
        import ctypes, threading
        thread = threading.Thread(target=bytearray, args=(10_000,))
        thread.start()
        thread.join()
        libc = ctypes.CDLL(None)
        libc.fdopen.restype = ctypes.c_void_p
        out = ctypes.c_void_p(libc.fdopen(1, b"w"))
        libc.malloc_info(0, out)
        libc.fflush(out)
    """)
    assert sum(line.startswith("<heap nr=") for line in lines) == 1


def test_structlog_comes_without_rich_and_rich_can_still_be_had() -> None:
    assert said_by("""
        import sys
        print("structlog" in sys.modules, "rich" in sys.modules, "pygments" in sys.modules)
        import rich
        print(rich.__name__)
    """) == ["True False False", "rich"]


def test_an_error_is_logged_as_text_without_rich() -> None:
    lines = said_by("""
        import sys
        sys.stderr = sys.stdout
        from mirrord.config import LogFormat
        from mirrord.daemon.logs import start_logging
        start_logging("info", LogFormat.TEXT)
        import structlog
        try:
            raise ValueError("told")
        except ValueError:
            structlog.get_logger().exception("seen")
    """)
    assert "seen" in lines[0]
    assert lines[-1] == "ValueError: told"


def test_a_trim_gives_back_what_is_free_between_what_is_not() -> None:
    freed_mb, trimmed_mb = map(float, said_by("""
        from mirrord.daemon.memory import trim_heap
        from tests.bench.processes import resident_mb
        kept, dropped = [], []
        for _ in range(2_000):
            dropped.append(bytearray(16_384))
            kept.append(bytearray(600))
        del dropped
        print(resident_mb("self"))
        trim_heap()
        print(resident_mb("self"))
    """))  # fmt: skip
    assert freed_mb - trimmed_mb > 20
