"""Write a tiny language model as ``save_pretrained`` does: something to release while you try hfver out.

    python examples/tiny_model.py out/checkpoint
    python examples/tiny_model.py out/checkpoint --steps 120    # the same model, trained for longer

It has about 40,000 parameters, reads some pages of Jane Austen, and is done in seconds without a GPU.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from scaffold import tiny_model

TEXT = Path(__file__).parent / "demo" / "data" / "persuasion.txt"
LENGTH = 120
"""Bytes, and so tokens, in one training example."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where to write it")
    parser.add_argument("--steps", type=int, default=60, help="how long to train (default: 60)")
    options = parser.parse_args()
    model, tokenizer = tiny_model()
    text = " ".join(TEXT.read_text(encoding="utf-8").split())
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(options.steps):
        start = step * LENGTH * 8
        parts = [text[start + shift * LENGTH :][:LENGTH] for shift in range(8)]
        ids = tokenizer(parts, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(options.folder)
    tokenizer.save_pretrained(options.folder)
    print(f"Wrote {options.folder}: loss {loss.item():.2f} after {options.steps} steps")


if __name__ == "__main__":
    main()
