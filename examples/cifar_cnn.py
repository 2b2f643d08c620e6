"""A convolutional network with batch normalisation and Adam on small colour images.

The images are CIFAR-10's where `--data` names the folder of its files, else noise, which can only be learnt by heart.
"""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.utils.data import DataLoader
from tracegraph.vision import datasets, transforms


class ConvNet(nn.Module):
    """Images (n, 3, 32, 32) to the logits (n, 10) of the classes."""

    def __init__(self, width=16):
        super().__init__()
        self.features = nn.Sequential(
            self.block(3, width),
            self.block(width, 2 * width),
            self.block(2 * width, 4 * width),
            nn.AdaptiveAvgPool2d(1),
        )
        self.classifier = nn.Linear(4 * width, 10)

    @staticmethod
    def block(channels, out_channels):
        """Halves height and width."""
        return nn.Sequential(
            nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--width", type=int, default=16, help="channels of the first layer")
    parser.add_argument("--images", type=int, default=200, help="how many images of noise")
    parser.add_argument("--data", help="the folder with cifar-10-batches-py")
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def train(args, trace=trace):
    """Train, with the step under `trace`; returns the mean loss of each epoch."""
    torch.manual_seed(args.seed)
    transform = transforms.Compose([
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    ])  # fmt: skip
    if args.data:
        dataset = datasets.CIFAR10(args.data, train=True, transform=transform)
    else:
        dataset = datasets.FakeData(args.images, image_size=(3, 32, 32), num_classes=10, transform=transform)
    loader = DataLoader(dataset, batch_size=args.batch_size, shuffle=True)

    model = ConvNet(args.width)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=args.lr)

    @trace
    def train_step(images, labels):
        optimizer.zero_grad()
        output = model(images)
        loss = criterion(output, labels)
        loss.backward()
        optimizer.step()
        return loss, (output.argmax(1) == labels).sum()

    losses = []
    for epoch in range(1, args.epochs + 1):
        total, correct = 0.0, 0
        for images, labels in loader:
            loss, right = train_step(images, labels)
            total += loss.item() * len(images)
            correct += right.item()
        losses.append(total / len(dataset))
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, accuracy while training {100 * correct / len(dataset):.1f} %")

    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters have learnt {correct} of {len(dataset)} images")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
