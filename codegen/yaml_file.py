"""Files in YAML, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..hdl.errors import InputError


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """As SafeLoader, which would keep the last of equal keys and say nothing."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.MarkedYAMLError(None, None, f"{key!r} is there twice", node.value[number][0].start_mark)
        return super().construct_mapping(node, deep)


def read(path: Path) -> Any:
    """What a file holds. Raises `InputError`, with line and column where these are known."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give a YAML file that is there") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text in UTF-8: give a YAML file") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{path}{at}: no YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no YAML: {' '.join(str(error).split())}") from None
