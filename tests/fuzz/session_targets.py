from typing import Final

TARGETS: Final = ()
