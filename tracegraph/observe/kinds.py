"""Sort any object into the kinds that observation knows how to follow, and say why it cannot follow the others."""

import collections
import functools
import sys
import types
from typing import Any, Final

import numpy as np

from tracegraph.observe.model import Classifier, Expand, Leaf
from tracegraph.observe.purity import (
    CONSTANT_TYPES,
    DICT_VIEWS,
    EVENTED_TYPES,
    GENERATORS,
    ITERATORS,
    c_bases_known,
    is_pure_function,
    is_pure_type,
)
from tracegraph.observe.values import CONTAINERS, class_dict, class_mro, is_python_class

C_FUNCTIONS: Final = (
    *EVENTED_TYPES,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
)
_MOST_BYTES: Final = 1 << 14
"""The contents of a larger NumPy array are not compared on each call."""
NOT_GUARDED: Final = "a NumPy array, whose contents are not guarded"
VIEWS: Final[tuple[type, ...]] = (*DICT_VIEWS, types.MappingProxyType)


def kind_of(value: Any, classifier: Classifier) -> tuple[str, str]:
    """Return how an object is followed, and, where it cannot be, in words why not ("" where it can)."""
    known = classifier.classify(value)
    if isinstance(known, Leaf):
        return "leaf", ""
    if _is_lock_of_logging(value):
        return "constant", ""
    if isinstance(known, Expand):
        return "expand", ""
    cls = type(value)
    if issubclass(cls, types.ModuleType):
        return "module", ""
    if issubclass(cls, type):
        return _kind_of_class(value)
    if cls is types.FunctionType:
        return "function", ""
    if cls in C_FUNCTIONS:
        if is_pure_function(value):
            return "c_function", ""
        return "c_function", f"the C function `{value.__name__}`, whose effects are not known"
    if cls in (types.MethodType, property, staticmethod, classmethod, functools.partial, functools.cached_property):
        return "wrapper", ""
    if cls is types.CellType:
        return "cell", ""
    if cls is np.ndarray and not value.dtype.hasobject and value.nbytes <= _MOST_BYTES:
        return "container", ""
    if cls in ITERATORS:
        return "iterator", f"an iterator ({cls.__name__})"
    return _kind_of_data(cls)


def _is_lock_of_logging(value: object) -> bool:
    """Tell whether a lock guards nothing but logging's own tables, whose changes are seen in the tables themselves."""
    logging = sys.modules.get("logging")
    return logging is not None and value is getattr(logging, "_lock", None)


def _kind_of_data(cls: type) -> tuple[str, str]:
    if cls in GENERATORS:
        return "generator", f"a {cls.__name__}"
    if cls in VIEWS:
        return "view", ""
    if issubclass(cls, CONTAINERS) and not issubclass(cls, np.ndarray):
        known_kind = cls in CONTAINERS or cls in (collections.OrderedDict, collections.defaultdict)
        if known_kind or (is_python_class(cls) and c_bases_known(cls)):
            return "container", ""
    if cls in CONSTANT_TYPES or cls.__module__ == "typing":
        return "constant", ""
    if issubclass(cls, BaseException):
        return "instance", "an exception object, whose traceback changes when it is raised"
    if cls is types.SimpleNamespace or (is_python_class(cls) and c_bases_known(cls)):
        return "instance", ""
    if issubclass(cls, np.ndarray):
        return "opaque", NOT_GUARDED
    if cls.__name__ == "_lru_cache_wrapper":
        return "opaque", "a function with functools.lru_cache, whose cache is hidden state"
    return "opaque", f"an object of type {cls.__module__}.{cls.__qualname__}, which cannot be looked into"


def _kind_of_class(cls: type) -> tuple[str, str]:
    if is_python_class(cls):
        if not c_bases_known(cls):
            return "class", f"the class {cls.__name__}, which extends a C type that cannot be looked into"
        for base in class_mro(cls):
            if "__del__" in class_dict(base) and is_python_class(base):
                return "class", f"the class {cls.__name__}, which has a finaliser (__del__)"
        return "class", ""
    if is_pure_type(cls) or cls.__module__ == "typing":
        return "class", ""
    return "class", f"the C type {cls.__module__}.{cls.__qualname__}, whose effects are not known"
