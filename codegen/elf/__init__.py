"""From an ELF object, as clang or gcc leave it, to specifications (`codegen.spec`)."""

from .load import load
from .overrides import with_bounded_maps, with_map_size, with_variables
from .select import select

__all__ = ["load", "select", "with_bounded_maps", "with_map_size", "with_variables"]
