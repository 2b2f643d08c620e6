"""PyTorch's own database of modules run through `tracegraph.nn`: representation, results, gradients, errors."""
