"""The equations of the agents, each a pure function.

A name ends in the time index of what it holds: from period t, `r_t` is the reward of acting in t
and `v_tp1` the value of where that leads.  Where a copy was truncated (`cut_t`), `v_tp1` is the
value of the state it had reached, and rewards after it belong to another path.
"""

import math

import torch
import torch.nn.functional as F


def td_target(r_t, v_tp1, β):
    """Target of one step, r_t + β v_{t+1}.  Sutton and Barto (2018), section 6.1."""
    return r_t + β * v_tp1


def double_q_value(q_tp1, chooser_tp1):
    """Value by double Q-learning: one network chooses the action, the other values it.

    Parameters
    ----------
    q_tp1, chooser_tp1 : (B, heads, m)
        Action values by the two networks; the value of a state is the mean over the heads.

    References
    ----------
    van Hasselt, Guez and Silver (2016), equation 4.
    """
    a_tp1 = chooser_tp1.argmax(-1, keepdim=True)
    return q_tp1.gather(-1, a_tp1)[..., 0].mean(-1)


def n_step_target(r_t, v_tp1, cut_t, β):
    """Discounted rewards of n periods, or up to a truncation, and the value of the state reached.

    Parameters
    ----------
    r_t, v_tp1, cut_t : (n, B)

    Returns
    -------
    (n, B)
        Row k starts in period t + k.

    References
    ----------
    Sutton and Barto (2018), equation 7.1.
    """
    targets, after = [], v_tp1[-1]
    for r, v, cut in zip(reversed(r_t), reversed(v_tp1), reversed(cut_t), strict=True):
        after = r + β * torch.where(cut, v, after)
        targets.append(after)
    return torch.stack(targets[::-1])


def generalized_advantage(δ_t, cut_t, β, λ):
    """Sum of (βλ)^l δ_{t+l} up to a truncation, for TD errors `δ_t` (T, B).

    References
    ----------
    Schulman, Moritz, Levine, Jordan and Abbeel (2016), equation 16.
    """
    advantage_t, after = torch.empty_like(δ_t), torch.zeros_like(δ_t[0])
    weight_t = β * λ * (~cut_t).to(δ_t)
    for t in range(len(δ_t) - 1, -1, -1):
        after = advantage_t[t] = δ_t[t] + weight_t[t] * after
    return advantage_t


def dueling(v, advantage):
    """Q-factors of a value (..., 1) and advantages (..., m).  Wang et al. (2016), equation 9."""
    return v + advantage - advantage.mean(-1, keepdim=True)


def normal_log_density(u, mean, log_std):
    """Log density of a vector of independent normals, (..., da) to (...)."""
    standard = (u - mean) * torch.exp(-log_std)
    return (-0.5 * standard**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)


def squash(u, log_density):
    """Squash u (..., da) into a = tanh(u), and turn its log density (...) into that of a.

    The derivative 1 - tanh(u)² is written so that it does not round to zero.

    References
    ----------
    Haarnoja et al. (2018), appendix C.
    """
    log_slope = 2 * (math.log(2) - u - F.softplus(-2 * u))
    return torch.tanh(u), log_density - log_slope.sum(-1)


def soft_target(r_t, q_tp1, log_π_tp1, α, β):
    """Target of the twin critics `q_tp1` (2, B): the lesser of them, and an entropy bonus.

    References
    ----------
    Haarnoja et al. (2018), equations 2 and 3; the lesser of two from Fujimoto et al. (2018).
    """
    return td_target(r_t, q_tp1.amin(0) - α * log_π_tp1, β)


def temperature_loss(log_α, log_π_t, target_entropy):
    """Loss whose descent raises α where the entropy is below its target.

    References
    ----------
    Haarnoja et al. (2018, "Applications"), equation 18.
    """
    return -(log_α.exp() * (log_π_t.detach() + target_entropy)).mean()


def clipped_surrogate(log_ratio, advantage_t, ε):
    """Gain of a policy whose log probabilities have moved by `log_ratio`, clipped at 1 ± ε.

    References
    ----------
    Schulman, Wolski, Dhariwal, Radford and Klimov (2017), equation 7.
    """
    ratio = log_ratio.exp()
    return torch.minimum(ratio * advantage_t, ratio.clamp(1 - ε, 1 + ε) * advantage_t).mean()


def standardized(advantage_t):
    """Advantages with mean zero and standard deviation one."""
    return (advantage_t - advantage_t.mean()) / (advantage_t.std() + 1e-8)


def parabola_peak(below, middle, above):
    """Where the parabola through the values at -1, 0 and 1 peaks, clipped to [-1/2, 1/2]."""
    curvature = (below - 2 * middle + above).clamp(max=-1e-12)
    return (0.5 * (below - above) / curvature).clamp(-0.5, 0.5)


def residual(y, x):
    """What least squares on `x` (B, k) leaves of `y` (B, l); a column of zeros explains nothing."""
    gram = x.T @ x
    gram.diagonal().add_(1e-6 * gram.diagonal().mean() + 1e-12)
    return y - x @ torch.linalg.solve(gram, x.T @ y)


def hedged(δ_t, z_t, z_tp1):
    """TD errors without the part that the shocks explain.

    The shocks' innovations ν, what z_{t+1} holds beyond its regression on z_t, are news that no
    action influenced.  Least squares finds the hedge ratios h, and δ - h·ν has the same mean in
    every state but far less variance, up to an error in h of the order of the number of shocks over
    B.  This holds where the conditional mean of the shocks is linear in them, as for independent
    chains of two states and for Rouwenhorst's; otherwise what is added to δ depends on the shocks
    alone, which favors no action.  The shocks need not be among what the agent observes.

    Parameters
    ----------
    δ_t : (B,)
        Errors over n periods.
    z_t, z_tp1 : (n, B, dz)
        Shocks at the beginning and at the end of each.

    References
    ----------
    White and Bowling (2009), "Learning a value analysis tool for agent evaluation", for the idea of
    subtracting luck; Mao et al. (2019) for baselines that depend on an exogenous input.
    """
    past = torch.cat([torch.ones_like(z_t[..., :1]), z_t], -1)
    ν = [residual(z1, z) for z1, z in zip(z_tp1, past, strict=True)]
    return residual(δ_t[:, None], torch.cat(ν, 1))[:, 0]


def first(cut_t):
    """For each column of flags (n, B), the first row with one, or else the last row."""
    return torch.where(cut_t.any(0), cut_t.byte().argmax(0), len(cut_t) - 1)


@torch.no_grad()
def polyak(slow, fast, τ):
    """Move the vector `slow` towards `fast`, in place: slow <- (1 - τ) slow + τ fast."""
    slow.lerp_(fast, τ)
