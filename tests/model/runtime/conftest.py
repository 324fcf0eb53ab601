"""The same healthy models as the smoke eval's tests."""

from tests.model.smoke.conftest import adapter, copy, healthy, one_thread

__all__ = ["adapter", "copy", "healthy", "one_thread"]
