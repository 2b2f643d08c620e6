"""The passes: each a frozen dataclass with a name and options, called with a graph for an equal one."""

from .base import Pass
from .canonicalise import Canonicalise
from .common import MergeCommon
from .dead import RemoveDead
from .fold import FoldConstants
from .views import SimplifyViews

__all__ = ["Canonicalise", "FoldConstants", "MergeCommon", "Pass", "RemoveDead", "SimplifyViews"]
