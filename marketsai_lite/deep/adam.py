"""Adam on one vector that holds all weights.

For the small networks of the book the cost of calling PyTorch exceeds that of the arithmetic: one
vector takes one call where a list of matrices takes a dozen.
"""

import torch

from marketsai_lite.require import require


def vector(*modules):
    """Move the parameters of modules into one vector, of which they become views.

    Move modules to their device first: afterwards they would leave the vector behind.

    Returns
    -------
    θ : tensor (number of parameters,)
        What is done to it in place is done to the parameters.
    parts : tuple of tensors
        The part of θ of each module.
    """
    parameters = [list(m.parameters()) for m in modules]
    every = [id(p) for ps in parameters for p in ps]
    require(modules=(f"{len(every)} parameters", len(set(every)) == len(every), "disjoint"))
    θ = torch.cat([p.detach().flatten() for ps in parameters for p in ps])
    parts = θ.split([sum(p.numel() for p in ps) for ps in parameters])
    for part, ps in zip(parts, parameters, strict=True):
        for p, view in zip(ps, part.split([p.numel() for p in ps]), strict=True):
            p.data = view.view_as(p)
    return θ, parts


class Adam:
    """Adam for the parameters of some modules.

    Parameters
    ----------
    *modules : nn.Module
    ε : float
        Added to the root of the second moment.

    Attributes
    ----------
    parts : tuple of tensors
        The parameters of each module, as a vector.

    References
    ----------
    Kingma and Ba (2015), algorithm 1.
    """

    def __init__(self, *modules, ε=1e-8):
        self.θ, self.parts = vector(*modules)
        self.g, self.m, self.v = (torch.zeros_like(self.θ) for _ in range(3))
        self.n, self.ε = 0, ε
        parameters = [p for m in modules for p in m.parameters()]
        views = self.g.split([p.numel() for p in parameters])
        for p, view in zip(parameters, views, strict=True):
            p.grad = view.view_as(p)  # to which backward passes add

    @torch.no_grad()
    def step(self, rate, max_norm=None):
        """Descend along the gradients, shortened to a norm of `max_norm`; set them to zero.

        Return the norm that they had.
        """
        norm = self.g.norm()
        if max_norm is not None:
            self.g *= (max_norm / (norm + 1e-6)).clamp(max=1.0)
        self.n += 1
        self.m.lerp_(self.g, 0.1)
        self.v.mul_(0.999).addcmul_(self.g, self.g, value=0.001)
        root = (self.v / (1 - 0.999**self.n)).sqrt_().add_(self.ε)
        self.θ.addcdiv_(self.m, root, value=-rate / (1 - 0.9**self.n))
        self.g.zero_()
        return norm

    def state_dict(self):
        """What a checkpoint keeps, beside the parameters."""
        return {"m": self.m, "v": self.v, "n": self.n}

    def load_state_dict(self, saved):
        """Take up where a checkpoint left off."""
        self.m.copy_(saved["m"])
        self.v.copy_(saved["v"])
        self.n = saved["n"]
