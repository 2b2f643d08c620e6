"""What the scripts share: equal weights and data for both libraries. A script takes the library's modules and gives the
numbers that it would print; they are kept in the style of people's scripts, with their idioms, old ones too.
"""

# mypy: ignore-errors

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def fill(torch, model, seed=0):
    """Give all weights the same values in both libraries."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1:
                values = rng.standard_normal(tuple(p.shape)) / np.sqrt(np.prod(p.shape[1:]))
            else:
                values = (1.0 if name.endswith("weight") else 0.0) + 0.1 * rng.standard_normal(tuple(p.shape))
            p.copy_(torch.from_numpy(values.astype(np.float32)))
    return model


def rand(torch, *shape, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def ints(torch, high, *shape, seed=2):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, high, shape))
