"""The equations of the agents, each a pure function.

A name ends in the time index of what it holds: from period t, `r_t` is the reward of acting in t,
`v_tp1` the value of where that leads and `discount_t` what that value is worth in t; a discount of
zero ends the game.  Where a copy was truncated (`truncated_t`), `v_tp1` is the value of the state
it had reached, and rewards after it belong to another path.
"""

import math

import torch
import torch.nn.functional as F


def td_target(r_t, discount_t, v_tp1):
    """Target of one step, r_t + β v_{t+1}.  Sutton and Barto (2018), section 6.1."""
    return r_t + discount_t * v_tp1


def double_q_value(q_tp1, chooser_tp1):
    """Value by double Q-learning: one network chooses, one values.

    Parameters
    ----------
    q_tp1, chooser_tp1 : (..., heads, m)
        Action values by the two networks; the value of a state is the
        mean over the heads.

    References
    ----------
    van Hasselt, Guez and Silver (2016), equation 4.
    """
    a_tp1 = chooser_tp1.argmax(-1, keepdim=True)
    return q_tp1.gather(-1, a_tp1)[..., 0].mean(-1)


def team_reward(r_t, discount_t):
    """The mean of all agents' rewards for each of them, (..., n).

    For a team the game goes on until it has ended for all of its members.
    """
    mean, longest = r_t.mean(-1, keepdim=True), discount_t.amax(-1, keepdim=True)
    return mean.expand_as(r_t), longest.expand_as(discount_t)


def n_step_target(r_t, discount_t, v_tp1, truncated_t):
    """Discounted rewards of n periods, and the value where they lead.

    A truncation ends the sum earlier.

    Parameters
    ----------
    r_t, discount_t, v_tp1, truncated_t : (n, ...)

    Returns
    -------
    (n, ...)
        Row k starts in period t + k.

    References
    ----------
    Sutton and Barto (2018), equation 7.1.
    """
    targets, after = [], v_tp1[-1]
    path = map(reversed, (r_t, discount_t, v_tp1, truncated_t))
    for r, discount, v, truncated in zip(*path, strict=True):
        after = r + discount * torch.where(truncated, v, after)
        targets.append(after)
    return torch.stack(targets[::-1])


def generalized_advantage(δ_t, discount_t, truncated_t, λ):
    """Sum of (βλ)^l δ_{t+l} up to a truncation, for TD errors `δ_t` (T, ...).

    The discount may be one number for all periods.

    References
    ----------
    Schulman, Moritz, Levine, Jordan and Abbeel (2016), equation 16.
    """
    advantage_t, after = torch.empty_like(δ_t), torch.zeros_like(δ_t[0])
    weight_t = λ * discount_t * (~truncated_t).to(δ_t)
    for t in range(len(δ_t) - 1, -1, -1):
        after = advantage_t[t] = δ_t[t] + weight_t[t] * after
    return advantage_t


def vtrace(
    log_ratio_t,
    r_t,
    discount_t,
    v_t,
    v_tp1,
    truncated_t,
    ρ_bar=1.0,
    c_bar=1.0,
    λ=1.0,
):
    """Targets and advantages of a policy, from paths of another one.

    The policy climbs the mean of ρ_t times the advantage.  What is
    subtracted from an advantage, its mean, say, must be subtracted
    before it is multiplied: only then does it favor no action.  On the
    policy's own paths, with ρ̄ and c̄ at least 1, the target is that of
    n steps if λ is 1, and the advantage is the generalized one.

    Parameters
    ----------
    log_ratio_t : (n, ...)
        Log density of what was chosen: that of the policy, less that
        of the one that played.
    r_t, discount_t, v_t, v_tp1, truncated_t : (n, ...)
    ρ_bar, c_bar : float
        Where the ratios are clipped, in the TD errors and in what is
        carried back.
    λ : float
        Weight of what is carried back.

    Returns
    -------
    target_t, advantage_t, ρ_t : (n, ...)
        What the critic should say; what actions were worth, and their
        clipped ratios.

    References
    ----------
    Espeholt et al. (2018), equation 1 and remarks 1 and 2; the gradient
    of section 4.2, whose q_s bootstraps with the share λ of the target,
    as rlax does.
    """
    ratio_t = log_ratio_t.exp()
    ρ_t, c_t = ratio_t.clamp(max=ρ_bar), ratio_t.clamp(max=c_bar)
    error_t = td_target(r_t, discount_t, v_tp1) - v_t
    δ_t = ρ_t * error_t
    carried_t, after = torch.empty_like(δ_t), torch.zeros_like(δ_t[0])
    weight_t = λ * discount_t * (~truncated_t).to(δ_t)
    for t in range(len(δ_t) - 1, -1, -1):
        carried_t[t] = weight_t[t] * after
        after = δ_t[t] + c_t[t] * carried_t[t]
    target_t = v_t + δ_t + c_t * carried_t
    return target_t, error_t + carried_t, ρ_t


def dueling(v, advantage):
    """Q-factors of a value (..., 1) and advantages (..., m).  Wang et al. (2016), equation 9."""
    return v + advantage - advantage.mean(-1, keepdim=True)


def counterfactual_advantage(q, π, a):
    """Worth of an agent's action beyond what its policy does on average, all others' actions given.

    Parameters
    ----------
    q : (..., m)
        Values of the joint action for each action of this agent.
    π : (..., m)
        Probabilities of its actions.
    a : (...)
        Number of the action that it took.

    Returns
    -------
    (...)

    References
    ----------
    Foerster, Farquhar, Afouras, Nardelli and Whiteson (2018): COMA.
    """
    return q.gather(-1, a[..., None])[..., 0] - (π * q).sum(-1)


def normal_log_density(u, mean, log_std):
    """Log density of a vector of independent normals, (..., da) to (...)."""
    standard = (u - mean) * torch.exp(-log_std)
    return (-0.5 * standard**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)


def squash(u, log_density):
    """Squash u (..., da) into a = tanh(u), and its log density (...).

    The derivative 1 - tanh(u)² is written so as not to round to zero.

    References
    ----------
    Haarnoja et al. (2018), appendix C.
    """
    log_slope = 2 * (math.log(2) - u - F.softplus(-2 * u))
    return torch.tanh(u), log_density - log_slope.sum(-1)


def soft_target(r_t, discount_t, q_tp1, log_π_tp1, α):
    """Target of the twin critics `q_tp1` (2, ...): the lesser of them, and an entropy bonus.

    References
    ----------
    Haarnoja et al. (2018), equations 2 and 3; the lesser of two from Fujimoto et al. (2018).
    """
    return td_target(r_t, discount_t, q_tp1.amin(0) - α * log_π_tp1)


def temperature_loss(log_α, log_π_t, target_entropy):
    """Loss whose descent raises α where the entropy is below its target.

    References
    ----------
    Haarnoja et al. (2018, "Applications"), equation 18.
    """
    return -(log_α.exp() * (log_π_t.detach() + target_entropy)).mean()


def clipped_surrogate(log_ratio, advantage_t, ε):
    """Gain of decisions whose log probabilities have moved by `log_ratio`, clipped at 1 ± ε.

    References
    ----------
    Schulman, Wolski, Dhariwal, Radford and Klimov (2017), equation 7.
    """
    ratio = log_ratio.exp()
    return torch.minimum(ratio * advantage_t, ratio.clamp(1 - ε, 1 + ε) * advantage_t)


def standardized(advantage_t, axes=None):
    """Advantages with mean zero and standard deviation one, over all axes or the given ones."""
    over = {} if axes is None else {"dim": tuple(axes), "keepdim": True}
    return (advantage_t - advantage_t.mean(**over)) / (advantage_t.std(**over) + 1e-8)


def parabola_peak(below, middle, above):
    """Where the parabola through the values at -1, 0 and 1 peaks, clipped to [-1/2, 1/2]."""
    curvature = (below - 2 * middle + above).clamp(max=-1e-12)
    return (0.5 * (below - above) / curvature).clamp(-0.5, 0.5)


def first(flag_t):
    """For each column of flags (n, ...), the first row with one, or else the last row."""
    return torch.where(flag_t.any(0), flag_t.byte().argmax(0), len(flag_t) - 1)


@torch.no_grad()
def polyak(target, online, τ):
    """Move the vector `target` towards `online`, in place: target <- (1 - τ) target + τ online."""
    target.lerp_(online, τ)
