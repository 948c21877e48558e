"""Write the dashboards: ``python -m deploy.grafana.generate`` in the root of a checkout.

The JSON is committed, so whoever runs Grafana needs none of this.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import collection, network, node
from deploy.grafana.layout import assemble

FOLDER: Final = Path(__file__).parent / "dashboards"


def dashboards() -> Mapping[str, str]:
    """Return the file name and the text of every dashboard."""
    return {
        f"{page.name}.json": json.dumps(assemble(page), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for page in (collection.page(), node.page(), network.page())
    }


def main() -> None:
    """Write every dashboard that is not as it should be."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in dashboards().items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n")


if __name__ == "__main__":
    main()
