"""Logistic regression: tells two overlapping clouds of points apart with a sigmoid and the binary cross entropy."""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.optim as optim
from tracegraph import trace


class LogisticRegression(nn.Module):
    """Points (n, features) to the probability (n, 1) of the second cloud."""

    def __init__(self, features):
        super().__init__()
        self.linear = nn.Linear(features, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=500, help="in each cloud")
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def clouds(points):
    """Points (2 * points, 2), and for each which cloud it is from, 0 or 1, (2 * points, 1)."""
    centres = torch.tensor([[-1.0, -1.0], [1.5, 1.0]])
    x = torch.cat([centre + torch.randn(points, 2) for centre in centres])
    y = torch.cat([torch.zeros(points, 1), torch.ones(points, 1)])
    return x, y


def train(args, trace=trace):
    """Train, with the step under `trace`; returns the loss of each epoch."""
    torch.manual_seed(args.seed)
    x, y = clouds(args.points)
    model = LogisticRegression(2)
    criterion = nn.BCELoss()
    optimizer = optim.SGD(model.parameters(), lr=args.lr)

    @trace
    def train_step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for epoch in range(1, args.epochs + 1):
        losses.append(train_step(x, y).item())
        if epoch % 100 == 0:
            print(f"epoch {epoch:4d}: loss {losses[-1]:.4f}")

    with torch.no_grad():
        right = ((model(x) > 0.5) == (y > 0.5)).float().mean().item()
    print(f"{100 * right:.1f} % of the points are on their side of the line")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
