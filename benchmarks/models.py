"""The models: what a prefix saves, how fast embedders are, what the protocol costs.

    python benchmarks/models.py prefix --json build/prefix.json
    python benchmarks/models.py embedding --data SET... --out build/embedding
    python benchmarks/models.py overhead --json build/overhead.json

Each part has its own ``--help``. Needs the extras embedded, llama, torch and bench, and
``assay models pull all-minilm-l6-v2``. Measure on a quiet machine: llama.cpp's threads wait
busily, and anything else on the same cores slows them many times over.
"""

from __future__ import annotations

import sys

from model_speed import embedding, overhead, prefix

PARTS = {"prefix": prefix.main, "embedding": embedding.main, "overhead": overhead.main}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        sys.exit(f"{__doc__}\nSay which part: {', '.join(PARTS)}")
    sys.exit(PARTS[sys.argv[1]](sys.argv[2:]))
