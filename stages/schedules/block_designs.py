"""Block designs: overlapping blocks of candidates that are ranked side by side.

Source: JointRank (2025); Bailey 2004, "Association Schemes" (partially balanced designs).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import ceil

import numpy as np

from assay.pipeline.errors import UsageError

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Blocks = list[tuple[int, ...]]


class BlockDesign(ABC):
    """How n candidates are put into blocks of at most k."""

    @abstractmethod
    def size(self, n: int, k: int, r: int) -> int:
        """Candidates that the design needs, at least n; the others are dummies.

        Args:
            n: candidates.
            k: most candidates of a block.
            r: blocks that each candidate shall stand in, where the design leaves it open.

        Raises:
            UsageError: if blocks of k cannot hold so many in this design.
        """

    @abstractmethod
    def blocks(self, size: int, k: int, r: int, generator: np.random.Generator) -> Blocks:
        """Blocks over the places ``0 .. size - 1``; no place twice in a block."""


def blocks_of(
    design: BlockDesign, n: int, *, k: int, r: int, generator: np.random.Generator
) -> Blocks:
    """The blocks of n candidates: shuffled, padded with dummies, the dummies taken out again.

    Without shuffling, first-stage neighbours would share a row. Blocks in which fewer than two
    candidates are left are dropped, and a list that fits one block is one block, r times shuffled.

    Raises:
        UsageError: see ``BlockDesign.size``.
    """
    if n <= k:
        return [tuple(int(one) for one in generator.permutation(n)) for _ in range(r)] if n else []
    names = generator.permutation(design.size(n, k, r))
    found = []
    for block in design.blocks(len(names), k, r, generator):
        real = tuple(int(names[place]) for place in block if names[place] < n)
        if len(real) > 1:
            found.append(real)
    return found


class EquiReplicate(BlockDesign):
    """Each candidate in exactly r blocks of exactly k; size * r is a multiple of k.

    Shuffled pools are cut into blocks one after another; where fewer than k remain of a pool, the
    block is filled with candidates of the next, which then lacks them.
    """

    def size(self, n: int, k: int, r: int) -> int:
        """The next number of candidates of which r each fill whole blocks."""
        size = n
        while size * r % k:
            size += 1
        return size

    def blocks(self, size: int, k: int, r: int, generator: np.random.Generator) -> Blocks:
        """size * r / k blocks."""
        found: Blocks = []
        rest: list[int] = []
        for _ in range(r):
            pool = [int(one) for one in generator.permutation(size)]
            if rest:
                held = set(rest)
                extra = [one for one in pool if one not in held][: k - len(rest)]
                found.append((*rest, *extra))
                taken = set(extra)
                pool = [one for one in pool if one not in taken]
            full = len(pool) // k * k
            found += [tuple(pool[start : start + k]) for start in range(0, full, k)]
            rest = pool[full:]
        if rest:  # a pool smaller than what the rest lacked; cannot be for size >= k
            found.append(tuple(rest))
        return found


class LatinSquare(BlockDesign):
    """Rows and columns of a square: each candidate in two blocks, any two at most once together."""

    def size(self, n: int, k: int, r: int) -> int:
        """The square of the smallest side that holds n."""
        side = _side(n)
        if side > k:
            raise too_small("latin_square", n, side, k)
        return side * side

    def blocks(self, size: int, k: int, r: int, generator: np.random.Generator) -> Blocks:
        """2 * side blocks."""
        side = _side(size)
        square = np.arange(size).reshape(side, side)
        return [tuple(int(one) for one in line) for line in (*square, *square.T)]


class Triangular(BlockDesign):
    """k + 1 blocks of k, any two of them with exactly one candidate in common."""

    def size(self, n: int, k: int, r: int) -> int:
        """b (b - 1) / 2 for the fewest blocks b that hold n."""
        block = _triangle(n)
        if block > k:
            raise too_small("triangular", n, block, k)
        return block * (block + 1) // 2

    def blocks(self, size: int, k: int, r: int, generator: np.random.Generator) -> Blocks:
        """Rows of the symmetric scheme, its diagonal left out."""
        block = _triangle(size)
        scheme = np.full((block + 1, block + 1), -1)
        scheme[np.triu_indices(block + 1, 1)] = np.arange(size)
        scheme = np.maximum(scheme, scheme.T)
        return [tuple(int(one) for one in row if one >= 0) for row in scheme]


class Random(BlockDesign):
    """Blocks drawn without regard to one another; some candidates may stand in none."""

    def size(self, n: int, k: int, r: int) -> int:
        """n: nothing is padded."""
        return n

    def blocks(self, size: int, k: int, r: int, generator: np.random.Generator) -> Blocks:
        """ceil(size * r / k) draws."""
        return [
            tuple(int(one) for one in generator.choice(size, size=min(k, size), replace=False))
            for _ in range(ceil(size * r / k))
        ]


class Replicate(BlockDesign):
    """r shuffled copies, each cut into blocks as even as can be; nothing is padded."""

    def size(self, n: int, k: int, r: int) -> int:
        """n: nothing is padded."""
        return n

    def blocks(self, size: int, k: int, r: int, generator: np.random.Generator) -> Blocks:
        """r * ceil(size / k) blocks."""
        parts = ceil(size / k)
        return [
            tuple(int(one) for one in part)
            for _ in range(r)
            for part in np.array_split(generator.permutation(size), parts)
        ]


DESIGNS: Mapping[str, BlockDesign] = {
    "equi_replicate": EquiReplicate(),
    "latin_square": LatinSquare(),
    "triangular": Triangular(),
    "random": Random(),
    "replicate": Replicate(),
}


def too_small(design: str, n: int, needed: int, block: int) -> UsageError:
    """What to say where a block cannot be large enough."""
    return UsageError(
        f"the design '{design}' needs blocks of {needed} for {n} passages, found {block}: raise"
        " 'block', lower 'depth', or take 'equi_replicate', which goes with any block"
    )


def _side(n: int) -> int:
    side = int(n**0.5)
    while side * side < n:
        side += 1
    return side


def _triangle(n: int) -> int:
    block = 1
    while block * (block + 1) // 2 < n:
        block += 1
    return block
