"""A description on paper: its equations in LaTeX, and a diagram of goods and money."""

import ast
import functools
import inspect
import textwrap

import numpy as np

from marketsai_lite.constructor import sides, validate
from marketsai_lite.constructor.equations import Equation, ordered
from marketsai_lite.constructor.flows import derived, written
from marketsai_lite.constructor.trade import markets
from marketsai_lite.constructor.words import Description, types

GREEK = dict(zip("αβγδεζηθικλμνξπρστφχψω", (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "phi chi psi omega"
).split(), strict=True))  # fmt: skip
OPERATORS = {ast.Add: "+", ast.Sub: "-"}
FUNCTIONS = {"log": r"\log", "exp": r"\exp", "total": r"\sum", "mean": r"\operatorname{mean}"}
BLUE, RED, GREY = "#0072B2", "#D55E00", "#777777"


def table(description: Description) -> str:
    """Write the equations, in the order in which they are computed, as a table in Markdown.

    Its first line names the numeraire.

    Parameters
    ----------
    description : Description

    Returns
    -------
    str
    """
    d = description
    lines = [f"Everything is paid in **{d.numeraire}**.", "", "| finds | from |", "|---|---|"]
    by_market = {f"{m.good}_price": m for m in d.markets}
    for eq in ordered(written(d) + derived(d) + markets(d)):
        if isinstance(eq.name, str):
            lines.append(f"| ${symbol(eq.name)}$ | ${latex(eq)}$ |")
            continue
        market = by_market[eq.finds[0]]
        rule = market.mechanism.__name__.replace("_", " ")
        needs = ", ".join(f"${symbol(n)}$" for n in eq.needs)
        lines.append(
            f"| ${symbol(eq.finds[0])}$ and what changes hands | {rule} of {needs or 'nothing'} |"
        )
    return "\n".join(lines)


def latex(eq: Equation) -> str:
    """Return the right-hand side of an equation, from its own text where it has one."""
    names = [symbol(n) for n in eq.needs]
    if eq.tex:
        return eq.tex.format(*names)
    returned = _returned(eq.function)
    inside = r",\, ".join(names)
    return rf"{symbol(eq.function.__name__.strip('_'))}({inside})" if returned is None else (
        _written(returned))  # fmt: skip


def rules() -> list[tuple[str, str]]:
    """Read the rules that a description must keep from the sources of `validate` and `sides`.

    Returns
    -------
    list of (what, cure)
        What is judged, and what it must be, in the words of the errors; "…" stands for a name or
        a number, and a word in italics for what is judged in several places.
    """
    found: list[tuple[str, str]] = []
    source = inspect.getsource(validate) + inspect.getsource(sides)
    for function in ast.parse(source).body:
        known: dict[str, str] = {}
        nodes = [n for n in ast.walk(function) if isinstance(n, ast.expr | ast.stmt)]
        for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    known[name] = _said(value, known)
                case ast.Call(func=ast.Name(id="hold"), args=[where, _, _, cure]):
                    found.append((_said(where, known), _said(cure, known)))
    return found


def _said(node, known):
    """Text that an expression makes, as far as it can be read."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name, f"*{name}*")
        case ast.FormattedValue(value=ast.Name(id=name)) if name in known:
            return known[name]
        case ast.JoinedStr(values=values):
            return "".join(_said(v, known) for v in values)
    return "…"


@functools.cache
def symbol(name: str) -> str:
    """Return a variable's name as it stands in a formula: one letter, with words below it."""
    head, *rest = name.split("_")
    head = rf"\{GREEK[head]}" if head in GREEK else head
    if len(head) > 1 and not head.startswith("\\"):
        letters, digits = head.rstrip("0123456789"), head[len(head.rstrip("0123456789")) :]
        head = rf"\text{{{letters}}}" if len(letters) > 1 else letters
        rest = [digits, *rest] if digits else rest
    prime = "'" if rest and rest[-1] == "next" else ""
    rest = rest[:-1] if prime else rest
    below = rf"_{{\text{{{' '.join(rest)}}}}}" if rest else ""
    return f"{head}{prime}{below}" if prime else f"{head}{below}"


def _returned(function):
    """What a function of one line returns, as a syntax tree; None where it has more."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    body = [n for n in getattr(tree.body[0], "body", []) if not isinstance(n, ast.Expr)]
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


def _written(node, level=0):
    """A formula in LaTeX; `level` is how tightly what stands around it binds."""
    match node:
        case ast.Name(id=name):
            return symbol(name)
        case ast.Constant(value=value):
            return f"{value:g}" if isinstance(value, int | float) else str(value)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return rf"\frac{{{_written(left)}}}{{{_written(right)}}}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return rf"{{{_written(left, 3)}}}^{{{_written(right)}}}"
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _bracket(rf"{_written(left, 2)} \, {_written(right, 2)}", level > 2)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            inner = f"{_written(left, 1)} {OPERATORS[type(op)]} {_written(right, 2)}"
            return _bracket(inner, level > 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _bracket(f"-{_written(operand, 2)}", level > 1)
        case ast.Call(func=ast.Name(id="sqrt"), args=[one]):
            return rf"\sqrt{{{_written(one)}}}"
        case ast.Call(func=ast.Name(id=name), args=args):
            inside = r",\, ".join(map(_written, args))
            head = FUNCTIONS.get(name, rf"\operatorname{{{name}}}")
            return rf"{head} {inside}" if name == "total" else rf"{head}({inside})"
    return rf"\text{{{ast.unparse(node)}}}"


def _bracket(inner, needed):
    return f"({inner})" if needed else inner


def diagram(description: Description, ax=None):
    """Draw who sells what to whom: goods in solid arrows, the numeraire in broken ones.

    Parameters
    ----------
    description : Description
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1] if ax is None else ax
    d = description
    place = {}
    for k, t in enumerate(d.agents):
        θ = np.pi / 2 + 2 * np.pi * k / len(d.agents)
        place[t.name] = np.array([np.cos(θ), np.sin(θ)])
    both = [{*types(m.sellers), *types(m.buyers)} for m in d.markets]
    for k, m in enumerate(d.markets):
        middle = np.mean([place[t] for t in both[k]], axis=0)
        alike = [j for j in range(len(both)) if both[j] == both[k]]
        shift = alike.index(k) - (len(alike) - 1) / 2
        along = place[types(m.buyers)[0]] - place[types(m.sellers)[0]]
        across = np.array([-along[1], along[0]]) if along.any() else np.array([1.0, 0.0])
        middle = middle + 0.8 * shift * across / max(np.hypot(*across), 1e-9)
        for side, good_comes in ((types(m.sellers), True), (types(m.buyers), False)):
            for name in side:
                ends = (place[name], middle) if good_comes else (middle, place[name])
                _arrow(ax, ends[0], ends[1], "-", BLUE, 0.12)
                _arrow(ax, ends[1], ends[0], "--", RED, 0.12)
        ax.text(*middle, m.good, ha="center", va="center", bbox=_box(BLUE, "round"))
    for t in d.agents:
        for owner, share in t.owners.items():
            if share > 0:
                start, end = place[t.name], place[owner]
                turn = start[0] * end[1] - start[1] * end[0]  # bent away from the center
                bend = 0.85 if abs(turn) < 1e-9 else 0.5
                _arrow(ax, start, end, ":", GREY, bend if turn > 1e-9 else -bend)
        label = t.name if t.count == 1 else f"{t.count} × {t.name}"
        ax.text(*place[t.name], label, ha="center", va="center", bbox=_box("black", "square"))
    for style, color, label in (("-", BLUE, "goods"), ("--", RED, f"{d.numeraire}, paid"),
                                (":", GREY, "profit")):  # fmt: skip
        ax.plot([], [], style, color=color, label=label)
    ax.legend(loc="lower center", ncols=3, columnspacing=1, handlelength=1.5)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.7, 1.25), aspect="equal")
    ax.axis("off")
    return ax


def _arrow(ax, start, end, style, color, bend):
    look = dict(arrowstyle="-|>", linestyle=style, color=color, lw=1.6, shrinkA=26, shrinkB=26)
    look |= dict(connectionstyle=f"arc3,rad={bend}", mutation_scale=14)
    ax.annotate("", end, start, arrowprops=look)


def _box(color, shape):
    return dict(boxstyle=f"{shape},pad=0.4", facecolor="white", edgecolor=color)
