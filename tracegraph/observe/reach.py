"""Follow everything that running code can get hold of, and note each step as an edge with the value it had.

What the code itself says is followed here: its names, its chains of attributes, the methods that run on their receiver.
"""

import types
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any

import numpy as np

from tracegraph.observe.bytecode import Chain, CodeFacts
from tracegraph.observe.format_strings import names_in_format_call
from tracegraph.observe.holders import functions_in, holders
from tracegraph.observe.kinds import NOT_GUARDED
from tracegraph.observe.lookup import inside, plain_step
from tracegraph.observe.model import Classifier, Node, Site
from tracegraph.observe.opening import Opening
from tracegraph.observe.values import MISSING, class_mro, is_immutable, is_python_class, shallow_items


class Reach(Opening):
    """The objects and edges seen so far, and the names that code seen so far can look up."""

    def __init__(
        self, classifier: Classifier, limit: int, is_trusted: Callable[[types.CodeType], bool] = lambda code: False
    ) -> None:
        super().__init__(classifier, limit, is_trusted)
        self.stored: set[str] = set()
        self.rebinds_anything = False
        self.pending_chains: list[tuple[str, tuple[str, ...]]] = []
        self.argument_counts: dict[int, int] = {}
        self.adopted: dict[tuple[int, int], list[tuple[type, str, Any]]] = {}

    def set_aside_arrays(self, values: Iterable[Any], site: Site, depth: int = 4) -> None:
        """NumPy arrays among the arguments are others on each call: their contents are not worth a guard."""
        for value in values:
            if issubclass(type(value), np.ndarray):
                self.nodes[id(value)] = Node(value, "an array among the arguments", site, "opaque", NOT_GUARDED)
            elif depth and type(value) in (list, tuple, dict):
                self.set_aside_arrays(shallow_items(value), site, depth - 1)

    def count_arguments(self, values: Iterable[Any]) -> None:
        """Count at how many argument positions each object stands."""
        for value in values:
            self.argument_counts[id(value)] = self.argument_counts.get(id(value), 0) + 1

    def add_code(self, facts: CodeFacts, site: Site) -> None:
        """Take over the names of a code object that is about to run for the first time."""
        self.site = site
        self.rebinds_anything = self.rebinds_anything or facts.rebinds_anything
        for chain in facts.chains:
            if len(chain.names) > 0:
                self.pending_chains.append((chain.root, chain.names))
        self.stored.update(facts.stored)
        self.add_names(sorted(facts.general))
        self._promote_stored_chains()

    def add_names_of_format(self, function: Any, site: Site) -> None:
        """Take over the attribute names in a format string whose method `format` is about to be called."""
        names = names_in_format_call(function)
        if names:
            self.site = site
            self.add_names(names)

    def _promote_stored_chains(self) -> None:
        """Make the names of a chain general where running code may rebind one of the chain's steps."""
        kept = []
        for root, names in self.pending_chains:
            before = [root, *names[:-1]]
            position = next((index for index, name in enumerate(before) if name in self.stored), None)
            if self.rebinds_anything:
                self.add_names(names)
            elif position is None:
                kept.append((root, names))
            else:
                self.add_names(names[position:])
        self.pending_chains = kept

    def follow_chain(self, chain: Chain, value: Any, path: str, site: Site) -> None:
        """Follow a chain of attributes from the value of its root variable."""
        self.site = site
        for position, name in enumerate(chain.names):
            last = position == len(chain.names) - 1
            if is_immutable(value):
                return
            node = self.node_of(value, path)
            if node.kind in ("instance", "container", "expand", "class") and not node.named:
                self._use_chain_class(node)
            handed_over = node.kind in ("container", "view", "iterator", "generator", "wrapper", "c_function")
            if handed_over or (node.opaque and node.kind in ("opaque", "instance")):
                self._push(value, path)
            edges = self.attribute_edges(node, name)
            if last:
                for edge in edges:
                    if chain.used:
                        self._follow(edge, chain.called, chain.checked)
                    elif edge.accessor == "class" and is_python_class(type(edge.value)):
                        self.use_class(type(edge.value))  # a store may run its `__set__`
                break
            step = plain_step(node, name, edges)
            if step is MISSING:
                self.add_names(chain.names[position + 1 :])
                for edge in edges:
                    self._follow(edge)
                break
            value, path = step, inside(path, f".{name}")
        else:
            if chain.used:
                self._push(value, path, chain.called, chain.checked)
        self._drain()

    def _use_chain_class(self, node: Node) -> None:
        self.use_class(node.value if node.kind == "class" else type(node.value))

    def adopt(self, code: types.CodeType, receiver: Any, site: Site) -> bool:
        """Find the function of running code on the class of its first argument, and note that it was read there."""
        self.site = site
        is_class = issubclass(type(receiver), type)
        key = (id(code), id(receiver) if is_class else id(type(receiver)))
        entries = self.adopted.get(key)
        if entries is None:
            classes: list[type] = [*class_mro(type(receiver)), *(class_mro(receiver) if is_class else ())]
            entries = [
                (base, name, entry) for base in classes if is_python_class(base) for name, entry in holders(base, code)
            ]
            self.adopted[key] = entries
        for base, name, entry in entries:
            self._adopt_entry(base, name, entry, receiver)
        self._drain()
        return bool(entries)

    def _adopt_entry(self, base: type, name: str, entry: Any, receiver: Any) -> None:
        edge = self.class_entry(base, name)
        self.use_class(base)
        self._follow(edge)
        for function in functions_in(entry):
            self.register(function)
        special = name.startswith("__") and name.endswith("__")
        if not special and not issubclass(type(receiver), type):
            node = self.node_of(receiver, f"an object of class `{type(receiver).__name__}`")
            self.attribute_edges(node, name)
        self.use_class(receiver if issubclass(type(receiver), type) else type(receiver))

    def captured_leaves(self, structural: Set[int]) -> Iterator[Any]:
        """The library's leaves that are reached from elsewhere than the arguments,
        whose containers are `structural`.
        """
        for node in self.nodes.values():
            if not node.external or id(node.value) in structural:
                continue
            for value in (*[edge.value for edge in node.outgoing], *self.snapshots.get(id(node.value), ())):
                held = self.nodes.get(id(value))
                if held is not None and held.kind == "leaf":
                    yield value
