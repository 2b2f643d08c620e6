"""What is known of single operators: where values are random or less exact, and which differences are meant."""

RANDOM = frozenset(
    {
        "bernoulli", "cauchy", "empty", "empty_like", "exponential", "geometric", "log_normal", "multinomial",
        "new_empty", "nn.functional.alpha_dropout", "nn.functional.dropout", "nn.functional.dropout2d",
        "nn.functional.dropout3d", "nn.functional.feature_alpha_dropout",
        "nn.functional.multi_head_attention_forward", "nn.functional.rrelu", "normal",
        "rand_like", "randint", "randint_like", "randn", "randn_like", "uniform",
    }
)  # fmt: skip
"""Operators whose values are random or undefined: dtypes and shapes are compared."""

PICKS = {"argsort": 1, "kthvalue": 2, "mode": 1, "sort": 1, "topk": 2}
"""Operators that give indices, with the place of `dim` among their arguments. PyTorch does not say which of equal
elements they point at, so what they point at is compared.
"""

APPROXIMATE = {
    "polygamma": 1e-4,  # near the poles, where PyTorch reflects in float32
    "special.polygamma": 1e-4,
    "linalg.lstsq": 1e-3,
    "logcumsumexp": 3e-4,  # of elements up to 10,000; PyTorch's gradient is off by 2e-3 there, ours by 4e-7
    "matrix_exp": 1e-2,  # PyTorch's error in float32; ours is computed in float64
}
"""Relative and absolute tolerance where 2e-5 is too narrow for float32."""

DIFFERENT: dict[tuple[str, str], str] = {}
"""(operator, dtype) -> why some of its samples give something else than in PyTorch."""

VERDICTS: dict[str, str] = dict.fromkeys(
    ("argwhere", "bincount", "index_put", "item", "masked_select", "nonzero", "unique", "unique_consecutive"),
    "co-executed",  # the shape of the result depends on values, or a value goes to Python
)
"""Operators that a traced function cannot compute statically: by default "static" is expected."""
