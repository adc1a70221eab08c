"""Programs as dataflow: `build` makes a graph, `Evaluator` runs one."""

from .builder import build
from .evaluate import Evaluator, Result
from .ir import Graph, Node

__all__ = ["Evaluator", "Graph", "Node", "Result", "build"]
