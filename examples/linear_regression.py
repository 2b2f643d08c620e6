"""Linear regression: finds the weights of a noisy linear function by gradient descent on the mean squared error."""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.optim as optim
from tracegraph import trace

WEIGHTS = [2.0, -3.4, 0.7]
OFFSET = 4.2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def table(rows):
    """Inputs (rows, 3), and targets (rows, 1) with noise of standard deviation 0.1."""
    x = torch.randn(rows, len(WEIGHTS))
    y = x @ torch.tensor(WEIGHTS).unsqueeze(1) + OFFSET
    return x, y + 0.1 * torch.randn(rows, 1)


def train(args, trace=trace):
    """Train, with the step under `trace`; returns the loss of each epoch."""
    torch.manual_seed(args.seed)
    x, y = table(args.rows)
    model = nn.Linear(len(WEIGHTS), 1)
    criterion = nn.MSELoss()
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
        if epoch % 10 == 0:
            print(f"epoch {epoch:3d}: loss {losses[-1]:.5f}")

    found = ", ".join(f"{weight:.2f}" for weight in model.weight[0].tolist())
    print(f"weights {found}, offset {model.bias.item():.2f}; the data were made with {WEIGHTS} and {OFFSET}")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
