"""Transforms made of others: `Compose`, `Lambda`, `RandomApply`, `RandomChoice`, `RandomOrder`."""

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph import nn
from tracegraph.runtime.errors import ArgumentTypeError
from tracegraph.vision.transforms import draw


class Compose:
    """One transform after the other.

    >>> tenfold = Compose([lambda x: x * 2, lambda x: x * 5])
    >>> tenfold(3)
    30
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """The transformed image."""
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {transform}" for transform in self.transforms), ")"])


class Lambda:
    """A function of the user's as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise ArgumentTypeError(f"Lambda: takes a function, not {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """The function's result."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _OfOthers(nn.Module):
    def __init__(self, transforms: Any) -> None:
        super().__init__()
        if not isinstance(transforms, Sequence | nn.ModuleList):
            raise ArgumentTypeError(f"{type(self).__name__}: takes a sequence of transforms, got {transforms!r}")
        self.transforms = transforms

    def extra_repr(self) -> str:
        return ", ".join(map(repr, self.transforms))


class RandomApply(_OfOthers):
    """All the transforms with probability `p`, else none."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(transforms)
        self.p = p

    def forward(self, img: Any) -> Any:
        """The image, transformed or as it is."""
        if draw.chance(self.p):
            for transform in self.transforms:
                img = transform(img)
        return img


class RandomOrder(_OfOthers):
    """All the transforms in random order."""

    def forward(self, img: Any) -> Any:
        """The transformed image."""
        for place in draw.order(len(self.transforms)):
            img = self.transforms[place](img)
        return img


class RandomChoice(_OfOthers):
    """One of the transforms, all as likely, or by the weights `p`."""

    def __init__(self, transforms: Any, p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise ArgumentTypeError(f"RandomChoice: p must be a sequence of weights, got {p!r}")
        self.p = p

    def forward(self, img: Any) -> Any:
        """The transformed image."""
        weights = self.p or [1.0] * len(self.transforms)
        drawn = draw.uniform(0, sum(weights))
        for transform, weight in zip(self.transforms, weights, strict=True):
            drawn -= weight
            if drawn < 0:
                return transform(img)
        return self.transforms[-1](img)
