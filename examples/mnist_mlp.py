"""A perceptron with one hidden layer, 784-128-10, learns handwritten digits: 4,000 of MNIST5k; 1,000 others test it."""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.utils.data import DataLoader
from tracegraph.vision import datasets, transforms


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--train-size", type=int, default=4000, help="how many of the 5,000 digits are learnt from")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def train(args, trace=trace):
    """Train, with the steps under `trace`; returns the mean loss of each epoch."""
    torch.manual_seed(args.seed)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_data = datasets.MNIST5k(train=True, transform=transform, train_size=args.train_size)
    test_data = datasets.MNIST5k(train=False, transform=transform)
    train_loader = DataLoader(train_data, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_data, batch_size=500)

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    @trace
    def train_step(images, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    @trace
    def count_correct(images, labels):
        with torch.no_grad():
            return (model(images).argmax(dim=1) == labels).sum()

    losses = []
    for epoch in range(1, args.epochs + 1):
        total = 0.0
        for images, labels in train_loader:
            total += train_step(images, labels).item() * len(images)
        losses.append(total / len(train_data))
        correct = sum(count_correct(images, labels).item() for images, labels in test_loader)
        accuracy = correct / len(test_data)
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, accuracy {100 * accuracy:.1f} %")

    print(f"{correct} of {len(test_data)} digits that were not learnt from are read correctly")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
