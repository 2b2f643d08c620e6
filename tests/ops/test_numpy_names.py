"""Every public function with `dim` takes `axis`, with `keepdim` `keepdims`; `out` is refused."""

import inspect

import numpy as np
import pytest

import tracegraph
from tracegraph.compiler.ops.dispatch import PUBLIC
from tracegraph.compiler.ops.numpy_names import accept_numpy_names

WITH_DIM = sorted(name for name, entry in PUBLIC.items() if "dim" in inspect.signature(entry.function).parameters)


@pytest.mark.parametrize("name", WITH_DIM)
def test_axis_is_dim_and_out_is_refused(name: str) -> None:
    function = PUBLIC[name].function
    seen: list[dict[str, object]] = []

    def record(**given: object) -> None:
        seen.append(given)

    signature = inspect.signature(function)
    source = (
        f"def {name}({', '.join(str(p.replace(annotation=p.empty)) for p in _plain(signature))}): record(**locals())"
    )
    namespace: dict[str, object] = {"record": record}
    exec(source, namespace)
    twin = accept_numpy_names(namespace[name])  # type: ignore[type-var]
    required = {p.name: 7 for p in signature.parameters.values() if p.default is p.empty and p.name != "dim"}
    twin(**required, dim=3)  # type: ignore[operator]
    twin(**required, axis=3)  # type: ignore[operator]
    assert seen[0] == seen[1]
    assert seen[0]["dim"] == 3
    with pytest.raises(TypeError, match=f"{name}: out= is not supported"):
        function(**required, dim=3, out=tracegraph.zeros(3))
    with pytest.raises(TypeError, match="dim and axis are two words for one argument"):
        function(**required, dim=3, axis=2)
    if signature.parameters["dim"].default is inspect.Parameter.empty:
        with pytest.raises(TypeError, match=r"missing .*'dim'"):
            function(**required)


def _plain(signature: inspect.Signature) -> list[inspect.Parameter]:
    """The parameters, with defaults that can be written in source."""
    return [p if p.default is p.empty else p.replace(default=None) for p in signature.parameters.values()]


def test_in_use() -> None:
    x = tracegraph.tensor([[1.0, 2.0], [5.0, 3.0]])
    expected = x.numpy().sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(PUBLIC["sum"].function(x, axis=1, keepdims=True).numpy(), expected)
    np.testing.assert_array_equal(x.sum(axis=1, keepdims=True).numpy(), expected)
    assert PUBLIC["cat"].function([x, x], axis=1).shape == (2, 4)
    assert x.unsqueeze(axis=0).shape == (1, 2, 2)
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'length'"):
        x.narrow(0, 1)
