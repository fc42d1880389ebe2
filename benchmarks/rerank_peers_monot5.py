"""rank_llm's monoT5 beside ours, on the same weights in the same process.

    pip install 'assay[torch]'; pip install --no-deps rank-llm dacite ftfy tiktoken
    python -m benchmarks.rerank_peers_monot5 --json build/rerank-peers-monot5.json

A T5 of 6 layers, 256 wide, with random weights and a tokenizer that is trained on the passages
(20 to 200 words) on the spot; both read the same folder. Ours is ``rerank.token_logit@1`` with the
form ``monot5`` and ``transform: softmax`` over ``models.transformers@1``, one prompt at a time as
by default. Scores must agree within 1e-3 with rank_llm's ``MonoT5`` at ``batch_size=1``.

With larger batches rank_llm pads prompts and does not tell ``generate`` which tokens are padding:
by how much its scores then move is told in a row of its own, for which nothing is required.

Turns and seconds are those of ``benchmarks/rerank_peers.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import json
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assay.pipeline.context import RunContext
from benchmarks.model_speed.prefix import words
from benchmarks.rerank_peers import CLOSE, QUESTION, Found, markdown, ranking, stand_in, turns

BATCH = 32
"""What rank_llm takes by default."""


def save_monot5(folder: Path, texts: Sequence[str]) -> None:
    """A T5 with random weights and a Unigram tokenizer that knows the words of some texts."""
    import torch
    import transformers
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
        trainers,
    )  # fmt: skip

    library: Any = transformers
    asked = f"Query: {QUESTION.text} Document: Relevant:"
    trained: Any = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(
        [*texts, *[asked] * 20],
        trainers.UnigramTrainer(
            vocab_size=4000, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>"
        ),
    )
    made = json.loads(trained.to_str())
    made["model"]["vocab"] += [["\u2581true", -1.0], ["\u2581false", -1.0]]
    whole: Any = Tokenizer.from_str(json.dumps(made))
    whole.decoder = decoders.Metaspace()
    whole.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    own = library.PreTrainedTokenizerFast(
        tokenizer_object=whole, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        model_max_length=512,
    )  # fmt: skip
    torch.manual_seed(7)
    config = library.T5Config(
        vocab_size=len(own), d_model=256, d_kv=32, d_ff=1024, num_layers=6, num_heads=8,
        decoder_start_token_id=0, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    library.T5ForConditionalGeneration(config).save_pretrained(folder)
    own.save_pretrained(folder)


def beside_monot5(*, passages: int, repeats: int) -> list[Found]:
    """rank_llm's monoT5, a prompt at a time and in its batches.

    Raises:
        SystemExit: if scores of a prompt at a time differ by more than ``CLOSE``.
    """
    from assay.models.transformers import TransformersConfig, TransformersModel
    from assay.stages.rerank.token_logit import TokenLogitConfig, TokenLogitRerank

    stand_in()
    monot5: Any = importlib.import_module("rank_llm.rerank.pointwise.monot5")
    data: Any = importlib.import_module("rank_llm.data")
    chance = np.random.default_rng(0)
    texts = [
        " ".join(words(100 + number)[: int(chance.integers(20, 200))]) for number in range(passages)
    ]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        save_monot5(Path(folder), texts)
        theirs = monot5.MonoT5(folder, device="cpu")
        model = TransformersModel(
            TransformersConfig(model=folder, context_tokens=512, device="cpu", dtype="float32")
        )
        model.start()
    node = TokenLogitRerank(
        TokenLogitConfig(form="monot5", depth=1000, transform="softmax"), model=model
    )
    asked = ranking(texts)

    def our_run() -> dict[int, float]:
        hits = node.run(QUESTION, asked, RunContext()).hits
        return {int(hit.passage.id): hit.score.value for hit in hits}

    def their_run() -> dict[int, float]:
        candidates = [
            data.Candidate(place, -float(place), {"text": text}) for place, text in enumerate(texts)
        ]
        request = data.Request(data.Query(QUESTION.text, "q"), candidates)
        with contextlib.redirect_stderr(io.StringIO()):
            (found,) = theirs.rerank_batch([request])
        return {one.docid: one.score for one in found.candidates}

    found = []
    one = our_run()
    spread = max(one.values()) - min(one.values())
    for batch in (1, BATCH):
        theirs._batch_size = batch
        other = their_run()
        worst = max(abs(one[place] - other[place]) for place in one)
        if batch == 1 and worst > CLOSE:
            raise SystemExit(f"rank_llm: monoT5 scores differ by {worst}, more than {CLOSE}")
        what = f"monoT5, {passages} passages, its batches of {batch}, largest difference of scores"
        what += f" (they spread over {spread:.2f})"
        found.append(
            Found(
                f"rank_llm {version('rank-llm')}", what, worst, *turns(our_run, their_run, repeats)
            )
        )
    model.close()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("rank_llm") is None:
        parser.exit(1, "rank_llm is not installed: pip install --no-deps rank-llm\n")
    found = beside_monot5(passages=options.passages, repeats=options.repeats)
    print(markdown(found))
    if options.json:
        data = {"python": platform.python_version(), "found": [asdict(one) for one in found]}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
