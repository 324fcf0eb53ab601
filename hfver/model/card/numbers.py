"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["amount", "count", "figure", "size"]


def size(number: int) -> str:
    """Format a number of bytes, in powers of 1000 as the Hub does: ``512 bytes``, ``4.2 MB``."""
    return f"{number} bytes" if number < 1000 else f"{_scaled(number, ('kB', 'MB', 'GB', 'TB', 'PB'))}"


def amount(number: int) -> str:
    """Format a large count, shortened: ``950``, ``124.4 M``."""
    return str(number) if number < 1000 else _scaled(number, ("k", "M", "B", "T"))


def count(number: int) -> str:
    """Format a count with a thousands separator: ``50,000``."""
    return f"{number:,}"


def figure(value: int | float) -> str:
    """Format a measured value: integers in full, others to four significant digits."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _scaled(number: int, units: tuple[str, ...]) -> str:
    value = float(number)
    for unit in units:
        value /= 1000
        if value < 999.95 or unit == units[-1]:
            return f"{value:.1f} {unit}".replace(".0 ", " ")
    raise AssertionError("unreachable: the last unit takes any number")
