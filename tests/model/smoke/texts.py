"""What tiny models learn instead of English."""

from __future__ import annotations

import random

THREE_SENTENCES = (
    "A version of a model is a fact.",
    "Whoever loads it gets exactly that, or an error.",
    "The commit that was tested is the commit that is tagged.",
)
CHINESE = (
    "他说他从来没有去过那个地方,但是他想去看看。",
    "这本书是我在图书馆借的,下个星期要还。",
    "老师告诉学生明天要考试,请大家准备好。",
    "春天来了,花都开了,孩子们在外面玩。",
)
CODE = (
    "def area(width, height):\n    return width * height\n",
    "for number in range(10):\n    print(number)\n",
    "int main(void) {\n    return 0;\n}\n",
)


def made_of(parts: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Make sequences that look like DNA or proteins: some parts are frequent, in random order."""
    order = random.Random(11)  # noqa: S311  test data
    return tuple("".join(order.choices(parts, k=count)) for _ in range(8))


GENES = made_of(("ATG", "GCC", "TTA", "GGC", "CAT"), 20)
PROTEINS = made_of(("MV", "LSPA", "DKT", "NVKA", "AWGKV", "GAH"), 16)
