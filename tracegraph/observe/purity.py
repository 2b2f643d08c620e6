"""Tables of the C functions and C types that have no effect except on the Python containers they are given.

Whatever is not here is taken to have effects. Changes of lists, dicts and sets need no entry: comparison shows them.
"""

import abc
import bisect
import builtins
import collections
import enum
import functools
import heapq
import itertools
import math
import operator
import re
import sys
import types
import typing
from typing import Any, Final

import numpy as np

from tracegraph.observe.values import class_dict, class_mro, is_python_class
from tracegraph.runtime.device import Device

_PURE_BUILTINS: Final = [
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "callable",
    "chr",
    "divmod",
    "format",
    "hex",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "max",
    "min",
    "next",
    "oct",
    "ord",
    "pow",
    "repr",
    "round",
    "sorted",
    "sum",
    "aiter",
    "anext",
    "__build_class__",
]
_DYNAMIC_BUILTINS: Final = ("getattr", "hasattr", "setattr", "delattr")
_PURE_OPERATOR: Final = frozenset(
    name for name in dir(operator) if name not in ("attrgetter", "methodcaller") and not name.startswith("__")
)


def _functions_of(module: types.ModuleType, names: Any = None) -> list[object]:
    chosen = dir(module) if names is None else names
    found = [getattr(module, name) for name in chosen if hasattr(module, name)]
    return [value for value in found if type(value) is types.BuiltinFunctionType]


PURE_FUNCTIONS: Final[dict[int, object]] = {
    id(function): function
    for function in [
        *_functions_of(builtins, _PURE_BUILTINS),
        *_functions_of(math),
        *_functions_of(operator, _PURE_OPERATOR),
        *_functions_of(heapq),
        *_functions_of(bisect),
        *_functions_of(functools, ["reduce"]),
        *_functions_of(sys, ["exc_info", "exception"]),
        *_functions_of(collections, ["_count_elements"]),
        *(vars(abc)[name] for name in ("_abc_instancecheck", "_abc_subclasscheck") if name in vars(abc)),
        functools.reduce,
    ]
}
DYNAMIC_FUNCTIONS: Final[dict[int, object]] = {
    id(getattr(builtins, name)): getattr(builtins, name) for name in _DYNAMIC_BUILTINS
}

_EMPTY: Final[dict[object, object]] = {}
DICT_VIEWS: Final[tuple[type, ...]] = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
_ITERABLES: Final[tuple[Any, ...]] = ([], (), {}, {}.values(), {}.items(), set(), "", b"", range(1), bytearray())
_ITERTOOLS: Final[set[Any]] = {value for value in vars(itertools).values() if isinstance(value, type)}
ITERATORS: Final[frozenset[Any]] = frozenset(
    {type(iter(source)) for source in _ITERABLES}
    | {type(reversed([])), type(reversed({})), type(iter("é")), type(iter(collections.deque()))}
    | {zip, map, filter, enumerate, reversed, type(iter(int, 0)), type(iter(range(1 << 70)))}
    | _ITERTOOLS
)
GENERATORS: Final = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_EXCEPTIONS: Final = tuple(
    value for value in vars(builtins).values() if isinstance(value, type) and issubclass(value, BaseException)
)

# Types whose instances may be made anywhere: making one and using one has no effect on anything outside it.
PURE_TYPES: Final[frozenset[Any]] = frozenset(
    {int, float, complex, bool, str, bytes, bytearray, tuple, list, dict, set, frozenset, range, slice, object, type}
    | {property, staticmethod, classmethod, super, memoryview, type(None), type(Ellipsis), type(NotImplemented)}
    | {collections.deque, collections.OrderedDict, collections.defaultdict, functools.partial, operator.itemgetter}
    | {types.SimpleNamespace, types.MethodType, types.MappingProxyType, types.GenericAlias, types.UnionType}
    | {types.FunctionType, types.ModuleType, types.BuiltinFunctionType, types.GeneratorType, types.CellType}
    | {types.CodeType, types.MemberDescriptorType, types.GetSetDescriptorType, re.Pattern, re.Match}
    | set(DICT_VIEWS) | ITERATORS | set(_EXCEPTIONS)
    | {value for value in vars(np).values() if isinstance(value, type) and issubclass(value, (np.generic, np.dtype))}
    | {np.dtype, type(np.dtype("float32")), *(type(np.dtype(code)) for code in "?bhilqBHILQefdgFDG")}
) - {np.void, np.object_}  # fmt: skip
# A function made by `types.FunctionType(code, globals)` or a module made by hand could not be followed.
UNCALLABLE_TYPES: Final[frozenset[Any]] = frozenset(
    {types.FunctionType, types.ModuleType, types.CellType, types.CodeType}
)

_TUPLE_GETTER: Final = type(vars(collections.namedtuple("_Sample", "field"))["field"])

# Types whose instances can be held for good: nothing about them can change.
CONSTANT_TYPES: Final[frozenset[Any]] = frozenset(
    {object, types.GenericAlias, types.UnionType, types.CodeType, re.Pattern, operator.itemgetter, re.Match}
    | {type(typing.Any), type(typing.Optional), type(typing.TypeVar("_T")), type(typing.List[int])}  # noqa: UP006
    | {Device, types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType, _TUPLE_GETTER}
)

_PURE_METHOD_OWNERS: Final[tuple[Any, ...]] = (
    *(int, float, complex, bool, str, bytes, bytearray, tuple, list, dict, set, frozenset, range, slice),
    *(collections.deque, collections.OrderedDict, collections.defaultdict, *DICT_VIEWS, *GENERATORS, property),
    *(types.MappingProxyType, re.Pattern, re.Match, memoryview, np.dtype, np.generic, *ITERATORS, *_EXCEPTIONS),
)
_METHOD_OWNERS: Final = {id(owner): owner for owner in _PURE_METHOD_OWNERS}
_OBJECT_METHODS: Final = frozenset(
    {"__init__", "__new__", "__init_subclass__", "__format__", "__subclasshook__", "__sizeof__", "__prepare__"}
    | {"__instancecheck__", "__subclasscheck__", "with_traceback", "add_note", "mro"}
)
_IMPURE_METHODS: Final = frozenset({"tofile", "dump", "dumps", "setfield", "setflags", "put", "fill", "__setstate__"})
_C_METHOD: Final = type(re.compile("").match)
EVENTED_TYPES: Final = (
    types.BuiltinFunctionType,
    _C_METHOD,
    types.MethodDescriptorType,
)

_TRUSTED_FILES: Final = frozenset(str(module.__file__) for module in (enum,) if getattr(module, "__file__", None))
_TRUSTED_FUNCTIONS: Final = frozenset(
    {("abc.py", "ABCMeta.__instancecheck__"), ("abc.py", "ABCMeta.__subclasscheck__"), ("typing.py", "cast")}
    | {("types.py", "DynamicClassAttribute.__get__"), ("typing.py", "assert_type"), ("typing.py", "overload")}
)
_PACKAGES_FOLDER: Final = str(np.__file__).rsplit("numpy", 1)[0]
_FOUNDATION_FOLDERS: Final = tuple(_PACKAGES_FOLDER + name for name in ("numpy", "numba", "llvmlite", "networkx"))
_LIBRARY_FOLDER: Final = str(functools.__file__).rsplit("functools", 1)[0]


def is_pure_library_code(code: types.CodeType) -> bool:
    """Tell whether `code` is a function of Python's own library that is known to have no effect and no hidden input."""
    if code.co_filename in _TRUSTED_FILES:
        return True
    file = _library_file(code)
    if file == "_collections_abc.py" and code.co_name in ("__subclasshook__", "_check_methods"):
        return True
    return (file, code.co_qualname) in _TRUSTED_FUNCTIONS


def _library_file(code: types.CodeType) -> str:
    """Return the name of a file of Python's own library, "" for other files; frozen modules are named like files."""
    filename = code.co_filename
    if filename.startswith("<frozen ") and filename.endswith(">"):
        return filename[len("<frozen ") : -1] + ".py"
    return filename[len(_LIBRARY_FOLDER) :] if filename.startswith(_LIBRARY_FOLDER) else ""


def is_foundation_code(code: types.CodeType) -> bool:
    """Tell whether `code` is of Python's own library, of NumPy or of Numba, or was generated by `dataclasses`.

    Called by library code, it is a detail of the library; called by other code, it is observed like that code.
    """
    if _library_file(code):
        return "site-packages" not in code.co_filename
    if code.co_filename.startswith(_FOUNDATION_FOLDERS):
        return True
    if code.co_filename != "<string>":
        return False
    return code.co_qualname.startswith("__create_fn__.<locals>.") or code.co_varnames[:1] == ("_cls",)


def needs_abc_token(code: types.CodeType) -> bool:
    """Tell whether `code` asks the registry of abstract base classes."""
    return code.co_qualname.startswith("ABCMeta.__") and _library_file(code) == "abc.py"


def is_dynamic(function: object) -> bool:
    """Tell whether `function` is getattr, hasattr, setattr or delattr, which look up a name given as a value."""
    return id(function) in DYNAMIC_FUNCTIONS


def is_pure_function(function: Any) -> bool:
    """Tell whether a C function (or method) is known to have no effect but on the containers it is given."""
    kind = type(function)
    if kind in (types.MethodDescriptorType, types.ClassMethodDescriptorType, types.WrapperDescriptorType):
        return _is_pure_method(function.__objclass__, function.__name__)
    if kind is types.MethodWrapperType:
        return _is_pure_bound(function)
    if kind is not types.BuiltinFunctionType and kind is not _C_METHOD:
        return False
    if id(function) in PURE_FUNCTIONS:
        return True
    return (
        function.__self__ is not None and type(function.__self__) is not types.ModuleType and _is_pure_bound(function)
    )


def _is_pure_bound(function: Any) -> bool:
    owner, name = function.__self__, function.__name__
    if issubclass(type(owner), type):
        if name in ("__new__", "__init_subclass__", "__prepare__"):
            return owner in PURE_TYPES if type(owner) is type else is_python_class(owner)
        return any(cls in _CLASS_METHODS and name in _CLASS_METHODS[cls] for cls in class_mro(owner))
    for cls in class_mro(type(owner)):
        if name in class_dict(cls):
            return _is_pure_method(cls, name)
    return False


_CLASS_METHODS: Final[dict[type, frozenset[str]]] = {
    dict: frozenset({"fromkeys"}),
    int: frozenset({"from_bytes"}),
    float: frozenset({"fromhex"}),
    bytes: frozenset({"fromhex"}),
    str: frozenset({"maketrans"}),
    itertools.chain: frozenset({"from_iterable"}),
    object: frozenset({"__init_subclass__", "__subclasshook__"}),
    type: frozenset({"__prepare__"}),
}


def _is_pure_method(owner: type, name: str) -> bool:
    if name in _OBJECT_METHODS:
        return True
    if owner is object:
        return name in ("__eq__", "__ne__", "__hash__", "__repr__", "__str__", "__lt__", "__le__", "__gt__", "__ge__")
    return id(owner) in _METHOD_OWNERS and name not in _IMPURE_METHODS


def is_pure_type(cls: type) -> bool:
    """Tell whether calling a C type has no effect on anything outside the object made."""
    return cls in PURE_TYPES and cls not in UNCALLABLE_TYPES


def c_bases_known(cls: type) -> bool:
    """Tell whether all bases of a Python class that C code made are known ones."""
    return all(is_python_class(base) or base in PURE_TYPES or base is typing.Generic for base in class_mro(cls))
