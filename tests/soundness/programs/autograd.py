"""Gradients inside of traced calls, outside of them, and across several of them."""

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


def leaf(T, *values):
    return T.tensor(list(values), requires_grad=True)


@program(verdict="static")
def backward_inside(T, wrap):
    """Loss and gradient in one call; gradients add up over calls until the caller resets them."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        loss = (w * x).sum()
        loss.backward()
        return loss.detach()

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), w
    w.grad = None
    yield f(T.tensor([1.0, 2.0])), w
    w.grad.zero_()
    yield f(T.tensor([1.0, 2.0])), w


@program(verdict="static")
def backward_outside(T, wrap):
    """The caller takes the gradient of a result."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: (w * x * w).sum())
    for start in (1.0, 2.0, 3.0):
        f(T.tensor([start, 2.0])).backward()
        yield w


@program(verdict="co-executed")
def backward_across_two_calls(T, wrap):
    """Two traced calls make one graph."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: x * w)
    for start in (1.0, 2.0, 3.0):
        y = f(f(T.tensor([start, 2.0]))).sum()
        y.backward()
        yield y, w


@program(verdict="static")
def gradient_of_an_argument(T, wrap):
    """The argument is a leaf, or the result of an operation."""
    f = wrap(lambda x: (x * x).sum())
    for start in (1.0, 2.0, 3.0):
        x = leaf(T, start, 2.0)
        f(x).backward()
        yield x
        x = leaf(T, start, 2.0)
        f(x * 3).backward()
        yield x


@program(verdict="static")
def retained_graph(T, wrap):
    """`backward` twice: allowed with `retain_graph`, an error without."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: (w * w * x).sum())
    for start in (1.0, 2.0, 3.0):
        y = f(T.tensor([start, 2.0]))
        y.backward(retain_graph=True)
        y.backward()
        error = outcome(y.backward)
        yield w, type(error).__name__


@program(verdict="static")
def gradient_function_inside(T, wrap):
    """`autograd.grad` inside, of first and second order."""

    @wrap
    def f(x):
        y = (x**3).sum()
        (first,) = T.autograd.grad(y, x, create_graph=True)
        (second,) = T.autograd.grad(first.sum(), x)
        return first.detach(), second

    for start in (1.0, 2.0, 3.0):
        yield f(leaf(T, start, 2.0))


@program(verdict="static")
def gradient_penalty(T, wrap):
    """The norm of a gradient is part of the loss."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        y = (w * x * x).sum()
        (g,) = T.autograd.grad(y, x, create_graph=True)
        (y + (g * g).sum()).backward()
        return g.detach()

    for start in (1.0, 2.0, 3.0):
        yield f(leaf(T, start, 2.0)), w
        w.grad = None


@program(verdict="static")
def no_grad_by_the_caller(T, wrap):
    """The same call inside and outside of `no_grad`."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: w * x)
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield f(x)
        with T.no_grad():
            yield f(x)


@program(verdict="static")
def no_grad_inside(T, wrap):
    """Parts of the function under `no_grad` and `enable_grad`."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        with T.no_grad():
            fixed = w * x
            with T.enable_grad():
                free = w * x
        return fixed, free, fixed + w

    for start in (1.0, 2.0, 3.0):
        found = f(T.tensor([start, 2.0]))
        found[2].sum().backward()
        yield found, w


@program(verdict="static")
def no_grad_as_a_decorator(T, wrap):
    """A helper under `@no_grad()`."""
    w = leaf(T, 1.0, 2.0)

    @T.no_grad()
    def helper(x):
        return w * x

    f = wrap(lambda x: (helper(x), w * x, T.is_grad_enabled()))
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def detached_part(T, wrap):
    """A part of the formula is detached."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: ((w * x).detach() * w).sum())
    for start in (1.0, 2.0, 3.0):
        f(T.tensor([start, 2.0])).backward()
        yield w


@program(verdict="co-executed")
def own_gradient_function(T, wrap):
    """An `autograd.Function` whose backward is not the true gradient."""

    class Straight(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.round()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (x > 0).to(g.dtype) * 10

    f = wrap(lambda x: (Straight.apply(x) * 2).sum())
    for start in (1.25, -1.75, 2.25):
        x = leaf(T, start, 0.75)
        y = f(x)
        y.backward()
        yield y, x


@program(verdict="co-executed")
def own_gradient_function_that_prints(T, wrap):
    """An `autograd.Function` that tells when it runs; forward and backward are inside."""

    class Loud(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            print("forward")
            return x * 2

        @staticmethod
        def backward(ctx, g):
            print("backward")
            return g * 2

    @wrap
    def f(x):
        Loud.apply(x).sum().backward()
        return x.grad * 1

    for start in (1.0, 2.0, 3.0):
        yield f(leaf(T, start, 2.0))


@program(verdict="static")
def hook_that_scales(T, wrap):
    """A hook on a tensor of the call changes the gradient."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        y = w * x
        y.register_hook(lambda g: g * 10)
        y.sum().backward()
        return y.detach()

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), w


@program(verdict="co-executed")
def hook_with_an_effect(T, wrap):
    """A hook on a parameter outside keeps the gradients it has seen; it is removed in the end."""
    w, seen = leaf(T, 1.0, 2.0), []
    handle = w.register_hook(lambda g: seen.append(g * 1))

    @wrap
    def f(x):
        (w * x).sum().backward()
        return x * 2

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), list(seen), w
    handle.remove()
    yield f(T.tensor([4.0, 2.0])), list(seen), w
    w.register_hook(lambda g: seen.append(g * 2))
    yield f(T.tensor([5.0, 2.0])), list(seen), w


@program(verdict="static")
def hook_registered_between_calls(T, wrap):
    """A pure hook comes and goes between calls."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        (w * x).sum().backward()
        return x * 2

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x), w
    handle = w.register_hook(lambda g: g * 10)
    yield f(x), f(x), w
    handle.remove()
    yield f(x), f(x), w


@program(verdict="static")
def accumulation_over_micro_batches(T, wrap):
    """Two backward calls inside one traced call, and the update by hand."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(batch):
        w.grad = None
        for x in batch:
            ((w * x).sum() / len(batch)).backward()
        with T.no_grad():
            w.sub_(w.grad * 0.5)

    for start in (1.0, 2.0, 3.0):
        yield f([T.tensor([start, 2.0]), T.tensor([0.5, start])]), w


@program(verdict="static")
def in_place_on_a_view_with_gradient(T, wrap):
    """A view of a tensor of the call is written to, and the gradient goes through."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        y = w * x
        y[0].mul_(5)
        y[1:] += w[:1]
        return y.sum()

    for start in (1.0, 2.0, 3.0):
        f(T.tensor([start, 2.0])).backward()
        yield w


@program(verdict="static")
def leaf_written_in_place_raises(T, wrap):
    """A leaf that requires a gradient may not be written to; other calls are fine."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x, wrong):
        if wrong:
            w.add_(x)
        return w * x

    x = T.tensor([1.0, 2.0])
    for wrong in (False, True, False, True, False):
        yield outcome(f, x, wrong), w


@program(verdict="static")
def unused_and_shared_parameters(T, wrap):
    """A parameter without a part in the loss has no gradient; one that is used twice has the sum."""
    a, b, unused = leaf(T, 1.0, 2.0), leaf(T, 3.0, 4.0), leaf(T, 5.0)

    @wrap
    def f(x):
        unused * 2
        (a * x + b * a).sum().backward()

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), a, b, unused


@program(verdict="static")
def gradient_buffer_kept_by_the_caller(T, wrap):
    """The caller holds on to `.grad`, which the next call adds to in place."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        (w * x).sum().backward()

    f(T.tensor([1.0, 2.0]))
    kept = w.grad
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), kept, kept is w.grad


@program(verdict="static")
def frozen_parameter(T, wrap):
    """A parameter is frozen between the calls, and thawed again."""
    a, b = leaf(T, 1.0, 2.0), leaf(T, 3.0, 4.0)
    f = wrap(lambda x: (a * b * x).sum())
    for frozen in (False, False, True, True, False):
        a.requires_grad_(not frozen)
        f(T.tensor([1.0, 2.0])).backward()
        yield a, b


@program(verdict="static")
def gradient_of_a_part_of_the_results(T, wrap):
    """Of two results only one is differentiated."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: (w * x, (w * w).sum()))
    for which in (0, 1, 0, 1):
        f(T.tensor([1.0, 2.0]))[which].sum().backward()
        yield w


@program(verdict="co-executed")
def gradient_norm_read(T, wrap):
    """The norm of the gradient goes to Python and decides on clipping."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        w.grad = None
        (w * x).sum().backward()
        norm = w.grad.norm().item()
        if norm > 3:
            w.grad.mul_(3 / norm)
        return norm

    for start in (1.0, 4.0, 2.0, 8.0):
        yield f(T.tensor([start, 2.0])), w


@program(verdict="static")
def saved_value_changed_before_backward(T, wrap):
    """What the gradient needs is changed after the call: `backward` must refuse."""
    w = leaf(T, 1.0, 2.0)
    f, g = wrap(lambda x: (w * x).sum()), wrap(lambda x: T.exp(w * x))
    for _ in range(3):
        x = T.tensor([1.0, 2.0])
        y = f(x)
        x.add_(1)
        yield type(outcome(y.backward)).__name__, w
        y = g(x)
        y.detach().add_(1)
        yield type(outcome(y.sum().backward)).__name__, w
        y = f(T.tensor([1.0, 2.0]))
        y.backward()
        yield y, w


@program(verdict="static")
def captured_tensor_with_a_history(T, wrap):
    """A captured tensor is the result of an operation on a leaf; its graph can be used once."""
    w, x = leaf(T, 1.0, 2.0), T.tensor([1.0, 2.0])
    h = w * 2
    f = wrap(lambda x: (h * x).sum())
    f(x).backward()
    yield w, type(outcome(f(x).backward)).__name__
    for k in (2.0, 3.0):
        h = w * k
        f(x).backward(retain_graph=True)
        f(x).backward()
        yield w


@program(verdict="static")
def hooks_on_a_result(T, wrap):
    """The caller hooks a result, keeps its gradient, and starts from a gradient of its own."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: w * x)
    for _ in range(3):
        y, seen = f(T.tensor([1.0, 2.0])), []
        y.register_hook(lambda g: seen.append(g * 1))
        y.retain_grad()
        (y * 2).sum().backward()
        yield seen, y.grad, w
        f(T.tensor([1.0, 2.0])).backward(T.tensor([3.0, 4.0]))
        yield w


@program(verdict="static")
def gradient_assigned_by_the_caller(T, wrap):
    """`.grad` is a tensor of the caller's, which is added to in place."""
    w, mine = leaf(T, 1.0, 2.0), T.tensor([1.0, 1.0])
    f = wrap(lambda x: (w * x).sum().backward())
    w.grad = mine
    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), mine, w.grad is mine
    mine.fill_(100.0)
    yield f(T.tensor([1.0, 2.0])), w


@program(verdict="static")
def gradient_assigned_inside(T, wrap):
    """`.grad` is set in the call: to a new tensor, and to None."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        w.grad = x * 2
        return x + 1

    @wrap
    def g(x):
        w.grad = None
        return x + 1

    for start in (1.0, 2.0, 3.0):
        x = T.tensor([start, 2.0])
        yield f(x), w.grad, g(x), w.grad


@program(verdict="static")
def backward_inside_and_outside(T, wrap):
    """A part of the graph is used inside, the rest by the caller."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(x):
        y = w * x
        y.sum().backward(retain_graph=True)
        return (y * y).sum()

    for start in (1.0, 2.0, 3.0):
        f(T.tensor([start, 2.0])).backward()
        yield w


@program(verdict="co-executed")
def argument_with_history_written(T, wrap):
    """An argument that is the result of an operation is written to in place, and so is a view of one."""
    w = leaf(T, 1.0, 2.0)

    @wrap
    def f(h):
        h.mul_(2)
        return h.sum()

    for _ in range(3):
        h = w * 3
        (f(h) + h.sum()).backward()
        yield w, h
        h = w * 3
        f(h[:1])
        h.sum().backward()
        yield w, h


@program(verdict="co-executed")
def results_written_before_backward(T, wrap):
    """The caller writes into a result and into a view that was returned, then differentiates."""
    w = leaf(T, 1.0, 2.0)
    f = wrap(lambda x: (w * x, (w + x)[:1]))
    for _ in range(3):
        a, b = f(T.tensor([1.0, 2.0]))
        a.mul_(3)
        b.add_(a[:1])
        (a.sum() + b.sum()).backward()
        yield a, b, w
