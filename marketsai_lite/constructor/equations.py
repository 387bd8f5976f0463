"""Equations in the order in which they can be computed."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from marketsai_lite.require import require


class Equation(NamedTuple):
    """What finds variables from others.

    Attributes
    ----------
    name : str or tuple of str
        What it finds.
    function : callable
        Its arguments are what it needs, its result what it finds.
    needs : tuple of str
        Names of the variables in it.
    tex : str
        Right-hand side for the page, with {0}, {1}, ... for what it needs.
    """

    name: Any
    function: Callable
    needs: tuple[str, ...]
    tex: str = ""

    @property
    def finds(self) -> tuple[str, ...]:
        """Names of what it finds."""
        return (self.name,) if isinstance(self.name, str) else tuple(self.name)


def equation(function) -> Equation:
    """Read a plain function as an equation; arguments that have defaults are left at them."""
    if isinstance(function, Equation):
        return function
    right = "a plain function named after the variable that it finds, as `def c(s, y): ...`"
    plain = inspect.isfunction(function) and function.__name__.isidentifier()
    require(**{"equations": (function, plain, right)})
    arguments = inspect.signature(function).parameters.values()
    return Equation(
        function.__name__, function, tuple(a.name for a in arguments if a.default is a.empty)
    )


def ordered(equations: Iterable[Equation]) -> list[Equation]:
    """Equations so that each comes after those that find what it needs.

    Raises
    ------
    ValueError
        If some need each other; the error names the circle.
    """
    by = {n: e for e in equations for n in e.finds}
    done: set[tuple[str, ...]] = set()
    path: list[str] = []
    order: list[Equation] = []

    def visit(name):
        eq = by.get(name)
        if eq is None or eq.finds in done:
            return
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            cure = "without a circle: let one of them be a choice, or a Memory of the last period"
            require(equations=(circle, False, cure))
        path.append(name)
        for need in eq.needs:
            visit(need)
        path.pop()
        done.add(eq.finds)
        order.append(eq)

    for name in by:
        visit(name)
    return order


def needed(order: Iterable[Equation], names: Iterable[str], known=()) -> list[Equation]:
    """Of equations in `order`, those that lead to `names`, where `known` are not to be found."""
    wanted, chain = set(names) - set(known), []
    for eq in reversed(list(order)):
        if wanted & set(eq.finds):
            chain.append(eq)
            wanted |= set(eq.needs) - set(known)
    return chain[::-1]
