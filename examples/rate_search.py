"""A search for the learning rate: trains one network at several rates, and ends each try when it no longer helps."""

import argparse
import math

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.utils.data import DataLoader, TensorDataset, random_split


class EarlyStopping:
    """Says when a loss has not become smaller for `patience` epochs."""

    def __init__(self, patience):
        self.patience = patience
        self.best = math.inf
        self.waited = 0

    def should_stop(self, loss):
        """Take down the loss of an epoch."""
        if loss < self.best:
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        return self.waited >= self.patience or not math.isfinite(loss)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30, help="at most, at each rate")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 3.0])
    parser.add_argument("--patience", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def spirals(points):
    """Points (points, 2) on two spirals wound into each other, and which spiral each is on (points, 1)."""
    y = torch.randint(0, 2, (points, 1)).float()
    turn = 1.5 * math.pi * torch.rand(points, 1).sqrt()
    angle = turn + math.pi * y
    x = torch.cat([turn * angle.cos(), turn * angle.sin()], dim=1) / math.pi
    return TensorDataset(x + 0.15 * torch.randn(points, 2), y)


def fit(rate, train_data, validation_data, args, trace):
    """Train at one rate, with the steps under `trace`; returns the loss of each epoch and the best validation loss."""
    torch.manual_seed(args.seed + 1)  # all rates start from the same network; the data were made with another seed
    train_loader = DataLoader(train_data, batch_size=args.batch_size, shuffle=True)
    validation_loader = DataLoader(validation_data, batch_size=len(validation_data))

    model = nn.Sequential(nn.Linear(2, args.width), nn.Tanh(), nn.Linear(args.width, args.width), nn.Tanh())
    model.append(nn.Linear(args.width, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = optim.SGD(model.parameters(), lr=rate, momentum=0.9)

    @trace
    def train_step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    @trace
    def validation_loss(x, y):
        with torch.no_grad():
            return criterion(model(x), y)

    stopping = EarlyStopping(args.patience)
    losses = []
    for _ in range(args.epochs):
        total = sum(train_step(x, y).item() * len(x) for x, y in train_loader)
        losses.append(total / len(train_data))
        if stopping.should_stop(sum(validation_loss(x, y).item() for x, y in validation_loader)):
            break
    print(f"rate {rate:7g}: {len(losses):2d} epochs, loss {losses[-1]:.4f}, best validation loss {stopping.best:.4f}")
    return losses, stopping.best


def train(args, trace=trace):
    """Try all rates; returns the loss of each epoch at the best one."""
    torch.manual_seed(args.seed)
    train_data, validation_data = random_split(spirals(args.points), [0.8, 0.2])
    tries = {rate: fit(rate, train_data, validation_data, args, trace) for rate in args.rates}
    best = min(tries, key=lambda rate: tries[rate][1])
    print(f"the best rate is {best:g}, with a validation loss of {tries[best][1]:.4f}")
    return tries[best][0]


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
