"""Speed of the deep agents beside Stable-Baselines3, in samples per CPU second of training.

Both learn the same economy with networks of the same size and activation, and the same minibatches,
epochs, updates and period of truncation.  Stable-Baselines3 runs in two ways: as its users run it,
with eight Gymnasium environments in its DummyVecEnv, and given our batch of copies as a vector
environment, so that only the agents differ.  For PPO one more row says what nobody can save with
these networks: their matrix products and SiLU alone, for the same rows in the same portions, with
the gradients where PPO needs them, and no agent.

Stable-Baselines3 is installed in an environment of its own; ``python -m benchmarks.deep`` measures
there and prints the tables, which `tables` reads.
"""

import json
import subprocess
from itertools import pairwise
from pathlib import Path

from benchmarks.timing import Table

OUTSIDE = Path(__file__).parent.parent / "_build" / "outside" / "bin" / "python"
HORIZON, COPIES, ENVIRONMENTS = 200, 256, 8
STEPS, EPOCHS, MINIBATCHES = 32, 2, 8  # of PPO, for our copies; 8,192 samples in an update
HIDDEN = (64, 64)
SAC_COPIES, SAC_MINIBATCH = 64, 256


def tables() -> list[Table]:
    """Measure in the environment that has Stable-Baselines3."""
    done = subprocess.run(
        [OUTSIDE, "-m", "benchmarks.deep"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    return [Table(**table) for table in json.loads(done.stdout)]


def measure() -> list[Table]:
    """Time PPO and SAC, ours and theirs, in turns."""
    from marketsai_lite.economies.islands import Islands

    found = []
    for d in (1, 8):
        for agent, runs in (("PPO", ppo_runs), ("SAC", sac_runs)):
            found.append(table(f"{agent} on {d} island{'s' * (d > 1)}", runs(Islands(d))))
    return found


def table(title, runs) -> Table:
    """Samples per CPU second, and how many times as many ours are."""
    from benchmarks.timing import interleaved

    seconds = interleaved({name: run for name, (_, _, run) in runs.items()})
    rate = {name: samples / seconds[name] for name, (samples, _, _) in runs.items()}
    first = next(iter(rate.values()))
    rows = [
        {
            "agent and environment": name,
            "samples per CPU second": f"{r:,.0f}",
            "updates per CPU second": f"{runs[name][1] / seconds[name]:,.1f}",
            "times slower than ours, in samples": round(first / r, 2),
        }
        for name, r in rate.items()
    ]
    text = {
        "PPO": f"{EPOCHS} epochs of {MINIBATCHES} minibatches over {COPIES * STEPS:,} samples, "
        "two networks of 64 by 64; on our batch both have the scales of what is seen and earned "
        "before the clock starts. The last row is no agent: the matrix products and SiLU of these "
        "networks, with their gradients, which every PPO must compute.",
        "SAC": f"One update with a minibatch of {SAC_MINIBATCH} in each period, actor of 64 by 64, "
        "twin critics with one layer of 512. With eight environments a period has eight samples, "
        f"with our batch {SAC_COPIES}.",
    }
    return Table(title, text[title[:3]], rows)


def ppo_runs(economy, updates=4):
    """Runs by name, each with its numbers of samples and updates."""
    import torch
    from stable_baselines3 import PPO

    from marketsai_lite.deep import ppo
    from marketsai_lite.deep.train import train
    from marketsai_lite.deep.world import World
    from marketsai_lite.experiments._stable_baselines3 import vector
    from marketsai_lite.views.batch import Batch

    samples = updates * COPIES * STEPS
    config = ppo.Config(
        updates=updates,
        steps=STEPS,
        epochs=EPOCHS,
        minibatches=MINIBATCHES,
        hidden=HIDDEN,
        log_every=updates,
    )
    batch = Batch(economy, COPIES, horizon=HORIZON)
    policy = {"net_arch": list(HIDDEN), "activation_fn": torch.nn.SiLU}
    world = World(batch, torch.Generator().manual_seed(0))

    def theirs(env, steps):
        agent = PPO(
            "MlpPolicy",
            env,
            n_steps=steps,
            batch_size=COPIES * STEPS // MINIBATCHES,
            n_epochs=EPOCHS,
            gamma=economy.β,
            policy_kwargs=policy,
            device="cpu",
        )
        return samples, updates, lambda: agent.learn(samples)

    return {
        "ours": (samples, updates, lambda: train(batch, config, 0, scales=world.scales)),
        "Stable-Baselines3, our batch": theirs(vector(world), STEPS),
        "Stable-Baselines3, DummyVecEnv of 8": theirs(
            dummy(economy), COPIES * STEPS // ENVIRONMENTS
        ),
        "matrix products and SiLU alone": (samples, updates, lambda: products(economy, updates)),
    }


def products(economy, updates):
    """Compute what the networks of our PPO compute in so many updates, and nothing else."""
    import torch

    from marketsai_lite.economy import Terms

    terms, parts = Terms(economy), EPOCHS * MINIBATCHES
    nets = [
        [(torch.randn(i, o), torch.zeros(o)) for i, o in pairwise((terms.do, *HIDDEN, width))]
        for width in (terms.da, 1)
    ]
    rows = (COPIES, COPIES * (STEPS + 1), COPIES * STEPS // MINIBATCHES)
    seen, judged, learned = (torch.randn(n, terms.do) for n in rows)

    def forward(net, x):
        """Input and output of each layer."""
        layers = []
        for weight, bias in net:
            x = torch.nn.functional.silu(layers[-1][1]) if layers else x
            layers.append((x, torch.addmm(bias, x, weight)))
        return layers

    def backward(net, layers):
        """Gradients of all weights, where that of the output is the output."""
        g = layers[-1][1]
        for k in reversed(range(len(net))):
            _ = layers[k][0].T @ g, g.sum(0)
            if k:
                g = torch.ops.aten.silu_backward(g @ net[k][0].T, layers[k - 1][1])

    actor, critic = nets
    for _ in range(updates):
        for _ in range(STEPS):
            forward(actor, seen)
        forward(critic, judged)
        for _ in range(parts):
            for net in nets:
                backward(net, forward(net, learned))


def sac_runs(economy, updates=200):
    """Runs by name, each with its numbers of samples and updates."""
    import torch
    from stable_baselines3 import SAC

    from marketsai_lite.deep import sac
    from marketsai_lite.deep.train import train
    from marketsai_lite.deep.world import World
    from marketsai_lite.experiments._stable_baselines3 import vector
    from marketsai_lite.views.batch import Batch

    warmup = sac.Config.warmup
    config = sac.Config(updates=updates, minibatch=SAC_MINIBATCH, log_every=updates)
    batch = Batch(economy, SAC_COPIES, horizon=HORIZON)
    policy = {
        "net_arch": {"pi": list(config.hidden), "qf": list(config.critic_hidden)},
        "activation_fn": torch.nn.SiLU,
    }
    world = World(batch, torch.Generator().manual_seed(0))

    def theirs(env):
        samples = env.num_envs * (updates + warmup)
        agent = SAC(
            "MlpPolicy",
            env,
            batch_size=SAC_MINIBATCH,
            buffer_size=config.capacity,
            learning_starts=env.num_envs * warmup,
            train_freq=1,
            gradient_steps=1,
            gamma=economy.β,
            tau=config.τ,
            policy_kwargs=policy,
            device="cpu",
        )
        return samples, updates, lambda: agent.learn(samples)

    return {
        "ours": (SAC_COPIES * (updates + warmup), updates, lambda: train(batch, config, 0)),
        "Stable-Baselines3, our batch": theirs(vector(world)),
        "Stable-Baselines3, DummyVecEnv of 8": theirs(dummy(economy)),
    }


def dummy(economy):
    """Eight Gymnasium views, one after the other."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    from marketsai_lite.views.gymnasium import GymnasiumView

    return DummyVecEnv([lambda: GymnasiumView(economy, HORIZON)] * ENVIRONMENTS)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    print(json.dumps([table._asdict() for table in measure()], ensure_ascii=False))
