"""Modules and optimisers: flags, parameters, buffers, hooks, states, all of which may change between calls."""

import copy

from tests.soundness.corpus import program


def linear(T, *weights):
    layer = T.nn.Linear(2, len(weights) // 2)
    with T.no_grad():
        layer.weight.copy_(T.tensor(weights).reshape(-1, 2))
        layer.bias.zero_()
    return layer


@program(verdict="static")
def training_flag(T, wrap):
    """`train` and `eval` decide on dropout."""
    model = T.nn.Sequential(linear(T, 1.0, 2.0), T.nn.Dropout(0.999999))
    f = wrap(lambda x: model(x).abs() < 1e4)
    x = T.tensor([[1.0, 2.0]])
    g = wrap(lambda x: model(x))
    model.eval()
    yield g(x), g(x)
    model.train()
    yield f(x), f(x)
    model.eval()
    yield g(x), f(x)


@program(verdict="static")
def training_flag_of_one_layer(T, wrap):
    """The flag of an inner layer alone is set, as an attribute."""

    class Layer(T.nn.Module):
        def forward(self, x):
            return x * 2 if self.training else x

    model = T.nn.Sequential(Layer(), Layer())
    f = wrap(lambda x: model(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    model[0].training = False
    yield f(x), f(x)
    model.eval()
    yield f(x), f(x)


@program(verdict="static")
def batch_normalisation_statistics(T, wrap):
    """Buffers are updated in training and read in evaluation."""
    model = T.nn.BatchNorm1d(2)
    f = wrap(lambda x: model(x))
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([[start, 2.0], [3.0, 5.0]])), model
    model.eval()
    for start in (1.0, 2.0):
        yield f(T.tensor([[start, 2.0], [3.0, 5.0]])), model


@program(verdict="static")
def parameter_replaced(T, wrap):
    """A parameter is replaced by a new one."""
    model = linear(T, 1.0, 2.0)
    f = wrap(lambda x: model(x))
    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x)
    model.weight = T.nn.Parameter(T.tensor([[3.0, 4.0]]))
    yield f(x), f(x)
    model.bias = None
    yield f(x), f(x)


@program(verdict="static")
def layer_swapped(T, wrap):
    """A layer of a Sequential is exchanged, and one is appended."""
    model = T.nn.Sequential(linear(T, 1.0, 2.0), T.nn.ReLU())
    f = wrap(lambda x: model(x))
    x = T.tensor([[-1.0, -2.0]])
    yield f(x), f(x)
    model[1] = T.nn.Tanh()
    yield f(x), f(x)
    model.append(T.nn.Identity())
    yield f(x), len(model)
    model[0] = linear(T, 0.5, 0.25)
    yield f(x), f(x)


@program(verdict="static")
def state_loaded(T, wrap):
    """A state is loaded into the model, as a copy."""
    model, other = linear(T, 1.0, 2.0), linear(T, 3.0, 4.0)
    f = wrap(lambda x: model(x))
    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x)
    model.load_state_dict(other.state_dict())
    yield f(x), f(x)
    with T.no_grad():
        other.weight.add_(5)
    yield f(x), f(x)


@program(verdict="static")
def tied_weights(T, wrap):
    """Two layers share a parameter; the tie is cut later."""
    a, b = linear(T, 1.0, 2.0, 3.0, 4.0), linear(T, 0.0, 1.0, 1.0, 0.0)
    b.weight = a.weight

    @wrap
    def f(x):
        loss = b(a(x)).sum()
        loss.backward()
        return loss.detach()

    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x), f(x), a.weight
    b.weight = T.nn.Parameter(T.tensor([[1.0, 0.0], [0.0, 1.0]]))
    yield f(x), f(x), f(x), a.weight, b.weight


@program(verdict="static")
def forward_monkeypatched(T, wrap):
    """`forward` is replaced in the class, then in the instance."""

    class Layer(T.nn.Module):
        def forward(self, x):
            return x * 2

    layer = Layer()
    f = wrap(lambda x: layer(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    Layer.forward = lambda self, x: x * 3
    yield f(x), f(x)
    layer.forward = lambda x: x * 4
    yield f(x), f(x)


@program(verdict="static")
def attribute_of_a_module(T, wrap):
    """A plain number in a module is changed."""

    class Scale(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.k = 2.0

        def forward(self, x):
            return x * self.k

    model = T.nn.Sequential(Scale(), Scale())
    f = wrap(lambda x: model(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    model[0].k = 3.0
    yield f(x), f(x)
    model[1].k = 5.0
    yield f(x), f(x)


@program(verdict="static")
def module_traced_itself(T, wrap):
    """The module, not a function, is wrapped."""
    model = linear(T, 1.0, 2.0)
    f = wrap(model)
    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x)
    with T.no_grad():
        model.weight.add_(1)
    yield f(x), f(x)


@program(verdict="static")
def buffer_written(T, wrap):
    """A buffer counts in a tensor and is exchanged by the caller."""

    class Counter(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", T.zeros(1))

        def forward(self, x):
            self.count.add_(1)
            return x * self.count

    model = Counter()
    f = wrap(lambda x: model(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x), f(x), model
    model.count = T.tensor([10.0])
    yield f(x), f(x), model


@program(verdict="co-executed")
def buffer_rebound(T, wrap):
    """A buffer is rebound to a new tensor in each call."""

    class Average(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", T.zeros(2))

        def forward(self, x):
            self.mean = self.mean * 0.5 + x * 0.5
            return self.mean * 2

    model, kept = Average(), []
    f = wrap(lambda x: model(x))
    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0])), model
        kept.append(model.mean)
    yield kept


@program(verdict="co-executed")
def counter_in_a_module(T, wrap):
    """A module counts its calls in a Python number."""

    class Counted(T.nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    model = Counted()
    f = wrap(lambda x: model(x))
    for _ in range(4):
        yield f(T.tensor([1.0, 2.0])), model.calls


@program(verdict="co-executed")
def activations_kept_by_a_forward_hook(T, wrap):
    """A forward hook keeps the activations; it is removed and set again."""
    model, kept = T.nn.Sequential(linear(T, 1.0, 2.0), T.nn.ReLU()), []
    keep = lambda module, args, output: kept.append(output)
    f = wrap(lambda x: model(x) * 2)
    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x), len(kept)
    handle = model[0].register_forward_hook(keep)
    yield f(x), f(x), f(x * 2), list(kept)
    handle.remove()
    yield f(x), len(kept)
    model[1].register_forward_hook(keep)
    yield f(x), f(x * 3), list(kept)


@program(verdict="static")
def forward_hook_that_changes_the_output(T, wrap):
    """A pure forward hook comes and goes."""
    model = linear(T, 1.0, 2.0)
    f = wrap(lambda x: model(x))
    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x)
    handle = model.register_forward_hook(lambda module, args, output: output * 10)
    yield f(x), f(x)
    handle.remove()
    yield f(x), f(x)
    model.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    yield f(x), f(x)


@program(verdict="static")
def model_passed_as_an_argument(T, wrap):
    """Two models of one class are arguments in turn."""
    f = wrap(lambda model, x: model(x).sum())
    one, two = linear(T, 1.0, 2.0), linear(T, 3.0, 4.0)
    x = T.tensor([[1.0, 2.0]])
    for _ in range(2):
        yield f(one, x), f(two, x), f(copy.deepcopy(one), x)


@program(verdict="static")
def module_list_grows(T, wrap):
    """A ModuleList gets another layer."""
    layers = T.nn.ModuleList([linear(T, 1.0, 0.5, 0.5, 1.0)])

    @wrap
    def f(x):
        for layer in layers:
            x = layer(x)
        return x

    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x)
    layers.append(linear(T, 0.0, 1.0, 1.0, 0.0))
    yield f(x), f(x)


@program(verdict="static")
def dtype_of_a_module(T, wrap):
    """A model is converted to double precision between calls."""
    model = linear(T, 1.0, 2.0)
    f = wrap(lambda x: model(x))
    yield f(T.tensor([[1.0, 2.0]])), f(T.tensor([[1.0, 2.0]]))
    model.double()
    x = T.tensor([[1.0, 2.0]], dtype=T.float64)
    yield f(x), f(x)


@program(verdict="static")
def training_step(T, wrap):
    """A whole step with momentum; the rate is changed and the optimiser's state is seen."""
    model = linear(T, 1.0, 2.0)
    optimiser = T.optim.SGD(model.parameters(), lr=0.25, momentum=0.5)

    @wrap
    def step(x, y):
        optimiser.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss.detach()

    x, y = T.tensor([[1.0, 2.0], [0.5, 0.25]]), T.tensor([[1.0], [0.0]])
    for rate in (0.25, 0.25, 0.25, 0.125, 0.0625):
        optimiser.param_groups[0]["lr"] = rate
        yield step(x, y), model, [state["momentum_buffer"] for state in optimiser.state.values()]


@program(verdict="static")
def training_with_a_scheduler(T, wrap):
    """Adam with a scheduler that the caller steps; a second parameter group is added."""
    model, late = linear(T, 1.0, 2.0), T.nn.Parameter(T.tensor([1.0]))
    optimiser = T.optim.Adam(model.parameters(), lr=0.1)
    scheduler = T.optim.lr_scheduler.StepLR(optimiser, step_size=2, gamma=0.5)

    @wrap
    def step(x):
        optimiser.zero_grad()
        loss = ((model(x) * late) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss.detach()

    for number in range(7):
        yield step(T.tensor([[1.0, 2.0]])), model, late
        if number < 3:
            scheduler.step()
        elif number == 3:
            optimiser.add_param_group({"params": [late]})


@program(verdict="static")
def clipped_gradients(T, wrap):
    """The norm of the gradients is clipped without taking it to Python."""
    model = linear(T, 1.0, 2.0)

    @wrap
    def step(x):
        model.zero_grad()
        model(x).sum().backward()
        T.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        with T.no_grad():
            for parameter in model.parameters():
                parameter.sub_(parameter.grad)

    for start in (0.25, 3.0, 0.125, 5.0):
        yield step(T.tensor([[start, 0.5]])), model


@program(verdict="static")
def two_optimisers(T, wrap):
    """Generator and discriminator in turns, in one traced function that is told whose turn it is."""
    a, b = linear(T, 1.0, 2.0, 0.5, 1.0), linear(T, 1.0, 1.0)
    optimisers = {"a": T.optim.SGD(a.parameters(), lr=0.1), "b": T.optim.SGD(b.parameters(), lr=0.1)}

    @wrap
    def step(x, whose):
        loss = b(a(x)).mean() * (1 if whose == "a" else -1)
        optimisers[whose].zero_grad()
        loss.backward()
        optimisers[whose].step()
        return loss.detach()

    for whose in ("a", "b", "a", "b", "a"):
        yield step(T.tensor([[1.0, 2.0]]), whose), a, b


@program(verdict="static")
def module_changed_in_its_dict(T, wrap):
    """A number and the training flag of a module are changed in `__dict__`, past `__setattr__`."""

    class Scale(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.k = 2.0

        def forward(self, x):
            return x * self.k if self.training else x

    model = T.nn.Sequential(Scale())
    f = wrap(lambda x: model(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    model[0].__dict__["k"] = 3.0
    yield f(x), f(x)
    vars(model[0]).update(training=False)
    yield f(x), f(x)


@program(verdict="static", limit="object.__setattr__ on a module goes past all that it can hear")
def module_set_past_its_own_setattr(T, wrap):
    """A number of a module is set by `object.__setattr__`."""

    class Scale(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.k = 2.0

        def forward(self, x):
            return x * self.k

    model = Scale()
    f = wrap(lambda x: model(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    object.__setattr__(model, "k", 4.0)
    yield f(x), f(x)


@program(verdict="static")
def module_tables_changed(T, wrap):
    """Parameters, layers and a list in a module are exchanged in the module's own tables."""
    model = T.nn.Sequential(linear(T, 1.0, 2.0, 3.0, 4.0))
    f = wrap(lambda x: model(x))
    x = T.tensor([[1.0, 2.0]])
    yield f(x), f(x)
    model[0]._parameters["weight"] = T.nn.Parameter(T.ones(2, 2))
    yield f(x), f(x)
    model._modules["0"] = linear(T, 0.5, 0.25)
    yield f(x), f(x)


@program(verdict="static")
def containers_in_a_module(T, wrap):
    """A list and a dict that a module holds are changed."""

    class Model(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.shifts, self.options = [1.0], {"k": 2.0}

        def forward(self, x):
            return x * self.options["k"] + sum(self.shifts)

    model = Model()
    f = wrap(lambda x: model(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    model.options["k"] = 3.0
    yield f(x), f(x)
    model.shifts.append(5.0)
    yield f(x), f(x)
    model.options = {"k": 1.0}
    yield f(x), f(x)


@program(verdict="co-executed")
def module_changed_inside(T, wrap):
    """The call switches the mode, and replaces a parameter by a new one."""
    model = linear(T, 1.0, 2.0)

    @wrap
    def f(x):
        model.eval()
        model.weight = T.nn.Parameter(model.weight.detach() * 0.5)
        return model(x)

    for _ in range(4):
        model.train()
        yield f(T.tensor([[1.0, 2.0]])), model


@program(verdict="co-executed")
def schedule_stepped_inside(T, wrap):
    """The scheduler is stepped in the call, and a rate is changed by hand."""
    w = T.nn.Parameter(T.tensor([1.0, 2.0]))
    optimiser = T.optim.SGD([w], lr=0.5)
    scheduler = T.optim.lr_scheduler.ExponentialLR(optimiser, 0.5)

    @wrap
    def step(x):
        optimiser.zero_grad()
        (w * x).sum().backward()
        optimiser.step()
        scheduler.step()

    for _ in range(4):
        yield step(T.tensor([1.0, 2.0])), w, optimiser.param_groups[0]["lr"], scheduler.last_epoch


@program(verdict="static")
def optimiser_changed_by_hand(T, wrap):
    """Momentum buffers are zeroed and replaced, settings changed, a parameter taken out."""
    w, v = T.nn.Parameter(T.tensor([1.0, 2.0])), T.nn.Parameter(T.tensor([3.0, 4.0]))
    optimiser = T.optim.SGD([w, v], lr=0.5, momentum=0.5)
    group = optimiser.param_groups[0]

    @wrap
    def step(x):
        optimiser.zero_grad()
        (w * x + v).sum().backward()
        optimiser.step()

    x = T.tensor([1.0, 2.0])
    yield step(x), step(x), step(x), w, v
    optimiser.state[w]["momentum_buffer"].zero_()
    yield step(x), w
    optimiser.state[w]["momentum_buffer"] = T.tensor([9.0, 9.0])
    yield step(x), step(x), w
    group["momentum"], group["weight_decay"] = 0.0, 0.5
    yield step(x), step(x), w
    group["params"].pop()
    yield step(x), step(x), w, v
