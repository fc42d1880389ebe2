"""Other rerank libraries beside this one, on the same model in the same process.

    pip install rerankers 'assay[torch]'; pip install --no-deps rank-llm dacite ftfy tiktoken
    python -m benchmarks.rerank_peers --tokenizer FOLDER --json build/rerank-peers.json

``rerankers``
    A cross-encoder in torch of the shape of ms-marco-MiniLM-L-12 (12 layers, 384 wide) with random
    weights, whose head is scaled so that scores spread, over passages of 20 to 200 words. Both read
    the same folder; ours is ``rerank.cross_encoder@1`` over ``models.torch_cross_encoder@1``.
    Scores must agree within 1e-3. ``--tokenizer`` is a folder with a BERT ``tokenizer.json``.
``rank_llm``
    Its sliding window (20 passages, stride 10, template rank_zephyr) against
    ``rerank.sliding_window@1`` over ``windows.listwise@1``, around a model that is a function of
    what it is shown: it knows the order, and leaves out, repeats or invents identifiers in some
    answers and refuses in others. Both must come to the same order. As it answers at once, seconds
    are what the libraries themselves take. Each runs as it is by default: that one copies
    requests, ours keeps a run record. On import rank_llm asks for vllm and, for its T5 models, for
    an older transformers; empty modules stand in for both, which play no part in this.

The two take turns, and who begins changes; seconds are processor time of all threads, told as
medians with the 95 % interval of the median by bootstrap, after one run that does not count. What
is not installed is said and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import platform
import re
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from assay.models.echo import EchoConfig, Scripted, written_out
from assay.models.language_model import Generation, WritingOptions
from assay.models.prompt import Prompt
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from benchmarks.model_speed.prefix import interval, words

SCOPE = Scope("benchmark")
QUESTION = Query("how do two passages about the same thing differ", SCOPE)
CLOSE = 1e-3
ZEPHYR = "rank_zephyr_template.yaml"
STAND_INS = {
    "vllm.outputs": ("RequestOutput",),
    "vllm": ("RequestOutput", "SamplingParams", "LLM"),
    "rank_llm.rerank.listwise.rank_fid": ("RankFiDDistill", "RankFiDScore"),
}
"""What rank_llm imports beside the sliding window, with the names that it takes from there."""


@dataclass(frozen=True, slots=True)
class Found:
    """A library beside ours.

    Args:
        peer: the library with its version.
        what: what both did.
        agreement: the largest difference of scores, or the share of lists with the same order.
        ours: seconds of processor time, each repetition.
        theirs: the same.
    """

    peer: str
    what: str
    agreement: float
    ours: tuple[float, ...]
    theirs: tuple[float, ...]


def ranking(texts: Sequence[str]) -> Ranking:
    """Passages without titles, as they stand."""
    hits = (
        Hit(Passage(str(place), str(place), text, SCOPE), Score(-float(place), ScoreKind.BM25, "b"))
        for place, text in enumerate(texts)
    )
    return Ranking(QUESTION, tuple(hits), "benchmark")


def turns(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds of processor time of both, taking turns; the first of each does not count."""
    taken: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for place in (0, 1) if repeat % 2 else (1, 0):
            begin = time.process_time()
            (ours, theirs)[place]()
            taken[place].append(time.process_time() - begin)
    return tuple(taken[0][1:]), tuple(taken[1][1:])


def save_cross_encoder(folder: Path, tokenizer: Path, *, layers: int = 12) -> None:
    """A BERT with one label and random weights, with somebody's tokenizer."""
    import torch
    import transformers

    library: Any = transformers
    own = library.PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer / "tokenizer.json"), model_max_length=512,
        unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]",
        mask_token="[MASK]",
    )  # fmt: skip
    torch.manual_seed(3)
    config = library.BertConfig(
        vocab_size=len(own), hidden_size=384, num_hidden_layers=layers, num_attention_heads=12,
        intermediate_size=1536, max_position_embeddings=512, num_labels=1,
    )  # fmt: skip
    made = library.BertForSequenceClassification(config).eval()
    with torch.no_grad():
        made.classifier.weight.normal_(std=5.0)
    made.save_pretrained(folder)
    own.save_pretrained(folder)


def beside_rerankers(tokenizer: Path, *, passages: int, repeats: int, layers: int = 12) -> Found:
    """The library rerankers on the same cross-encoder.

    Raises:
        SystemExit: if scores differ by more than ``CLOSE``.
    """
    from assay.models.torch_cross_encoder import TorchCrossEncoder, TorchCrossEncoderConfig
    from assay.stages.rerank.cross_encoder import CrossEncoderConfig, CrossEncoderRerank

    library: Any = importlib.import_module("rerankers")
    chance = np.random.default_rng(0)
    texts = [
        " ".join(words(100 + number)[: int(chance.integers(20, 200))]) for number in range(passages)
    ]
    with tempfile.TemporaryDirectory() as folder:
        save_cross_encoder(Path(folder) / "judge", tokenizer, layers=layers)
        path = str(Path(folder) / "judge")
        theirs = library.Reranker(path, model_type="cross-encoder", verbose=0, device="cpu")
        model = TorchCrossEncoder(
            TorchCrossEncoderConfig(model=path, max_tokens=512, device="cpu", dtype="float32")
        )
        model.start()
        node = CrossEncoderRerank(CrossEncoderConfig(depth=1000), model=model)
        asked = ranking(texts)

        def their_run() -> dict[int, float]:
            found = theirs.rank(QUESTION.text, texts, doc_ids=list(range(len(texts))))
            return {one.document.doc_id: float(one.score) for one in found.results}

        def our_run() -> dict[int, float]:
            hits = node.run(QUESTION, asked, RunContext()).hits
            return {int(hit.passage.id): hit.score.value for hit in hits}

        one, other = our_run(), their_run()
        worst = max(abs(one[place] - other[place]) for place in one)
        if worst > CLOSE:
            raise SystemExit(f"rerankers: scores differ by {worst}, more than {CLOSE}")
        seconds = turns(our_run, their_run, repeats)
        model.close()
    what = f"cross-encoder, {layers} layers, {passages} passages, largest difference of scores"
    return Found(f"rerankers {version('rerankers')}", what, worst, *seconds)


_IDENTIFIED = re.compile(r"^\[(\d+)\] .*?worth (\d+)", re.MULTILINE)


def answer(prompt: str) -> str:
    """The right order of the passages of a window, spoilt in a way that its passages decide."""
    shown = [(int(place), int(worth)) for place, worth in _IDENTIFIED.findall(prompt)]
    order = [place for place, _ in sorted(shown, key=lambda one: -one[1])]
    told = " > ".join(f"[{place}]" for place in order)
    chance = hashlib.sha256(",".join(str(worth) for _, worth in shown).encode()).digest()[0] % 8
    match chance:
        case 0:
            return "I cannot rank these passages."
        case 1:
            return " > ".join(f"[{place}]" for place in order[: len(order) // 2])
        case 2:
            return f"[99] > [{order[0]}] > {told}"
        case 3:
            return "\n".join(f"[{place}]" for place in order)
        case _:
            return told


class Answering(Scripted):
    """``answer`` as a language model that says it all at once; words are its tokens, as there."""

    name = "benchmarks.answering@1"

    def __init__(self) -> None:
        super().__init__(EchoConfig(rules=[], context_tokens=1_000_000))

    def answer(self, prompt: str) -> str:
        """The order."""
        return answer(prompt)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())

    def stream(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Iterator[str | Generation]:
        """The whole answer in one piece."""
        context.check()
        said = self.answer("".join(text for text, _ in written_out(prompt)))
        tokens_in, tokens_out = self.count_prompt(prompt), self.count_tokens(said)
        context.spend(calls=1, rounds=1, tokens_in=tokens_in, tokens_out=tokens_out)
        yield said
        yield Generation(said, tokens_in, tokens_out)


def stand_in() -> None:
    """Put empty modules where rank_llm imports what is not needed here."""
    for name, needed in STAND_INS.items():
        root = name.split(".", maxsplit=1)[0]
        if name not in sys.modules and (root == "rank_llm" or not importlib.util.find_spec(root)):
            empty = types.ModuleType(name)
            vars(empty).update(dict.fromkeys(needed, object))
            sys.modules[name] = empty


def rank_llm_ranker() -> Any:
    """rank_llm's listwise reranker around ``answer``."""
    stand_in()
    listwise: Any = importlib.import_module("rank_llm.rerank.listwise.listwise_rankllm")
    package: Any = importlib.import_module("rank_llm")
    template = Path(package.__file__).parent / "rerank" / "prompt_templates" / ZEPHYR

    class Answered(listwise.ListwiseRankLLM):  # type: ignore[misc]
        def create_prompt(self, result: Any, rank_start: int, rank_end: int) -> tuple[Any, int]:
            prompt = self._inference_handler.generate_prompt(
                result=result, rank_start=rank_start, rank_end=rank_end, max_length=300
            )
            return prompt, self.get_num_tokens(prompt)

        def run_llm(self, prompt: Any, current_window_size: int | None = None) -> tuple[str, int]:
            said = answer(prompt[-1]["content"])
            return said, len(said.split())

        def get_num_tokens(self, prompt: Any) -> int:
            return sum(len(one["content"].split()) for one in prompt)

        def run_llm_batched(self, prompts: Any, **_: Any) -> list[tuple[str, int]]:
            return [self.run_llm(one) for one in prompts]

        def create_prompt_batched(self, results: Any, start: int, end: int, size: int) -> Any:
            return [self.create_prompt(one, start, end) for one in results]

        def cost_per_1k_token(self, input_token: bool) -> float:
            return 0.0

        def num_output_tokens(self) -> int:
            return 0

        def rerank_batch(self, requests: Any, **_: Any) -> Any:
            return [self.sliding_windows(one, 0, len(one.candidates), 1000) for one in requests]

    with contextlib.redirect_stdout(io.StringIO()):
        return Answered("stub", 1_000_000, prompt_template_path=str(template), device="cpu")


def beside_rank_llm(*, lists: int, repeats: int) -> Found:
    """rank_llm's sliding window on the same answers.

    Raises:
        SystemExit: if an order differs.
    """
    from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
    from assay.stages.windows.listwise import Listwise, ListwiseConfig

    theirs = rank_llm_ranker()
    data: Any = importlib.import_module("rank_llm.data")
    node = SlidingWindowRerank(
        SlidingWindowConfig(), ranker=Listwise(ListwiseConfig(), model=Answering())
    )
    asked = []
    for seed in range(lists):
        worth = np.random.default_rng(seed).permutation(1000)[:100]
        asked.append([f"{' '.join(words(int(one))[:60])} worth {one}" for one in worth])

    def our_run() -> list[list[int]]:
        found = [node.run(QUESTION, ranking(texts), RunContext()) for texts in asked]
        return [[int(one) for one in each.ids] for each in found]

    def their_run() -> list[list[int]]:
        found = []
        for texts in asked:
            candidates = [
                data.Candidate(place, -float(place), {"text": text})
                for place, text in enumerate(texts)
            ]
            request = data.Request(data.Query(QUESTION.text, "q"), candidates)
            result = theirs.sliding_windows(request, 0, len(texts), len(texts))
            found.append([one.docid for one in result.candidates])
        return found

    one, other = our_run(), their_run()
    same = sum(a == b for a, b in zip(one, other, strict=True)) / lists
    if same < 1:
        raise SystemExit(f"rank_llm: only {same:.0%} of the lists have the same order")
    seconds = turns(our_run, their_run, repeats)
    what = f"sliding windows over {lists} lists of 100, share with the same order"
    return Found(f"rank_llm {version('rank-llm')}", what, same, *seconds)


def markdown(found: Sequence[Found]) -> str:
    """A row for each library."""
    lines = [
        "| library | what | agreement | ours, s | its, s | ours / it |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for one in found:
        ratios = [a / b for a, b in zip(one.ours, one.theirs, strict=True)]
        cells = [
            "{:.3g} [{:.3g}, {:.3g}]".format(*interval(values))
            for values in (one.ours, one.theirs, ratios)
        ]
        lines.append(
            f"| {one.peer} | {one.what} | {one.agreement:.2g} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokenizer", type=Path, help="folder with a BERT tokenizer.json")
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--lists", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    found = []
    if importlib.util.find_spec("rerankers") is None:
        print("left out: rerankers is not installed", file=sys.stderr)
    elif options.tokenizer is None:
        print("left out: rerankers needs --tokenizer", file=sys.stderr)
    else:
        found.append(
            beside_rerankers(options.tokenizer, passages=options.passages, repeats=options.repeats)
        )
    if importlib.util.find_spec("rank_llm") is None:
        print("left out: rank_llm is not installed", file=sys.stderr)
    else:
        found.append(beside_rank_llm(lists=options.lists, repeats=options.repeats))
    print(markdown(found))
    if options.json:
        data = {"python": platform.python_version(), "found": [asdict(one) for one in found]}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
