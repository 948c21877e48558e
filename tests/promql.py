"""Reading PromQL as the tests of dashboards need it: what an expression asks for, and how it treats daemons."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Expr, MatrixSelector, VectorSelector

VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}


def parse(expr: str) -> Expr:
    """Parse an expression of a dashboard, its durations filled in; raise ValueError where it is none."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return promql_parser.parse(expr)


def walk(expr: Expr) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """Yield every part of an expression with what encloses it, the outermost first."""

    def below(part: Expr, around: tuple[Expr, ...]) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
        yield part, around
        for child in children(part):
            yield from below(child, (*around, part))

    return below(expr, ())


def children(part: Expr) -> list[Expr]:
    """Return the parts that a part is made of."""
    if isinstance(part, BinaryExpr):
        return [part.lhs, part.rhs]
    if isinstance(part, MatrixSelector):
        return [part.vector_selector]
    found = [*getattr(part, "args", ())]
    inner = getattr(part, "expr", None)
    return found if inner is None else [*found, inner]


def selectors(expr: Expr) -> Iterator[tuple[VectorSelector, tuple[Expr, ...]]]:
    """Yield every selector of series, with what encloses it."""
    for part, around in walk(expr):
        if isinstance(part, VectorSelector):
            yield part, around


def functions(around: tuple[Expr, ...]) -> list[str]:
    """Return the functions that enclose a part, the outermost first."""
    return [part.func.name for part in around if hasattr(part, "func")]


def matchers(selector: VectorSelector) -> dict[str, tuple[str, str]]:
    """Return operator and value of every matcher of a selector."""
    text = str(selector)
    inside = text[text.index("{") + 1 : text.rindex("}")] if "{" in text else ""
    found = re.findall(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"', inside)
    return {label: (operator, value) for label, operator, value in found}


@dataclass(frozen=True, slots=True)
class Aggregation:
    """An aggregation: its operator, the labels that it keeps (None: ``without``), and what it aggregates."""

    operator: str
    by: frozenset[str] | None
    over: Expr


def aggregations(expr: Expr) -> Iterator[Aggregation]:
    """Yield every aggregation of an expression."""
    for part, _ in walk(expr):
        if isinstance(part, AggregateExpr):
            yield _aggregation(part)


def _aggregation(part: AggregateExpr) -> Aggregation:
    modifier = str(part.modifier or "by ()")
    labels = frozenset(re.findall(r"\w+", modifier.partition("(")[2]))
    return Aggregation(str(part.op), None if modifier.startswith("without") else labels, part.expr)


def keeps(label: str, expr: Expr) -> bool:
    """Return whether the result of an expression can have ``label``, given that every series has it."""
    if isinstance(expr, VectorSelector | MatrixSelector):
        return True
    if isinstance(expr, AggregateExpr):
        found = _aggregation(expr)
        if found.operator in ("topk", "bottomk"):
            return keeps(label, expr.expr)
        inside = keeps(label, expr.expr)
        return inside and (found.by is None or label in found.by)
    return any(keeps(label, child) for child in children(expr))
