r"""Mixers: from what each agent thinks its action is worth to what the team's actions are worth.

Agent i has Q-factors :math:`Q_i(o_i, a_i)` of its own.  A mixer is a function of all of them and of
the state,

.. math:: Q_{tot}(s, a) = f(Q_1(o_1, a_1), \dots, Q_n(o_n, a_n); s),

that is trained as the Q-factor of the team.  If f falls in none of its arguments, each agent finds
its part of the best joint action alone: centralized learning, decentralized execution.

To add a mixer, write a function ``mix(q, s, w)`` and one that draws its weights, and put both into
a `Mixer`.  All functions take leading axes, so that the seeds of an experiment may learn side by
side: weights (K, in + 1, out) serve K seeds in one product.

References
----------
Sunehag et al. (2018), "Value-decomposition networks for cooperative multi-agent learning".
Rashid et al. (2018), "QMIX".  Rashid et al. (2020), "Weighted QMIX".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from marketsai_lite.require import require, whole


class Mixer(NamedTuple):
    """A function that mixes, and how its weights are drawn.

    Attributes
    ----------
    draw : callable
        ``draw(n, width, units, generator)``, with n agents, states of length `width` and `units`
        hidden units, to a dict of weights.
    mix : callable
        ``mix(q, s, w)``, with Q-factors q (..., B, n) of the chosen actions, states s (B, width)
        and weights w, to values (..., B) of the joint actions.
    """

    draw: Callable
    mix: Callable


def layer(x, w):
    """Affine map of rows (..., B, in) by weights (..., in + 1, out), whose last row is added."""
    return x @ w[..., :-1, :] + w[..., -1:, :]


def uniform(generator, width, out):
    """Weights (width + 1, out), uniform within ±1/√width, as `torch.nn.Linear` draws them."""
    u = torch.rand((width + 1, out), generator=generator, dtype=torch.float64)
    return (2 * u - 1) / width**0.5


def no_weights(n, width, units, generator):
    """Weights of a mixer that has none."""
    return {}


def total(q, s, w):
    """Sum of the agents' Q-factors, (..., B).  Sunehag et al. (2018)."""
    return q.sum(-1)


def hypernetworks(n, width, units, generator):
    """Weights that turn a state into the weights of the mixing network.

    Returns
    -------
    dict
        ``weight_1`` and ``bias_1`` make the first layer of the mixing network, ``weight_2`` the
        second, all affine in the state; ``value_1`` and ``value_2`` are the two layers of the
        constant that is added at the end.
    """
    return {
        "weight_1": uniform(generator, width, n * units),
        "bias_1": uniform(generator, width, units),
        "weight_2": uniform(generator, width, units),
        "value_1": uniform(generator, width, units),
        "value_2": uniform(generator, units, 1),
    }


def monotone(q, s, w, bend=F.elu):
    r"""QMIX: a network of one hidden layer, with weights by the state.

    Those on the Q-factors and on the hidden units are not negative.

    .. math:: Q_{tot} = |w_2(s)|^\top \phi(|W_1(s)|\, q + b_1(s)) + v(s)

    Parameters
    ----------
    q : tensor (..., B, n)
        Q-factors of the actions that were chosen.
    s : tensor (B, width)
        States.
    w : dict of tensors
        As `hypernetworks` draws them.
    bend : callable
        The function φ of the hidden units, which must rise.

    Returns
    -------
    tensor (..., B)

    References
    ----------
    Rashid et al. (2018), with the layers of the authors' program.
    """
    W1 = layer(s, w["weight_1"]).abs()
    W1 = W1.unflatten(-1, (q.shape[-1], -1))  # (..., B, n, units)
    hidden = bend((q[..., None] * W1).sum(-2) + layer(s, w["bias_1"]))
    w2 = layer(s, w["weight_2"]).abs()
    v = layer(F.relu(layer(s, w["value_1"])), w["value_2"])[..., 0]
    return (hidden * w2).sum(-1) + v


VDN = Mixer(no_weights, total)
QMIX = Mixer(hypernetworks, monotone)


def draw(mixer, n, width, units, seeds):
    """Weights of a mixer for several seeds, each drawn from a generator of its own.

    So what a seed starts from does not depend on which others learn beside it.

    Parameters
    ----------
    mixer : Mixer
    n, width, units : int
        Numbers of agents, of the state's entries and of hidden units.
    seeds : sequence of int

    Returns
    -------
    dict of tensors (K, ...)
    """
    require(
        n=(n, whole(n, 1), "an integer >= 1"),
        width=(width, whole(width, 1), "an integer >= 1"),
        units=(units, whole(units, 1), "an integer >= 1"),
        seeds=(seeds, len(seeds) > 0, "at least one seed"),
    )
    drawn = [mixer.draw(n, width, units, torch.Generator().manual_seed(k)) for k in seeds]
    return {name: torch.stack([w[name] for w in drawn]) for name in drawn[0]}


def optimistic_weight(q_tot, y, α):
    """Weight 1 where the target lies above the estimate, and α where it does not.

    Parameters
    ----------
    q_tot, y : tensor
        Estimates, and their targets.
    α : float
        In (0, 1].

    References
    ----------
    Rashid et al. (2020): optimistically weighted QMIX.
    """
    require(α=(α, 0 < α <= 1, "in (0, 1]"))
    return torch.where(q_tot < y, 1.0, α).to(y)


def central_weight(best, y, y_best, α):
    """Weight 1 for the greedy joint action and better ones, else α.

    Parameters
    ----------
    best : bool tensor
        Whether the joint action is what the agents would choose.
    y, y_best : tensor
        Targets, and what an unrestricted critic thinks of the greedy.
    α : float
        In (0, 1].

    References
    ----------
    Rashid et al. (2020): centrally weighted QMIX.
    """
    require(α=(α, 0 < α <= 1, "in (0, 1]"))
    return torch.where(best | (y > y_best), 1.0, α).to(y)
