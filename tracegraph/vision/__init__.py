"""Images: `vision.datasets` reads the usual collections, `vision.transforms` makes tensors and variations of them.

Needs nothing but NumPy. With Pillow (`pip install 'tracegraph[vision]'`) images are PIL images, as in torchvision.
"""

from tracegraph.vision import datasets as datasets
from tracegraph.vision import transforms as transforms
