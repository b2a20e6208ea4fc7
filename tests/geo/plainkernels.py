"""Compiled loops as Python runs them: what coverage can see, and what the compiled ones must equal."""

import importlib.util
from types import ModuleType

import numba
import pytest

import geo.kernels


def plain_kernels(of: ModuleType = geo.kernels) -> ModuleType:
    """The loops of a module as Python runs them."""
    spec = importlib.util.spec_from_file_location(f"plain_{of.__name__}", str(of.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", 1)
        spec.loader.exec_module(module)
    return module
