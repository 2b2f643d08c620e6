"""The example in each pass's docstring is what the pass does; smaller texts pin down single rewrites."""

import re
import textwrap

import pytest

from tracegraph.compiler.ir import parse, to_text
from tracegraph.compiler.passes import Canonicalise, FoldConstants, MergeCommon, Pass, RemoveDead, SimplifyViews
from tracegraph.compiler.pipeline import PASSES, optimise


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.name)
def test_docstring(step: Pass) -> None:
    examples = re.findall(r"^ *graph .*?^ *\}$", step.__doc__ or "", re.DOTALL | re.MULTILINE)
    assert len(examples) == 2, "a pass is documented by one graph before and one after"
    before, after = [textwrap.dedent(example) + "\n" for example in examples]
    assert to_text(parse(before)) == before
    assert to_text(step(parse(before))) == after


CASES = [
    (SimplifyViews(), "reshape_and_ones", "%x: int8[2, 3]",
     "%0 = permute(%y, dims=(1, 0)) return %0", "%0 = reshape(%y, shape=(1, 4)) return %0"),
    (SimplifyViews(), "permute_pair", "%x: float32[2, 3]",
     "%0 = permute(%x, dims=(1, 0)) %1 = exp(%0) %2 = permute(%1, dims=(1, 0)) return %2", "%0 = exp(%x) return %0"),
    (SimplifyViews(), "reshape_pair", "%x: float32[2, 3]",
     "%0 = reshape(%x, shape=(6,)) %1 = constant(2.0) %2 = multiply(%0, %1) %3 = reshape(%2, shape=(2, 3)) return %3",
     "%0 = constant(2.0) %1 = multiply(%x, %0) return %1"),
    (SimplifyViews(), "pair_with_another_user", "%x: float32[2, 3]",
     "%0 = permute(%x, dims=(1, 0)) %1 = exp(%0) %2 = permute(%1, dims=(1, 0)) return %2, %1",
     "%0 = permute(%x, dims=(1, 0)) %1 = exp(%0) %2 = permute(%1, dims=(1, 0)) return %2, %1"),
    (SimplifyViews(), "expands", "%x: float32[2, 3]",
     "%0 = expand(%y, shape=(4, 5)) %1 = expand(%0, shape=(2, 4, 5)) return %1",
     "%0 = expand(%y, shape=(2, 4, 5)) return %0"),
    (SimplifyViews(), "implied_broadcast", "%x: float32[4, 3]",
     "%0 = expand(%y, shape=(4, 3)) %1 = add(%x, %0) return %1", "%0 = add(%x, %y) return %0"),
    (SimplifyViews(), "amax_of_expand", "%x: float32[2]",
     "%0 = expand(%x, shape=(5, 2)) %1 = amax(%0, dims=(0,)) return %1", "return %x"),
    (SimplifyViews(), "integer_sum_of_expand", "%x: int32[2, 1]",
     "%0 = expand(%x, shape=(2, 5)) %1 = sum(%0, dims=(0, 1)) return %1",
     "%0 = sum(%x, dims=(0, 1)) %1 = constant(5) : int32[] %2 = multiply(%0, %1) return %2"),
    (SimplifyViews(), "float_sum_of_expand", "%x: float32[2, 1]",
     "%0 = expand(%x, shape=(2, 5)) %1 = sum(%0, dims=(0, 1)) return %1",
     "%0 = expand(%x, shape=(2, 5)) %1 = sum(%0, dims=(0, 1)) return %1"),
    (SimplifyViews(inexact=True), "inexact_float_sum_of_expand", "%x: float32[2, 1]",
     "%0 = expand(%x, shape=(2, 5)) %1 = sum(%0, dims=(0, 1)) return %1",
     "%0 = sum(%x, dims=(0, 1)) %1 = constant(5.0) : float32[] %2 = multiply(%0, %1) return %2"),
    (SimplifyViews(), "one_element_each", "%x: int64[2, 1, 3]",
     "%0 = sum(%x, dims=(1,)) return %0", "%0 = reshape(%x, shape=(2, 3)) return %0"),
    (SimplifyViews(), "argmax_is_no_view", "%x: int64[2, 1]",
     "%0 = argmax(%x, dims=(1,)) return %0", "%0 = argmax(%x, dims=(1,)) return %0"),
    (SimplifyViews(), "cast_before_expand", "%x: int64[2, 1]",
     "%0 = expand(%x, shape=(2, 9)) %1 = cast(%0, dtype=float32) return %1",
     "%0 = cast(%x, dtype=float32) %1 = expand(%0, shape=(2, 9)) return %1"),
    (SimplifyViews(), "index_of_all", "%x: int64[2, 1]",
     "%0 = index_basic(%x, starts=(0, 0), stops=(2, 1), steps=(1, 1), dropped=(1,), inserted=(0,)) return %0",
     "%0 = reshape(%x, shape=(1, 2)) return %0"),
    (SimplifyViews(), "transposed_product", "%x: float32[2, 4, 5]",
     "%0 = permute(%x, dims=(0, 2, 1)) %1 = matmul(%0, %y) %2 = permute(%1, dims=(0, 2, 1)) return %2",
     "%0 = reshape(%y, shape=(1, 4)) %1 = matmul(%0, %x) return %1"),
    (SimplifyViews(), "transposed_product_used_twice", "%x: float32[5, 4]",
     "%1 = matmul(%x, %y) %2 = permute(%1, dims=(1, 0)) return %2, %1",
     "%1 = matmul(%x, %y) %2 = reshape(%1, shape=(1, 5)) return %2, %1"),
    (SimplifyViews(), "matmul_keeps_permute", "%x: float32[2, 4]",
     "%0 = permute(%x, dims=(1, 0)) %1 = matmul(%0, %x) return %1",
     "%0 = permute(%x, dims=(1, 0)) %1 = matmul(%0, %x) return %1"),
    (Canonicalise(), "identity_with_broadcast", "%x: float32[3]",
     "%0 = constant(all 1.0) : float32[2, 3] %1 = multiply(%x, %0) return %1",
     "%0 = expand(%x, shape=(2, 3)) return %0"),
    (Canonicalise(), "power_of_two", "%x: float32[3]",
     "%0 = constant(4.0) %1 = divide(%x, %0) return %1",
     "%0 = constant(4.0) %1 = reciprocal(%0) %2 = multiply(%x, %1) return %2"),
    (Canonicalise(), "no_power_of_two", "%x: float32[3]",
     "%0 = constant(3.0) %1 = divide(%x, %0) return %1", "%0 = constant(3.0) %1 = divide(%x, %0) return %1"),
    (Canonicalise(), "plus_zero_stays", "%x: float32[3]",
     "%0 = constant(0.0) %1 = add(%x, %0) return %1", "%0 = constant(0.0) %1 = add(%x, %0) return %1"),
    (Canonicalise(inexact=True), "plus_zero_goes", "%x: float32[3]",
     "%0 = constant(0.0) %1 = add(%x, %0) return %1", "return %x"),
    (Canonicalise(), "constants_are_left_to_folding", "%x: bool[]",
     "%0 = constant(1.5) %1 = negative(%0) %2 = constant(3.0) %3 = multiply(%1, %2) return %3",
     "%0 = constant(1.5) %1 = negative(%0) %2 = constant(3.0) %3 = multiply(%1, %2) return %3"),
    (Canonicalise(), "signs_go_into_constants", "%x: float32[2]",
     "%1 = negative(%x) %2 = constant(3.0) %3 = multiply(%1, %2) return %3",
     "%2 = constant(3.0) %1 = negative(%2) %3 = multiply(%x, %1) return %3"),
    (Canonicalise(), "not_not_of_numbers", "%x: float32[2]",
     "%0 = logical_not(%x) %1 = logical_not(%0) return %1", "%0 = logical_not(%x) %1 = logical_not(%0) return %1"),
    (Canonicalise(), "full", "%x: bool[]",
     "%0 = full(shape=(2, 2), value=3, dtype=int8) return %0",
     "%0 = constant(3) : int8[] %1 = expand(%0, shape=(2, 2)) return %1"),
    (FoldConstants(limit=3), "above_the_limit", "%x: bool[]",
     "%0 = constant([1, 2, 3, 4]) %1 = negative(%0) return %1",
     "%0 = constant([1, 2, 3, 4]) %1 = negative(%0) return %1"),
    (FoldConstants(), "through_expand", "%x: bool[]",
     "%0 = constant(2.0) %1 = expand(%0, shape=(3,)) %2 = sum(%1, dims=(0,)) return %2, %1",
     "%0 = constant(6.0) %1 = constant(2.0) %2 = expand(%1, shape=(3,)) return %0, %2"),
    (FoldConstants(), "host_stays", "%x: bool[]",
     "%0 = constant([True, False]) %1 = nonzero(%0) : int64[1, 1] return %1",
     "%0 = constant([True, False]) %1 = nonzero(%0) : int64[1, 1] return %1"),
    (MergeCommon(), "signed_zeros_differ", "%x: float32[3]",
     "%0 = constant(0.0) %1 = constant(-0.0) %2 = divide(%x, %0) %3 = divide(%x, %1) return %2, %3",
     "%0 = constant(0.0) %2 = divide(%x, %0) %1 = constant(-0.0) %3 = divide(%x, %1) return %2, %3"),
    (MergeCommon(), "equal_constants", "%x: float32[3]",
     "%0 = constant(nan) %1 = constant(nan) %2 = add(%x, %0) %3 = add(%1, %x) return %2, %3",
     "%0 = constant(nan) %1 = add(%x, %0) return %1, %1"),
    (RemoveDead(), "real_updates_stay", "%x: float32[4, 1]",
     "%0 = negative(%y) update %y = %0 return %x", "%0 = negative(%y) update %y = %0 return %x"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "name", "x", "before", "after"), CASES, ids=[case[1] for case in CASES])
def test_rewrite(step: Pass, name: str, x: str, before: str, after: str) -> None:
    y = (
        "%y: float32[5]"
        if name == "expands"
        else "%y: float32[4, 1]"
        if name != "implied_broadcast"
        else "%y: float32[3]"
    )
    y = "%y: float32[1, 5]" if name == "expands" else y
    changed = step(parse(f"graph f({x}, {y}) {{ {before} }}"))
    assert to_text(changed) == to_text(parse(f"graph f({x}, {y}) {{ {after} }}"))


def test_unused_inputs_stay_and_are_told() -> None:
    graph = parse("graph f(%x: int8[2], %unused: int8[2]) { %0 = negative(%x) return %0 }")
    changed = RemoveDead()(graph)
    assert len(changed.inputs) == 2
    assert changed.notes["unused_inputs"] == ("%unused",)
    assert RemoveDead()(changed) is changed


def test_locations_and_backward_flags_are_kept() -> None:
    graph = parse(
        """graph f(%x: float32[3]) {
             %0 = constant(2.0)
             %1 = power(%x, %0)  # backward of m.py:4
             %2 = negative(%1)   # m.py:5
             return %2
           }"""
    )
    changed, _ = optimise(graph, strict=True)
    told = {node.operation.name: (node.location, node.backward) for node in changed.nodes}
    assert told["square"] == (("m.py", 4), True)
    assert told["negative"] == (("m.py", 5), False)
