"""Functional forms: what equations are written with, for arrays of NumPy and of PyTorch."""

import functools

from marketsai_lite.constructor.equations import Equation
from marketsai_lite.constructor.words import Technology
from marketsai_lite.economy import arrays, namespace


def log(x):
    """Natural logarithm."""
    return namespace(x).log(x)


def exp(x):
    """Exponential function."""
    return namespace(x).exp(x)


def sqrt(x):
    """Square root."""
    return namespace(x).sqrt(x)


def total(x):
    """Sum over the members of a type, (..., 1)."""
    return arrays.total(x)


def mean(x):
    """Mean over the members of a type, (..., 1)."""
    return arrays.total(x) / x.shape[-1]


def log_utility(c, name="utility"):
    """Logarithm of consumption `c`."""
    return Equation(name, log, (c,), tex=r"\log {0}")


def crra(c, γ, name="utility"):
    """Utility of consumption `c` with constant relative risk aversion γ."""
    if γ == 1:
        return log_utility(c, name)
    return Equation(
        name, functools.partial(_power, γ=γ), (c,), tex=rf"{{0}}^{{{{1-{γ}}}}} / (1-{γ})"
    )


def bundle(goods, weights, name="utility"):
    """Cobb-Douglas utility in logs: the sum of `weights` times the logarithms of `goods`."""
    terms = " + ".join(rf"{w:g} \log {{{k}}}" for k, w in enumerate(weights))
    function = functools.partial(_bundle, weights=tuple(weights))
    return Equation(name, function, tuple(goods), tex=terms)


def cobb_douglas(output, inputs, tfp=None, count=1, name="output"):
    """A price-taking firm's technology: output = tfp * product of inputs^shares.

    It is paid for by markets of the mechanism `rental`, to which the firm brings ``GOOD_worth``,
    the marginal product of what each of its `count` members is offered.

    Parameters
    ----------
    output : str
        The good that it makes.
    inputs : dict
        Goods that it uses to their shares.
    tfp : str, optional
        Variable of total factor productivity.
    count : int
        Number of firms of the type.
    name : str
        Of the variable that says how much is made.
    """
    z, shares, n = ((tfp,) if tfp else ()), tuple(inputs.values()), len(inputs)
    level = rf"{{{n}}} \, " if tfp else ""
    product = level + r" \, ".join(f"{{{k}}}^{{{{{s:g}}}}}" for k, s in enumerate(shares))
    made = Equation(name, functools.partial(_product, shares=shares),
                    (*(f"{g}_bought" for g in inputs), *z), tex=product)  # fmt: skip
    offered = tuple(f"{g}_offered" for g in inputs)
    potential = Equation(f"{name}_offered", functools.partial(_product, shares=shares, count=count),
                         (*offered, *z), tex=product)  # fmt: skip
    worth = [
        Equation(f"{g}_worth", functools.partial(_worth, share=s, count=count),
                 (potential.name, f"{g}_offered"), tex=rf"{s:g} \, {{0}} / {{1}}")
        for g, s in inputs.items()
    ]  # fmt: skip
    return Technology({output: name}, {g: f"{g}_bought" for g in inputs}, (made, potential, *worth))


def unit_cost(good, amount, cost, paid_in, name="cost"):
    """A technology that makes `amount` (a variable) of a good at a constant unit cost."""
    spend = Equation(name, functools.partial(_times, cost=cost), (amount,), tex=rf"{cost} \, {{0}}")
    return Technology({good: amount}, {paid_in: name}, (spend,))


def quadratic_cost(good, amount, φ, paid_in, name="cost"):
    """A technology that makes `amount` I (a variable) of a good from φ I² / 2 of another."""
    spend = Equation(name, functools.partial(_square, φ=φ), (amount,), tex=rf"{φ:g} \, {{0}}^2 / 2")
    return Technology({good: amount}, {paid_in: name}, (spend,))


def convert(source, into, amount):
    """A technology that turns `amount` (a variable) of one good into as much of another."""
    return Technology({into: amount}, {source: amount})


def _power(c, γ):
    return c ** (1 - γ) / (1 - γ)


def _bundle(*goods, weights):
    return sum(w * log(g) for g, w in zip(goods, weights, strict=True))


def _product(*inputs, shares, count=1):
    y = inputs[len(shares)] if len(inputs) > len(shares) else 1.0
    for q, share in zip(inputs, shares, strict=False):
        y = y * (q / count if count > 1 else q) ** share
    return y


def _worth(y, q, share, count):
    return share * y / (q / count if count > 1 else q)


def _times(q, cost):
    return cost * q


def _square(q, φ):
    return φ * q**2 / 2
