"""The index algebra against brute force: every simplification keeps the value for all values of the loop variables."""

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tracegraph.compiler.codegen.python_source import index_text
from tracegraph.compiler.index import Index, Quotient, Remainder, Variable, broadcast, flatten, unflatten, variable

NAMES = ("i0", "i1", "i2")
Values = dict[str, int]


def value_of(index: Index, values: Values) -> int:
    """The value of an index, by its definition."""
    total = index.constant
    for atom, factor in index.terms:
        if isinstance(atom, Variable):
            total += factor * values[atom.name]
        elif isinstance(atom, Quotient):
            total += factor * (value_of(atom.numerator, values) // atom.divisor)
        else:
            assert isinstance(atom, Remainder)
            total += factor * (value_of(atom.numerator, values) % atom.divisor)
    return total


def all_values(extents: tuple[int, ...]) -> Iterator[Values]:
    """Every assignment of the loop variables."""
    for values in itertools.product(*map(range, extents)):
        yield dict(zip(NAMES, values, strict=True))


extents = st.tuples(*[st.integers(1, 5)] * 3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(-20, 20)),
        st.tuples(st.just("times"), st.integers(-4, 6)),
        st.tuples(st.just("plus"), st.integers(0, 2)),
        st.tuples(st.just("minus"), st.integers(0, 2)),
        st.tuples(st.just("floordiv"), st.integers(1, 9)),
        st.tuples(st.just("mod"), st.integers(1, 9)),
    ),
    max_size=7,
)


def build(sizes: tuple[int, ...], program: list[tuple[str, int]]) -> Iterator[tuple[Index, list[int]]]:
    """Run a program on the algebra and on numbers; gives each index with its values for all assignments."""
    variables = [variable(name, size) for name, size in zip(NAMES, sizes, strict=True)]
    every = list(all_values(sizes))
    index, numbers = variables[0], [values["i0"] for values in every]
    for word, argument in program:
        if word == "add":
            index, numbers = index + argument, [n + argument for n in numbers]
        elif word == "times":
            index, numbers = index * argument, [n * argument for n in numbers]
        elif word == "plus":
            index, numbers = (
                index + variables[argument],
                [n + v[NAMES[argument]] for n, v in zip(numbers, every, strict=True)],
            )
        elif word == "minus":
            index, numbers = (
                index - variables[argument],
                [n - v[NAMES[argument]] for n, v in zip(numbers, every, strict=True)],
            )
        elif word == "floordiv":
            index, numbers = index // argument, [n // argument for n in numbers]
        else:
            index, numbers = index % argument, [n % argument for n in numbers]
        yield index, numbers


@given(extents, steps)
def test_arithmetic_keeps_the_value_and_the_bounds(sizes: tuple[int, ...], program: list[tuple[str, int]]) -> None:
    every = list(all_values(sizes))
    for index, numbers in build(sizes, program):
        assert [value_of(index, values) for values in every] == numbers
        low, high = index.bounds()
        assert low <= min(numbers)
        assert max(numbers) <= high
        assert len({atom for atom, _ in index.terms}) == len(index.terms)
        assert [eval(index_text(index), {}, dict(values)) for values in every] == numbers
        assert [eval(str(index), {}, dict(values)) for values in every] == numbers


@given(extents, steps, extents, steps)
def test_substitution(
    sizes: tuple[int, ...], program: list[tuple[str, int]], other: tuple[int, ...], inner: list[tuple[str, int]]
) -> None:
    """Replace i0 by an index of other variables whose values stay in i0's range."""
    for index, _ in build(sizes, program):
        for replacement, _ in build(other, inner):
            fitted = replacement % sizes[0]
            renamed = fitted.substitute(
                {Variable(n, e): variable(f"j{n[1]}", e) for n, e in zip(NAMES, other, strict=True)}
            )
            done = index.substitute({Variable("i0", sizes[0]): renamed})
            for outer in itertools.islice(all_values(other), 20):
                for values in itertools.islice(all_values((1, *sizes[1:])), 6):
                    first = value_of(fitted, outer)
                    assert value_of(done, {**values, **{f"j{n[1]}": v for n, v in outer.items()}}) == value_of(
                        index, {**values, "i0": first}
                    )


shapes = st.lists(st.integers(1, 4), min_size=0, max_size=4).map(tuple)


@given(shapes, st.randoms(use_true_random=False))
def test_flatten_and_unflatten_are_inverse(shape: tuple[int, ...], random: "np.random.Generator") -> None:
    """A position found in one shape and looked up in another is NumPy's reshape."""
    size = int(np.prod(shape))
    factors = [n for n in range(1, size + 1) if size % n == 0]
    first = random.choice(factors)
    second = random.choice([n for n in range(1, size // first + 1) if (size // first) % n == 0])
    other = (first, second, size // first // second)
    point = tuple(variable(f"i{n}", extent) for n, extent in enumerate(shape))
    there = unflatten(flatten(point, shape), other)
    back = unflatten(flatten(there, other), shape)
    array = np.arange(size).reshape(other)
    for values in itertools.product(*map(range, shape)):
        named = {f"i{n}": value for n, value in enumerate(values)}
        assert (
            array[tuple(value_of(index, named) for index in there)] == np.ravel_multi_index(values, shape)
            if shape
            else True
        )
        assert tuple(value_of(index, named) for index in back) == values


@given(shapes)
def test_the_way_back_simplifies_to_nothing(shape: tuple[int, ...]) -> None:
    """Flattening and unflattening in the same shape leaves the loop variables, without division."""
    point = tuple(variable(f"i{n}", extent) for n, extent in enumerate(shape))
    assert unflatten(flatten(point, shape), shape) == point


@given(shapes, st.data())
def test_broadcast(shape: tuple[int, ...], data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(shape)))
    operand = tuple(data.draw(st.sampled_from((1, size))) for size in shape[len(shape) - kept :])
    point = tuple(variable(f"i{n}", extent) for n, extent in enumerate(shape))
    array = np.arange(int(np.prod(operand))).reshape(operand)
    wide = np.broadcast_to(array, shape)
    for values in itertools.product(*map(range, shape)):
        named = {f"i{n}": value for n, value in enumerate(values)}
        where = tuple(value_of(index, named) for index in broadcast(point, operand))
        assert array[where] == wide[values]


def test_shapes_without_elements() -> None:
    """Nothing is ever read there, but the indices have to exist."""
    for shape, other in (((0, 3), (3, 0)), ((0,), (0, 5)), ((2, 0, 3), (0,))):
        point = tuple(variable(f"i{n}", extent) for n, extent in enumerate(shape))
        assert len(unflatten(flatten(point, shape), other)) == len(other)
