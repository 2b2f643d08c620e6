"""`VisionDataset`: what data sets of images have in common."""

import os
from collections.abc import Callable
from typing import Any

from tracegraph.runtime.errors import ArgumentError
from tracegraph.utils.data import Dataset


class VisionDataset(Dataset[Any]):
    """Images and targets, both sent through functions of the user's.

    Args:
        root: the folder with the files.
        transforms: makes an image and a target of both; excludes the other two.
        transform: makes the image that is given of the one that was read.
        target_transform: the same for the target.
    """

    _repr_indent = 4

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ArgumentError(f"{type(self).__name__}: transforms excludes transform and target_transform")
        self.root = os.path.expanduser(root) if root is not None else None
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """An image and its target after the user's functions."""
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def extra_repr(self) -> str:
        """Further lines of the representation."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines.extend(self.extra_repr().splitlines())
        if self.transform is not None:
            lines.append(f"Transform: {self.transform!r}")
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * self._repr_indent + line for line in lines)])
