"""A generative adversarial network learns to make points like those of a ring; each network has its own optimiser."""

import argparse
import math

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.optim as optim
from tracegraph import trace


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=100, help="of each epoch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--noise", type=int, default=4, help="numbers that the generator makes a point of")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def network(inputs, width, outputs):
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, outputs),
    )


def ring(count):
    """Points (count, 2) near the circle of radius 2."""
    angle = 2 * math.pi * torch.rand(count)
    radius = 2 + 0.05 * torch.randn(count)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


def train(args, trace=trace):
    """Train, with the step under `trace`; returns for each epoch how far the made points are from the circle."""
    torch.manual_seed(args.seed)
    generator = network(args.noise, args.width, 2)
    discriminator = network(2, args.width, 1)
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = optim.Adam(generator.parameters(), lr=args.lr, betas=(0.5, 0.999))
    optimizer_d = optim.Adam(discriminator.parameters(), lr=args.lr, betas=(0.5, 0.999))

    @trace
    def train_step(real):
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = generator(torch.randn(len(real), args.noise))

        # The discriminator learns to tell real from fake; the generator is left alone.
        optimizer_d.zero_grad()
        loss_d = criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros)
        loss_d.backward()
        optimizer_d.step()

        # The generator learns to be taken for real.
        optimizer_g.zero_grad()
        loss_g = criterion(discriminator(fake), ones)
        loss_g.backward()
        optimizer_g.step()
        return loss_d, loss_g

    distances = []
    for epoch in range(1, args.epochs + 1):
        total_d = total_g = 0.0
        for _ in range(args.steps):
            loss_d, loss_g = train_step(ring(args.batch_size))
            total_d += loss_d.item() / args.steps
            total_g += loss_g.item() / args.steps
        with torch.no_grad():
            points = generator(torch.randn(1000, args.noise))
        distances.append((points.norm(dim=1) - 2).abs().mean().item())
        print(f"epoch {epoch}: losses {total_d:.3f} and {total_g:.3f}, distance from the circle {distances[-1]:.3f}")

    print(f"made points are on average {distances[-1]:.2f} away from the circle of radius 2")
    return distances


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
