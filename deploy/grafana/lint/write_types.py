"""Write the dashboards as TypeScript that claims to be what Grafana's types want: ``python write_types.py FOLDER``.

``tsc`` then finds what is misspelt, misplaced or of the wrong type.  The types of @grafana/schema are too strict in
one way: they want enum members where JSON has their strings, so ``Json`` turns every enum into its values.  They are
too loose in another: a panel's options may be anything, so each is compared with the options of its own kind, all of
which may be left out, as Grafana fills in the defaults.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

DASHBOARDS: Final = Path(__file__).resolve().parents[1] / "dashboards"
KINDS: Final = {
    "stat": ("stat", "StatPanelCfg", False),
    "bargauge": ("bargauge", "BarGaugePanelCfg", False),
    "table": ("table", "TablePanelCfg", True),
    "timeseries": ("timeseries", "TimeSeriesPanelCfg", True),
    "state-timeline": ("statetimeline", "StateTimelinePanelCfg", True),
}
"""The folder and the file of a kind of panel, and whether its fields have settings of their own."""

HEAD: Final = """\
import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';

type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Json<U>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Options<T> = { [K in keyof T]?: T[K] extends object ? Partial<Json<T[K]>> : Json<T[K]> };
"""


def typescript(board: Mapping[str, Any]) -> str:
    """Return a dashboard as TypeScript, each part apart, so that an error names the panel."""
    return "\n".join([HEAD, *_imports(board), *_claims(board)]) + "\n"


def _imports(board: Mapping[str, Any]) -> Iterator[str]:
    for kind in sorted({panel["type"] for panel in board["panels"]} - {"row"}):
        folder, file, _ = KINDS[kind]
        place = f"@grafana/schema/dist/esm/raw/composable/{folder}/panelcfg/x/{file}_types.gen.d.ts"
        yield f"import type * as {_name(kind)} from '{place}';"


def _claims(board: Mapping[str, Any]) -> Iterator[str]:
    whole = {**board, "panels": [], "templating": {"list": []}}
    yield _claim(board["title"], whole, "Json<Dashboard>")
    for variable in board["templating"]["list"]:
        yield _claim(variable["name"], variable, "Json<VariableModel>")
    for panel in board["panels"]:
        kind, title = panel["type"], panel["title"]
        yield _claim(title, panel, "Json<RowPanel>" if kind == "row" else "Json<Panel>")
        if kind != "row":
            yield _claim(f"{title}: options", panel.get("options", {}), f"Options<{_name(kind)}.Options>")
            if KINDS[kind][2]:
                custom = panel["fieldConfig"]["defaults"].get("custom", {})
                yield _claim(f"{title}: fields", custom, f"Options<{_name(kind)}.FieldConfig>")


def _claim(title: str, value: object, type_name: str) -> str:
    return f"// {title}\n({json.dumps(value, indent=1)}) satisfies {type_name};"


def _name(kind: str) -> str:
    return re.sub(r"\W", "_", kind)


def main() -> None:
    """Write a file for each dashboard."""
    folder = Path(sys.argv[1])
    for path in sorted(DASHBOARDS.glob("*.json")):
        (folder / f"{path.stem}.ts").write_text(typescript(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
