"""PyTorch's own operator database (OpInfo) run through tracegraph: `python -m tests.opinfo [NAME ...] [--traced]`."""
