"""What is fuzzed: one decoder, or one machine of ours, that bytes of strangers reach."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from mirrord.core.errors import MirrordError

T = TypeVar("T")
Take = Callable[[bytes], bool]
Refusals = type[MirrordError] | tuple[type[MirrordError], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Both fuzzers feed ``take``: it says whether the bytes meant something, and whatever it raises is a finding.

    ``valid`` makes what honest programs write, ``junk`` what is likely to get far; ``vectors`` are the golden
    vectors that begin a corpus.  ``protobuf_at`` is where a message begins in an input, None where there is none.
    ``weight`` is the target's part of a run's inputs, the heavier the faster it is.
    """

    family: str
    name: str
    take: Take
    valid: st.SearchStrategy[bytes]
    junk: st.SearchStrategy[bytes] | None = None
    vectors: str = ""
    weight: int = 100
    input_max_bytes: int = 4096
    protobuf_at: int | None = None

    @property
    def label(self) -> str:
        """How the command line and the report call it."""
        return f"{self.family}/{self.name}"


def decoder(decode: Callable[[bytes], T], refusals: Refusals, encode: Callable[[T], bytes] | None = None) -> Take:
    """Return a ``take``: bytes are refused by an error of ours, or mean a value that can be said again."""

    def take(data: bytes) -> bool:
        try:
            value = decode(data)
        except refusals as refusal:
            assert refusal.message, "an error of ours says what is wrong"
            return False
        assert decode(encode(value) if encode else data) == value
        return True

    return take


def of_text(decode: Callable[[str], T]) -> Callable[[bytes], T]:
    """Return a decoder of bytes: of any text there is, as a command line or an environment has it."""
    return lambda data: decode(data.decode("utf-8", "surrogateescape"))


def encoded(texts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Return texts as bytes."""
    return texts.map(lambda text: text.encode("utf-8", "surrogateescape"))
