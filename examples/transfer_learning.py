"""Transfer: a network that has learnt the digits 0 to 4 is frozen, and a new head learns 5 to 9 from a few examples."""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.utils.data import DataLoader, Subset
from tracegraph.vision import datasets, transforms


class Classifier(nn.Module):
    """Images (n, 1, 28, 28) to the logits (n, 5) of five digits."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(256, 5)

    def forward(self, x):
        return self.head(self.body(x))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5, help="of the new head")
    parser.add_argument("--pretraining-epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--examples", type=int, default=500, help="digits 5 to 9 to learn from")
    parser.add_argument("--pretraining-examples", type=int, default=2000, help="digits 0 to 4 to learn from")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def digits(train, first, count=None):
    """Five digits from `first` on, with the labels 0 to 4."""
    data = datasets.MNIST5k(train, transforms.ToTensor(), target_transform=lambda label: label - first)
    wanted = (data.targets >= first) & (data.targets < first + 5)
    return Subset(data, wanted.nonzero().flatten().tolist()[:count])


def fit(model, data, epochs, args, trace):
    """Train what is not frozen, with the step under `trace`; returns the mean loss of each epoch."""
    loader = DataLoader(data, batch_size=args.batch_size, shuffle=True)
    optimizer = optim.Adam([parameter for parameter in model.parameters() if parameter.requires_grad], lr=args.lr)

    @trace
    def train_step(images, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for epoch in range(1, epochs + 1):
        total = sum(train_step(images, labels).item() * len(images) for images, labels in loader)
        losses.append(total / len(data))
        print(f"  epoch {epoch}: loss {losses[-1]:.4f}")
    return losses


def train(args, trace=trace):
    """Train the whole network and then a new head; returns the mean loss of each epoch of the new head."""
    torch.manual_seed(args.seed)
    model = Classifier()
    print("digits 0 to 4, all parameters")
    fit(model, digits(True, 0, args.pretraining_examples), args.pretraining_epochs, args, trace)

    for parameter in model.body.parameters():
        parameter.requires_grad = False
    model.head = nn.Linear(model.head.in_features, 5)
    learnt = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    print(f"digits 5 to 9, a new head of {learnt:,} parameters")
    losses = fit(model, digits(True, 5, args.examples), args.epochs, args, trace)

    test_data = digits(False, 5)
    with torch.no_grad():
        correct = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(test_data, batch_size=500))
    print(f"{correct} of {len(test_data)} other digits from 5 to 9 are read correctly")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
