"""Training a deep agent, as the experiments do it."""

import importlib


def train(economy, agent, copies, seed, on_log=None, *, horizon=200, **settings):
    """Train an agent in copies of an economy.

    Parameters
    ----------
    economy : Economy
    agent : str
        Its file in `deep`, such as "ppo".
    copies : int
        Of the economy.
    seed : int
    on_log : callable, optional
        As in `deep.train`.
    horizon : int or None
        Periods after which a copy is truncated.
    **settings
        Of the agent.

    Returns
    -------
    Result
        As of `deep.train`.
    """
    from marketsai_lite.deep.train import train  # slow to import, like all that needs torch
    from marketsai_lite.views.batch import Batch

    config = importlib.import_module(f"marketsai_lite.deep.{agent}").Config(**settings)
    return train(Batch(economy, copies, horizon=horizon), config, seed, on_log=on_log)
