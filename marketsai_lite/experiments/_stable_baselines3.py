"""Training an agent of Stable-Baselines3 in our copies of an economy.

Stable-Baselines3 is not among what this package needs: it is imported only where it is used.
"""

from typing import NamedTuple

import numpy as np

HOW = (
    "Stable-Baselines3 is not installed here: `make _build/outside/.done` makes an environment "
    "that has it, and `make experiments NAME=outside_agents` runs there"
)


class Learned(NamedTuple):
    """What a training run leaves.

    Attributes
    ----------
    act : Callable
        Observations (..., n, do) to actions (..., n, da), without noise.
    curves : dict[str, np.ndarray]
        "samples", and what `measure` returned.
    samples : int
        Periods experienced, all copies together, after the survey.
    gradients : int
        Steps of the policy's optimizer.
    """

    act: object
    curves: dict[str, np.ndarray]
    samples: int
    gradients: int


def train(
    economy,
    kind,
    copies,
    seed,
    *,
    updates,
    warmup,
    every,
    rate,
    policy,
    horizon=200,
    measure=None,
    **settings,
) -> Learned:
    """Train an agent of Stable-Baselines3 on one thread.

    Parameters
    ----------
    economy : Economy
        With one agent, whose actions are a box, and no end.
    kind : str
        "PPO" or "SAC".
    copies : int
        Of the economy.
    seed : int
        Of everything random; the survey and the shocks are those of our agents with this seed.
    updates : int
        Rounds of playing and learning.
    warmup : int
        Rounds of playing before them.
    every : int
        Updates between entries of the curves.
    rate : float
        Learning rate at the start; it falls linearly to zero, over the updates, as ours do.
    policy : dict
        Settings of the networks, whose activation is SiLU as in ours.
    horizon : int
        Periods after which a copy is truncated.
    measure : callable, optional
        ``measure(act)`` returns numbers by name, which join the curves.
    **settings
        Of the class of Stable-Baselines3.

    Returns
    -------
    Learned

    Raises
    ------
    ImportError
        If Stable-Baselines3 is not installed.
    """
    try:
        import stable_baselines3
        from stable_baselines3.common.callbacks import BaseCallback
    except ImportError as error:
        raise ImportError(HOW) from error
    import torch

    from marketsai_lite.deep.train import STREAMS, streams
    from marketsai_lite.deep.world import World, one_thread
    from marketsai_lite.views.batch import Batch

    rounds, steps = updates + warmup, settings.get("n_steps", 1)
    batch = Batch(economy, copies, horizon=horizon)
    with one_thread():
        world = World(batch, streams(seed, STREAMS)["shocks"])
    curves: dict[str, list[float]] = {"samples": []}

    class Watch(BaseCallback):
        def _on_rollout_start(self):
            done = self.num_timesteps // (copies * steps) - warmup
            if done > 0 and done % every == 0 and done < updates:
                enter()

        def _on_step(self):
            return True

    def enter():
        curves["samples"].append(world.samples)
        for name, value in ({} if measure is None else measure(act)).items():
            curves.setdefault(name, []).append(value)

    @world.function
    def act(o):
        a, _ = agent.predict(o.flatten(0, -2).numpy(), deterministic=True)
        return world.exact(widen(world, torch.as_tensor(a)).view(*o.shape[:-1], -1))

    with one_thread(), torch.random.fork_rng(devices=[]):
        agent = getattr(stable_baselines3, kind)(
            "MlpPolicy",
            vector(world),
            learning_rate=lambda left: rate * min(1.0, (left * rounds + 1) / updates),
            gamma=economy.β,
            policy_kwargs={**policy, "activation_fn": torch.nn.SiLU},
            seed=seed,
            device="cpu",
            **settings,
        )
        agent.learn(rounds * steps * copies, callback=Watch())
        enter()
    optimizer = (agent.actor if kind == "SAC" else agent.policy).optimizer
    steps = {int(state["step"]) for state in optimizer.state.values()}
    return Learned(act, {k: np.array(v) for k, v in curves.items()}, world.samples, max(steps))


def widen(world, a):
    """Actions in the economy's box for actions `a` in [-1, 1]."""
    (actions,) = world.batch.economy.actions
    low, high = (a.new_tensor(v) for v in actions)
    return low + (a + 1) / 2 * (high - low)


def vector(world):
    """Our copies as a vector environment of Stable-Baselines3, in the units of our agents.

    Observations and rewards are scaled by the world's survey and actions are in [-1, 1], as the
    library's manual asks.  Where a copy is truncated, its info has the observation that it had
    reached (`terminal_observation`) and says that the game would go on (`TimeLimit.truncated`):
    PPO adds the value of that observation to the reward, and SAC bootstraps from it.

    Parameters
    ----------
    world : deep.world.World
        Copies of a one-agent economy with a box of actions, whose game does not end.

    Returns
    -------
    stable_baselines3.common.vec_env.VecEnv
    """
    import torch
    from gymnasium.spaces import Box
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv

    class WorldVecEnv(VecEnv):
        def __init__(self):
            seen, chosen = (world.width,), (world.batch.terms.da,)
            super().__init__(world.batch.size, Box(-np.inf, np.inf, seen), Box(-1.0, 1.0, chosen))
            self.none: list[dict] = [{} for _ in range(world.batch.size)]

        def reset(self):
            return world.observe()[:, 0].numpy()

        def step_async(self, actions):
            self.actions = widen(world, torch.as_tensor(actions))[:, None]

        def step_wait(self):
            new, infos = world.step(self.actions), self.none
            if bool(new.truncated.any()):
                reached = world.observe(new.reached)[:, 0].numpy()
                infos = [
                    {"terminal_observation": o, "TimeLimit.truncated": True} if stopped else {}
                    for o, stopped in zip(reached, new.truncated.tolist(), strict=True)
                ]
            o, r = world.observe()[:, 0].numpy(), new.r[:, 0].numpy()
            return o, r, new.truncated.numpy(), infos

        def close(self):
            pass

        def get_attr(self, attr_name, indices=None):
            return [None] * self.num_envs

        def set_attr(self, attr_name, value, indices=None):
            raise NotImplementedError

        def env_method(self, method_name, *args, indices=None, **kwargs):
            raise NotImplementedError

        def env_is_wrapped(self, wrapper_class, indices=None):
            return [False] * self.num_envs

    return WorldVecEnv()
