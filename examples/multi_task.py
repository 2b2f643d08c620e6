"""One body with two heads: from the same table one head learns a number, the other a class; their losses are added."""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.utils.data import DataLoader, TensorDataset, random_split

FEATURES = 8
CLASSES = 3


class MultiTask(nn.Module):
    """Rows (n, 8) to a dict: "value" (n, 1) and the logits "class" (n, 3)."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.heads = nn.ModuleDict({"value": nn.Linear(width, 1), "class": nn.Linear(width, CLASSES)})

    def forward(self, x):
        shared = self.body(x)
        return {name: head(shared) for name, head in self.heads.items()}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--weight", type=float, default=0.5, help="of the loss of the classes")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def table(rows):
    """Rows of features; the value and the class both depend on the same three sums of them."""
    x = torch.randn(rows, FEATURES)
    sums = torch.tanh(x @ torch.randn(FEATURES, CLASSES))
    return TensorDataset(x, sums.prod(dim=1, keepdim=True) + sums[:, :1], sums.argmax(dim=1))


def train(args, trace=trace):
    """Train, with the steps under `trace`; returns the mean of both losses together of each epoch."""
    torch.manual_seed(args.seed)
    train_data, test_data = random_split(table(args.rows), [0.8, 0.2])
    train_loader = DataLoader(train_data, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_data, batch_size=len(test_data))

    model = MultiTask(args.width)
    optimizer = optim.RMSprop(model.parameters(), lr=args.lr)

    @trace
    def train_step(x, value, label):
        optimizer.zero_grad()
        output = model(x)
        losses = {"value": F.mse_loss(output["value"], value), "class": F.cross_entropy(output["class"], label)}
        total = losses["value"] + args.weight * losses["class"]
        total.backward()
        optimizer.step()
        return total, losses

    @trace
    def test_step(x, value, label):
        with torch.no_grad():
            output = model(x)
            return F.mse_loss(output["value"], value), (output["class"].argmax(1) == label).float().mean()

    history = []
    for epoch in range(1, args.epochs + 1):
        sums = {"total": 0.0, "value": 0.0, "class": 0.0}
        for batch in train_loader:
            total, parts = train_step(*batch)
            for name, loss in {"total": total, **parts}.items():
                sums[name] += loss.item() * len(batch[0]) / len(train_data)
        history.append(sums["total"])
        print(f"epoch {epoch:2d}: " + ", ".join(f"{name} {mean:.4f}" for name, mean in sums.items()))

    for batch in test_loader:
        error, accuracy = test_step(*batch)
    print(f"on other rows: squared error {error.item():.4f}, accuracy {100 * accuracy.item():.1f} %")
    return history


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
