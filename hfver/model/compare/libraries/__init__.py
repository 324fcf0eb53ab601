"""The minimum versions of libraries that a model's files need, by a table that was measured with older versions."""

from hfver.model.compare.libraries.needs import (
    LibraryNeed,
    declared_versions,
    library_needs,
    required_versions,
    requirements,
)

__all__ = ["LibraryNeed", "declared_versions", "library_needs", "required_versions", "requirements"]
