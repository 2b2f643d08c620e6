"""An LSTM learns to write the English of Python's reference, character by character.

The text comes with Python (`pydoc_data.topics`). The state is carried from one stretch of text to the next.
"""

import argparse
from pydoc_data.topics import topics

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace


class CharacterModel(nn.Module):
    """Numbers of characters (n, length) and a state to the logits (n, length, characters) of the next ones."""

    def __init__(self, characters, width):
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, characters)

    def forward(self, x, state):
        hidden, state = self.lstm(self.embedding(x), state)
        return self.head(hidden), state


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--characters", type=int, default=20000, help="how much of the text is read")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--length", type=int, default=25, help="characters a step looks back")
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--sample", type=int, default=80, help="characters to write at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def stretches(codes, batch_size, length):
    """Pairs of inputs and targets (batch_size, length), each going on where the one before ended."""
    columns = (len(codes) - 1) // batch_size
    inputs = codes[: batch_size * columns].view(batch_size, columns)
    targets = codes[1 : batch_size * columns + 1].view(batch_size, columns)
    starts = range(0, columns - length + 1, length)
    return [(inputs[:, i : i + length], targets[:, i : i + length]) for i in starts]


def train(args, trace=trace):
    """Train, with the steps under `trace`; returns the mean loss of each epoch."""
    torch.manual_seed(args.seed)
    text = "\n".join(topics[name] for name in sorted(topics))[: args.characters]
    alphabet = sorted(set(text))
    codes = torch.tensor([alphabet.index(character) for character in text])
    batches = stretches(codes, args.batch_size, args.length)

    model = CharacterModel(len(alphabet), args.width)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)

    @trace
    def train_step(x, y, hidden, cell):
        optimizer.zero_grad()
        logits, (hidden, cell) = model(x, (hidden, cell))
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        return loss, hidden.detach(), cell.detach()

    @trace
    def next_character(x, hidden, cell):
        with torch.no_grad():
            logits, (hidden, cell) = model(x, (hidden, cell))
            return torch.multinomial(F.softmax(logits[:, -1] / 0.7, dim=-1), 1), hidden, cell

    losses = []
    for epoch in range(1, args.epochs + 1):
        hidden, cell = torch.zeros(2, 1, args.batch_size, args.width)
        total = 0.0
        for x, y in batches:
            loss, hidden, cell = train_step(x, y, hidden, cell)
            total += loss.item()
        losses.append(total / len(batches))
        print(f"epoch {epoch}: loss {losses[-1]:.4f}")

    written = []
    x, hidden, cell = codes[:1].view(1, 1), torch.zeros(1, 1, args.width), torch.zeros(1, 1, args.width)
    for _ in range(args.sample):
        x, hidden, cell = next_character(x, hidden, cell)
        written.append(alphabet[x.item()])
    print(f"it writes: {''.join(written)!r}")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
