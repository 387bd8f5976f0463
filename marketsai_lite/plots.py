"""The book's figure style."""

import sys

import numpy as np

# Okabe and Ito's palette, told apart by readers with any colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def style() -> None:
    """Set matplotlib's defaults for the book: sharp, colour-blind safe, legible on a phone."""
    import matplotlib as mpl
    from matplotlib.rcsetup import cycler

    mpl.rcParams.update(
        {
            "axes.axisbelow": True,
            "axes.edgecolor": "#444444",
            "axes.grid": True,
            "axes.labelsize": 13,
            "axes.linewidth": 0.8,
            "axes.prop_cycle": cycler(color=COLORS),
            "axes.titlesize": 13,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.figsize": (5.0, 3.5),  # hardly wider than a phone's screen
            "font.family": "sans-serif",
            "font.size": 13,
            "grid.color": "#e2e2e2",
            "grid.linewidth": 0.7,
            "legend.fontsize": 12,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "savefig.facecolor": "white",
            "svg.hashsalt": "marketsai-lite",
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
        }
    )
    if "ipykernel" in sys.modules:  # in a notebook: vector figures
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def band(ax, x, samples, label=None, *, quantiles=(0.1, 0.9), color=None):
    """Draw the median over seeds as a line and the band between two quantiles around it.

    Parameters
    ----------
    ax : matplotlib Axes
    x : array_like, shape (T,)
    samples : array_like, shape (seeds, T)
    label : str, optional
        Label of the line.
    quantiles : (lo, hi)
        Edges of the band, with 0 <= lo <= hi <= 1.
    color : optional
        Any matplotlib color; by default the next of the cycle.

    Returns
    -------
    matplotlib Line2D
        The median's line.
    """
    x, samples = np.asarray(x, float), np.asarray(samples, float)
    if samples.ndim != 2 or samples.shape[1:] != x.shape or len(samples) < 1:
        raise ValueError(f"samples has shape {samples.shape}: must be (seeds, {x.size})")
    lo, hi = quantiles
    if not 0 <= lo <= hi <= 1:
        raise ValueError(f"quantiles = {quantiles!r}: must satisfy 0 <= lo <= hi <= 1")
    (line,) = ax.plot(x, np.median(samples, axis=0), label=label, color=color)
    low, high = np.quantile(samples, [lo, hi], axis=0)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    return line
