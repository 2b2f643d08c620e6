"""A small Transformer learns to predict the next character of English text, with a rate that rises and then falls.

The text comes with Python (`pydoc_data.topics`).
"""

import argparse
from pydoc_data.topics import topics

import tracegraph as torch
import tracegraph.nn as nn
import tracegraph.nn.functional as F
import tracegraph.optim as optim
from tracegraph import trace


class TransformerModel(nn.Module):
    """Numbers of characters (n, length) to the logits (n, length, characters) of the next ones."""

    def __init__(self, characters, length, width, heads, layers):
        super().__init__()
        self.token = nn.Embedding(characters, width)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, characters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, x):
        hidden = self.token(x) + self.position
        return self.head(self.encoder(hidden, mask=self.mask, is_causal=True))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=50, help="of each epoch")
    parser.add_argument("--characters", type=int, default=50000, help="how much of the text is read")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--length", type=int, default=32, help="characters a step looks back")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traced", action="store_true", default=True)
    parser.add_argument("--eager", dest="traced", action="store_false", help="run the steps as plain Python")
    return parser


def batch_of(codes, batch_size, length):
    """Inputs and targets (batch_size, length) from random places."""
    starts = torch.randint(0, len(codes) - length - 1, (batch_size, 1))
    places = starts + torch.arange(length)
    return codes[places], codes[places + 1]


def train(args, trace=trace):
    """Train, with the steps under `trace`; returns the mean loss of each epoch."""
    torch.manual_seed(args.seed)
    text = "\n".join(topics[name] for name in sorted(topics))[: args.characters]
    alphabet = sorted(set(text))
    codes = torch.tensor([alphabet.index(character) for character in text])
    learnt, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]

    model = TransformerModel(len(alphabet), args.length, args.width, args.heads, args.layers)
    optimizer = optim.AdamW(model.parameters(), lr=args.lr)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=args.epochs * args.steps)

    @trace
    def train_step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).transpose(1, 2), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    @trace
    def test_step(x, y):
        with torch.no_grad():
            return F.cross_entropy(model(x).transpose(1, 2), y)

    losses = []
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for _ in range(args.steps):
            total += train_step(*batch_of(learnt, args.batch_size, args.length)).item()
            scheduler.step()
        losses.append(total / args.steps)
        model.eval()
        held = test_step(*batch_of(held_out, 4 * args.batch_size, args.length)).item()
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, on text held out {held:.4f}")

    print(f"of {len(alphabet)} characters the next one is known to within about {torch.tensor(held).exp().item():.1f}")
    return losses


if __name__ == "__main__":
    args = arguments().parse_args()
    train(args, trace if args.traced else lambda step: step)
