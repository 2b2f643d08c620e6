"""A convolutional network with dropout of whole channels learns handwritten digits; the rate falls each epoch."""

import argparse

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace
from tracegraph.optim.lr_scheduler import StepLR
from tracegraph.utils.data import DataLoader
from tracegraph.vision import datasets, transforms


class Net(nn.Module):
    """Images (n, 1, 28, 28) to the logarithms of the probabilities (n, 10) of the digits."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, 320)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--train-size", type=int, default=4000, help="how many of the 5,000 digits are learnt from")
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--gamma", type=float, default=0.7, help="what the rate is multiplied by after each epoch")
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

    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)

    @trace
    def train_step(images, labels):
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    @trace
    def test_step(images, labels):
        with torch.no_grad():
            output = model(images)
            return F.nll_loss(output, labels, reduction="sum"), (output.argmax(dim=1) == labels).sum()

    losses = []
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for images, labels in train_loader:
            total += train_step(images, labels).item() * len(images)
        losses.append(total / len(train_data))

        model.eval()
        test_loss, correct = 0.0, 0
        for images, labels in test_loader:
            loss, right = test_step(images, labels)
            test_loss += loss.item() / len(test_data)
            correct += right.item()
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, test loss {test_loss:.4f}, rate {scheduler.get_last_lr()[0]:.2f}")
        scheduler.step()

    print(f"{correct} of {len(test_data)} digits that were not learnt from are read correctly")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
