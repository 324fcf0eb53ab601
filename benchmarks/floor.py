"""Read, hash and write a folder, two files at a time: ``python -m benchmarks.floor SOURCE TARGET``."""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHUNK = 1024 * 1024


def copy(source: Path, target: Path) -> str:
    """Copy one file and return its SHA-256."""
    digest, buffer = hashlib.sha256(), bytearray(CHUNK)
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        while size := reader.readinto(buffer):
            view = memoryview(buffer)[:size]
            digest.update(view)
            writer.write(view)
    return digest.hexdigest()


def main(source: Path, target: Path) -> None:
    """Copy every file of a folder."""
    target.mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda path: copy(path, target / path.name), sorted(source.iterdir())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
