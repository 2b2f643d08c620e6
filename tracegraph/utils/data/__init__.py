"""Loading data: datasets, the order of their samples, and `DataLoader`, which makes batches of them.

>>> data = TensorDataset(tracegraph.arange(6).float(), tracegraph.arange(6) % 2)
>>> for x, y in DataLoader(data, batch_size=4):
...     print(x, y)
tensor([0., 1., 2., 3.]) tensor([0, 1, 0, 1])
tensor([4., 5.]) tensor([0, 1])
"""

from tracegraph.utils.data.collate import default_collate, default_convert
from tracegraph.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from tracegraph.utils.data.errors import DatasetError, WorkerError
from tracegraph.utils.data.loader import DataLoader
from tracegraph.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tracegraph.utils.data.worker import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DatasetError",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerError",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
