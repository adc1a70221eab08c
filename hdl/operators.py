"""Combinational operators on unsigned bit vectors: meaning (`evaluate`), hardware (`build`) and delay (`delay`).

The graph (`codegen.graph`) names operators by these names; nothing else gives them meaning.
Width rules are in `Operator.check`; all values are unsigned numbers of `width` bits.
"""
