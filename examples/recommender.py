"""Matrix factorisation: predicts how users rate items from an embedding and a bias of each.

The ratings are generated: a matrix of low rank and some noise, of which a part is known.
"""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.utils.data import DataLoader, TensorDataset, random_split


class MatrixFactorisation(nn.Module):
    """Users (n,) and items (n,), both numbers, to ratings (n,)."""

    def __init__(self, users, items, rank):
        super().__init__()
        self.user_factors = nn.Embedding(users, rank)
        self.item_factors = nn.Embedding(items, rank)
        self.user_bias = nn.Embedding(users, 1)
        self.item_bias = nn.Embedding(items, 1)
        self.mean = nn.Parameter(torch.zeros(1))
        for embedding in (self.user_factors, self.item_factors):
            nn.init.normal_(embedding.weight, std=0.1)
        for embedding in (self.user_bias, self.item_bias):
            nn.init.zeros_(embedding.weight)

    def forward(self, users, items):
        liking = (self.user_factors(users) * self.item_factors(items)).sum(dim=1)
        return self.mean + self.user_bias(users).squeeze(1) + self.item_bias(items).squeeze(1) + liking


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--ratings", type=int, default=20000)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def ratings(args):
    """Triples of user, item and rating, the ratings around 3 with noise of standard deviation 0.2."""
    likings = torch.randn(args.users, args.rank) @ torch.randn(args.rank, args.items) / args.rank**0.5
    users = torch.randint(0, args.users, (args.ratings,))
    items = torch.randint(0, args.items, (args.ratings,))
    return TensorDataset(users, items, 3 + likings[users, items] + 0.2 * torch.randn(args.ratings))


def train(args, trace=trace):
    """Train, with the steps under `trace`; returns the mean loss of each epoch."""
    torch.manual_seed(args.seed)
    known, hidden = random_split(ratings(args), [0.9, 0.1])
    train_loader = DataLoader(known, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(hidden, batch_size=len(hidden))

    model = MatrixFactorisation(args.users, args.items, args.rank)
    optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=1e-5)

    @trace
    def train_step(users, items, truth):
        optimizer.zero_grad()
        loss = F.mse_loss(model(users, items), truth)
        loss.backward()
        optimizer.step()
        return loss

    @trace
    def squared_error(users, items, truth):
        with torch.no_grad():
            return F.mse_loss(model(users, items), truth)

    losses = []
    for epoch in range(1, args.epochs + 1):
        total = 0.0
        for users, items, truth in train_loader:
            total += train_step(users, items, truth).item() * len(truth)
        losses.append(total / len(known))
        error = sum(squared_error(*batch).item() for batch in test_loader) ** 0.5
        print(f"epoch {epoch:2d}: loss {losses[-1]:.4f}, error on hidden ratings {error:.3f}")

    print(f"hidden ratings are predicted to {error:.2f}, where the noise in them is 0.2")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
