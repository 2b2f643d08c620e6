"""What trains beside the network: `utils.data` brings samples to it in batches."""

from tracegraph.utils import data as data
