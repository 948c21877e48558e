"""Writes the Python code of the two schemas: `python proto/generate.py [FOLDER]`.

FOLDER is the root that the package `mirrord` lies in; without one, it is this checkout. A schema is given to the
compiler under the path of its generated module, so that its name in protobuf's process-wide registry is ours alone
and the code imports from the place where it lies.
"""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
MODULES = {"records.proto": "mirrord/core/records", "wire.proto": "mirrord/core/wire"}


def generate(out: Path) -> None:
    """Write `*_pb2.py` and `*_pb2.pyi` under `out`; raises CalledProcessError where a schema is wrong."""
    for schema, package in MODULES.items():
        (out / package).mkdir(parents=True, exist_ok=True)
        flags = [f"-I{package}=proto", f"--python_out={out}", f"--pyi_out={out}", f"{package}/{schema}"]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *flags], check=True, cwd=CHECKOUT)


if __name__ == "__main__":
    generate(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else CHECKOUT)
