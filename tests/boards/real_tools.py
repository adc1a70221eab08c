"""Whether the tools that make bitstreams are here, for tests that run them."""

from __future__ import annotations

import pytest
from hardpath.boards.toolchain import Kind, find_tool
from hardpath.hdl.errors import InputError


def needs(*kinds: Kind) -> pytest.MarkDecorator:
    """Skips a test, with the reason, where one of the tools is missing."""
    try:
        for kind in kinds:
            find_tool(kind)
    except InputError as error:
        return pytest.mark.skip(reason=str(error))
    return pytest.mark.skipif(False, reason="all are here")
