"""Tell from what was observed which effects a run had, and what about it could not be seen."""

import dis
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tracegraph.observe.age import Age
from tracegraph.observe.bytecode import CodeFacts
from tracegraph.observe.lookup import foreign_attributes
from tracegraph.observe.model import Edge, Effect, Node, Site
from tracegraph.observe.reach import Reach
from tracegraph.observe.values import CONTAINERS, MISSING, same, shallow_items

_ALWAYS_EXTERNAL = ("class", "module")
_DESCRIPTOR_METHODS = frozenset({"__get__", "__set__", "__delete__"})
_CHECKED_ORIGINS = ("container", "expand", "instance", "opaque", "iterator", "generator")


@dataclass
class Diagnosis:
    """What the profile events told: the code that ran, the code whose function was found, calls with effects."""

    codes: dict[int, CodeFacts] = field(default_factory=dict)
    order: list[CodeFacts] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)
    born: set[int] = field(default_factory=set)
    notes: dict[str, Effect] = field(default_factory=dict)
    last_method: dict[int, tuple[str, int]] = field(default_factory=dict)
    catches: bool = False

    def note(self, reason: str, site: Site) -> None:
        """Add a reason, once."""
        self.notes.setdefault(reason, Effect(reason, site.filename, site.line))

    def enter(self, facts: CodeFacts) -> None:
        """Take down a code object that runs for the first time."""
        self.codes[id(facts.code)] = facts
        self.order.append(facts)
        self.born.update(id(constant) for constant in facts.code.co_consts if type(constant) is type(facts.code))
        for name, line in facts.forbidden:
            site = Site(facts.code.co_filename, line)
            self.note(f"reads `{name}` at {site}, which cannot be followed", site)


def find_effects(reach: Reach, diagnosis: Diagnosis, roots: Iterable[object], age: Age) -> tuple[Effect, ...]:
    """Return all reasons against a replay without Python, in the order of their lines, and mark external nodes."""
    mark_external(reach, roots)
    for facts in diagnosis.order:
        if id(facts.code) not in diagnosis.reached and id(facts.code) not in diagnosis.born:
            site = Site(facts.code.co_filename, facts.code.co_firstlineno)
            diagnosis.note(f"runs `{facts.code.co_qualname}` ({site}), reached in a way that cannot be followed", site)
    _check_origins(reach, diagnosis, age)
    _check_generators(reach, diagnosis)
    _check_descriptors(reach, diagnosis)
    stores = any(facts.stored for facts in diagnosis.order)
    for node in reach.nodes.values():
        if node.external or node.kind == "class":
            _check_node(reach, node, diagnosis)
        if node.kind == "leaf" and node.external and (stores or node.foreign):
            _check_foreign(reach, node, diagnosis)
    return tuple(diagnosis.notes.values())


def _check_foreign(reach: Reach, node: Node, diagnosis: Diagnosis) -> None:
    """Find attributes set on objects of the library by others, which running code reads or changes."""
    before, after = node.foreign or {}, foreign_attributes(node.value, reach.classifier) or {}
    for name in before.keys() | after.keys():
        if not same(before.get(name, MISSING), after.get(name, MISSING)):
            site = _place_of_name(diagnosis, "attribute", name, node.site)
            verb = "created" if name not in before else "changed"
            diagnosis.note(f"the attribute `{name}` of {node.path} was {verb} ({site})", site)
        elif any(name in facts.code.co_names or name in facts.general for facts in diagnosis.order):
            diagnosis.note(f"may read the attribute `{name}` that was set on {node.path} ({node.site})", node.site)


_NOTICES: Final = frozenset({"hasattr", "getattr", "AttributeError", "Exception", "BaseException"})


def absent_names(diagnosis: Diagnosis) -> frozenset[str]:
    """Names that running code may have found missing on objects of the library, without an error."""
    names: set[str] = set()
    for facts in diagnosis.order:
        if not _NOTICES.isdisjoint(facts.code.co_names):
            names |= facts.general | set(facts.code.co_names)
    return frozenset(names)


def mark_external(reach: Reach, roots: Iterable[object]) -> None:
    """Mark all objects that can be reached from outside: from roots, namespaces, classes and modules."""
    queue = [reach.nodes[id(root)] for root in roots if id(root) in reach.nodes]
    for node in reach.nodes.values():
        if node.kind in _ALWAYS_EXTERNAL or id(node.value) in reach.namespaces:
            queue.append(node)  # noqa: PERF401
    while queue:
        node = queue.pop()
        if node.external:
            continue
        node.external = True
        held = [edge.value for edge in node.outgoing]
        held.extend(reach.snapshots.get(id(node.value), ()))
        queue.extend(reach.nodes[id(value)] for value in held if id(value) in reach.nodes)


def _check_origins(reach: Reach, diagnosis: Diagnosis, age: Age) -> None:
    """Find objects that are older than the call although no observed read leads to them."""
    suspects = [node for node in reach.nodes.values() if not node.external and node.kind in _CHECKED_ORIGINS]
    older = age.older(node.value for node in suspects)
    for node in suspects:
        if id(node.value) in older:
            diagnosis.note(
                f"uses an object of type {type(node.value).__name__} ({node.path}, {node.site}) that came from outside "
                "in a way that cannot be followed",
                node.site,
            )


def _check_descriptors(reach: Reach, diagnosis: Diagnosis) -> None:
    """Find descriptors written in C, in the hands of code that may call them on any object."""
    if all(_DESCRIPTOR_METHODS.isdisjoint(facts.code.co_names) for facts in diagnosis.order):
        return
    for node in reach.nodes.values():
        if type(node.value) in (types.MemberDescriptorType, types.GetSetDescriptorType):
            diagnosis.note(f"may call the descriptor {node.path} ({node.site}), which cannot be followed", node.site)


def _check_generators(reach: Reach, diagnosis: Diagnosis) -> None:
    """Find unfinished generators kept alive by the observation, whose `finally` would run unobserved."""
    own_handlers = 1 if sys.version_info >= (3, 12) else 0
    for node in reach.nodes.values():
        if type(node.value) is types.GeneratorType and not node.external and node.value.gi_frame is not None:
            code = node.value.gi_code
            if len(list(dis._parse_exception_table(code))) > own_handlers:  # type: ignore[attr-defined]
                diagnosis.note(f"leaves the generator `{code.co_name}` ({node.site}) unfinished", node.site)


def _check_node(reach: Reach, node: Node, diagnosis: Diagnosis) -> None:
    if node.opaque and node.named:
        verb = "uses" if node.kind in ("class", "c_function") else "reads"
        diagnosis.note(f"{verb} {node.path} ({node.site}): {node.opaque}", node.site)
        return
    before = reach.snapshots.get(id(node.value))
    if before is not None:
        after = shallow_items(node.value)
        if len(before) != len(after) or not all(map(same, before, after)):
            site = _place_of_items(diagnosis, node)
            diagnosis.note(f"the outer {_word(node.value)} {node.path} was changed ({site})", site)
    for edge in node.outgoing:
        if edge.guarded:
            _check_edge(edge, diagnosis)


def _check_edge(edge: Edge, diagnosis: Diagnosis) -> None:
    after = edge.reader()
    if same(edge.value, after):
        return
    site = _place_of_store(diagnosis, edge)
    verb = "created" if edge.value is MISSING else "deleted" if after is MISSING else "changed"
    diagnosis.note(f"{edge.path} was {verb} ({site})", site)


def _place_of_store(diagnosis: Diagnosis, edge: Edge) -> Site:
    kinds = ("attribute", "name") if edge.accessor not in ("cell", "entry") else ("name", "attribute")
    found = _place_of_name(diagnosis, kinds[0], str(edge.name), None)
    return found or _place_of_name(diagnosis, kinds[1], str(edge.name), edge.site) or edge.site


def _place_of_name(diagnosis: Diagnosis, accessor: str, name: str, otherwise: Site | None) -> Any:
    """Where running code stores a name."""
    for facts in diagnosis.order:
        line = facts.store_lines.get((accessor, name))
        if line is not None:
            return Site(facts.code.co_filename, line)
    return otherwise


def _place_of_items(diagnosis: Diagnosis, node: Node) -> Site:
    method = diagnosis.last_method.get(id(node.value))
    if method is not None:
        return Site(*method)
    last = node.path.rstrip("`").split("`")[-1].split("[")[0].split(".")[-1]
    candidates = [facts for facts in diagnosis.order if facts.item_store_lines]
    candidates.sort(key=lambda facts: not any((chain.root, *chain.names)[-1] == last for chain in facts.chains))
    if candidates:
        return Site(candidates[0].code.co_filename, candidates[0].item_store_lines[0])
    return node.site


def _word(value: object) -> str:
    kind = type(value)
    return next((base.__name__ for base in CONTAINERS if issubclass(kind, base)), kind.__name__)
