"""Embedding speed against the bare libraries, and what int8 costs in ranking quality.

    python benchmarks/models.py embedding --data ../shared/data/cranfield --out build/embedding

The model is ``all-minilm-l6-v2`` in all rows: torch in float32 and bfloat16, and exported here
to ONNX in float32 and int8 (dynamic, per channel, matrix products only, after
``quant_pre_process``). A bare library gets batches of 32 sorted by length and every core; both
sides turn the same texts into unit vectors, tokenizing included. Systems take turns within a
repetition, and the fastest repetition counts. The quality part ranks each set (a folder with
corpus.jsonl, queries.jsonl, qrels.tsv) by cosine within a question's own scope, and compares
int8 with float32 by nDCG@10, question by question.

It needs the extras embedded and torch and the library onnx, and the model in the cache
(``assay models pull all-minilm-l6-v2``). The table goes to standard output and to ``table.md``
in the folder, the figures to ``figures.json`` beside it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.dataset import Dataset, load
from assay.corpora.local import rendered
from assay.evaluation.statistics.resampling import RESAMPLES, Estimate, Resampler, mean
from assay.models.files.store import default_store
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Embedder, Floats
from assay.models.threads import thread_count
from assay.models.torch_embedder import TorchEmbedder, TorchEmbedderConfig
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, Scope

KEY = "all-minilm-l6-v2"
BATCH = 32
MAX_TOKENS = 256
SEED = 0
LIBRARIES = ("torch", "transformers", "sentence-transformers", "onnxruntime", "onnx", "tokenizers")

Embed = Callable[[Sequence[str]], Floats]


@dataclass(frozen=True, slots=True)
class Row:
    """One engine on one precision.

    Args:
        engine: ``torch`` or ``onnx``.
        precision: of its weights.
        bare: texts a second of the bare library, the fastest repetition.
        bare_slowest: the slowest repetition.
        ours: texts a second through assay, the fastest repetition.
        ours_slowest: the slowest repetition.
        agreement: smallest cosine between the two vectors of a text.
        fidelity: smallest cosine of our vectors to those of torch in float32.
    """

    engine: str
    precision: str
    bare: float
    bare_slowest: float
    ours: float
    ours_slowest: float
    agreement: float
    fidelity: float


@dataclass(frozen=True, slots=True)
class Loss:
    """nDCG@10 of float32 and int8 on one set.

    Args:
        name: of the set.
        questions: with a relevant passage.
        passages: ranked.
        clusters: of questions that share fate in the bootstrap.
        full: float32.
        small: int8.
        difference: int8 minus float32, paired.
    """

    name: str
    questions: int
    passages: int
    clusters: int
    full: Estimate
    small: Estimate
    difference: Estimate


def sample_texts(count: int, words: int = 100) -> list[str]:
    """Plain words of English, about so many a text, from the reference that Python carries.

    Code and markup are left out, so that a text fits the model and nobody cuts it.
    """
    from pydoc_data.topics import topics

    written = " ".join(topics[name] for name in sorted(topics)).split()
    flow = [word for word in written if re.fullmatch(r"[A-Za-z]?[a-z]+[.,;:]?", word)]
    chance = random.Random(SEED)
    texts = []
    place = 0
    for _ in range(count):
        size = chance.randint(words * 7 // 10, words * 13 // 10)
        if place + size > len(flow):
            place = chance.randint(0, words)
        texts.append(" ".join(flow[place : place + size]))
        place += size
    return texts


def export(folder: Path) -> dict[str, Path]:
    """The model as two ONNX folders that ``models.onnx_embedder@1`` reads, by precision."""
    import torch
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from transformers import AutoModel

    source = default_store().locate(KEY).path
    places = {}
    for precision in ("float32", "int8"):
        place = places[precision] = folder / precision
        (place / "1_Pooling").mkdir(parents=True)
        for name in ("tokenizer.json", "config.json", "1_Pooling/config.json"):
            shutil.copyfile(source / name, place / name)
    backbone = AutoModel.from_pretrained(
        source, dtype=torch.float32, attn_implementation="eager"
    ).eval()

    class States(torch.nn.Module):
        """The backbone with plain arguments and one output."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            return self.backbone(**given).last_hidden_state

    ids = torch.ones((2, 8), dtype=torch.long)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        States().eval(),
        (ids, ids, torch.zeros_like(ids)),
        str(places["float32"] / "model.onnx"),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "last_hidden_state"]},
        opset_version=17,
        dynamo=False,
    )
    prepared = folder / "prepared.onnx"
    # Its symbolic shape inference gives up on this graph; the optimisation does not need it.
    quant_pre_process(
        str(places["float32"] / "model.onnx"), str(prepared), skip_symbolic_shape=True
    )
    quantize_dynamic(
        str(prepared),
        str(places["int8"] / "model.onnx"),
        per_channel=True,
        op_types_to_quantize=["MatMul"],
    )
    return places


def bare_torch(precision: str) -> Embed:
    """sentence-transformers by itself; it sorts by length."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(default_store().locate(KEY).path),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, precision)},
    ).to(getattr(torch, precision))

    def embed(texts: Sequence[str]) -> Floats:
        found = model.encode(
            list(texts), batch_size=BATCH, convert_to_tensor=True, show_progress_bar=False
        )
        made: Floats = found.float().numpy()
        return made

    return embed


def bare_onnx(folder: Path) -> Embed:
    """onnxruntime by itself: padded batches sorted by length, mean over tokens, unit vectors."""
    import onnxruntime
    import tokenizers

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count(0)
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def embed(texts: Sequence[str]) -> Floats:
        read = [one.ids for one in tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(read)), key=lambda place: -len(read[place]))
        made: dict[int, Floats] = {}
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            ids = np.zeros((len(some), len(read[some[0]])), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, place in enumerate(some):
                ids[row, : len(read[place])] = read[place]
                mask[row, : len(read[place])] = 1
            feeds = {
                "input_ids": ids,
                "attention_mask": mask,
                "token_type_ids": np.zeros_like(ids),
            }
            states = session.run(None, feeds)[0]
            pooled = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
            made.update(zip(some, unit.astype(np.float32), strict=True))
        return np.stack([made[place] for place in range(len(texts))])

    return embed


def ours(embedder: Embedder) -> Embed:
    """A started embedder as the bare libraries are called."""

    def embed(texts: Sequence[str]) -> Floats:
        return embedder.embed_passages(texts, [RunContext()] * len(texts))

    embedder.start()
    return embed


def rows(texts: Sequence[str], folders: Mapping[str, Path], repeats: int) -> list[Row]:
    """Texts a second of every engine, bare and ours.

    Args:
        texts: what is embedded.
        folders: see ``export``.
        repeats: turns that every system gets, after one on 32 texts that does not count.
    """
    pairs = {
        ("torch", precision): (
            bare_torch(precision),
            TorchEmbedder(TorchEmbedderConfig(model=KEY, device="cpu", dtype=precision)),
        )
        for precision in ("float32", "bfloat16")
    } | {
        ("onnx", precision): (bare_onnx(folder), onnx_embedder(folder))
        for precision, folder in folders.items()
    }
    systems: dict[tuple[str, str, str], Embed] = {}
    for key, (bare, embedder) in pairs.items():
        systems[(*key, "bare")] = bare
        systems[(*key, "ours")] = ours(embedder)
    seconds: dict[tuple[str, str, str], list[float]] = {name: [] for name in systems}
    vectors: dict[tuple[str, str, str], Floats] = {}
    for embed in systems.values():
        embed(texts[:BATCH])
    for _ in range(repeats):
        for name, embed in systems.items():
            begin = time.perf_counter()
            vectors[name] = embed(texts)
            seconds[name].append(time.perf_counter() - begin)
    for _, embedder in pairs.values():
        embedder.close()
    reference = vectors["torch", "float32", "ours"]
    return [
        Row(
            engine=engine,
            precision=precision,
            bare=len(texts) / min(seconds[engine, precision, "bare"]),
            bare_slowest=len(texts) / max(seconds[engine, precision, "bare"]),
            ours=len(texts) / min(seconds[engine, precision, "ours"]),
            ours_slowest=len(texts) / max(seconds[engine, precision, "ours"]),
            agreement=_least_cosine(
                vectors[engine, precision, "bare"], vectors[engine, precision, "ours"]
            ),
            fidelity=_least_cosine(reference, vectors[engine, precision, "ours"]),
        )
        for engine, precision in pairs
    ]


def onnx_embedder(folder: Path) -> OnnxEmbedder:
    """Our embedder on an exported folder."""
    return OnnxEmbedder(OnnxEmbedderConfig(model=str(folder), max_tokens=MAX_TOKENS))


def _least_cosine(one: Floats, other: Floats) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).min())


def loss(data: Dataset, folders: Mapping[str, Path], questions: int, passages: int) -> Loss:
    """nDCG@10 of both precisions on a set.

    Args:
        data: the set.
        folders: see ``export``.
        questions: most that are asked, 0 for all; drawn by the seed.
        passages: most that are ranked beside the relevant ones, 0 for all.
    """
    asked = [one for one in data.queries if any(data.qrels.get(one.id, {}).values())]
    if questions:
        asked = random.Random(SEED).sample(asked, min(questions, len(asked)))
    judged = {name for one in asked for name in data.qrels[one.id]}
    documents = [
        one
        for place, one in enumerate(data.documents)
        if not passages or place < passages or one.id in judged
    ]
    texts = [
        rendered(Passage(one.id, one.id, one.text, Scope("local"), title=one.title))
        for one in documents
    ]
    scores = {}
    for precision, folder in folders.items():
        embedder = onnx_embedder(folder)
        embed = ours(embedder)
        found, wanted = embed(texts), embed([one.text for one in asked])
        embedder.close()
        values = []
        for query, vector in zip(asked, wanted, strict=True):
            field = query.meta.get("scope")
            inside = [
                place
                for place, one in enumerate(documents)
                if field is None or one.metadata.get(field["field"]) == field["value"]
            ]
            ranked = sorted(inside, key=lambda place: (-float(found[place] @ vector), place))
            names = [documents[place].id for place in ranked[:10]]
            values.append(ndcg(names, data.qrels[query.id]))
        scores[precision] = values
    clusters = [str(one.meta.get("scope", {}).get("value", one.id)) for one in asked]
    resampler = Resampler(clusters, seed=SEED)
    pairs = zip(scores["int8"], scores["float32"], strict=True)
    return Loss(
        name=data.name,
        questions=len(asked),
        passages=len(documents),
        clusters=resampler.clusters,
        full=resampler.estimate(mean(scores["float32"])),
        small=resampler.estimate(mean(scores["int8"])),
        difference=resampler.estimate(mean([small - full for small, full in pairs])),
    )


def ndcg(ranked: Sequence[str], grades: Mapping[str, int], depth: int = 10) -> float:
    """nDCG with linear gain, as trec_eval.

    >>> round(ndcg(["x", "a"], {"a": 2, "b": 1}), 4)
    0.4796
    """
    best = sorted((max(grade, 0) for grade in grades.values()), reverse=True)[:depth]
    gains = [max(grades.get(name, 0), 0) for name in ranked[:depth]]
    return _discounted(gains) / _discounted(best)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def table(head: Mapping[str, Any], speed: Sequence[Row], losses: Sequence[Loss]) -> str:
    """Everything as Markdown."""
    settings = ", ".join(f"{key} {value}" for key, value in head.items())
    lines = [
        settings,
        "",
        "| engine | precision | bare, texts/s | ours, texts/s | ours / bare | cosine of the two"
        " | cosine to torch float32 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in speed:
        lines.append(
            f"| {row.engine} | {row.precision} | {row.bare:.1f} (slowest {row.bare_slowest:.1f})"
            f" | {row.ours:.1f} (slowest {row.ours_slowest:.1f}) | {row.ours / row.bare:.3f}"
            f" | {row.agreement:.5f} | {row.fidelity:.5f} |"
        )
    if losses:
        lines += [
            "",
            "| set | questions | clusters | passages | nDCG@10 float32 | int8 | int8 - float32 |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
    for one in losses:
        figures = " | ".join(map(_shown, (one.full, one.small, one.difference)))
        lines.append(
            f"| {one.name} | {one.questions} | {one.clusters} | {one.passages} | {figures} |"
        )
    return "\n".join(lines)


def _shown(estimate: Estimate) -> str:
    if estimate.value is None or estimate.interval is None:
        return "–" if estimate.value is None else f"{estimate.value:.4f}"
    return f"{estimate.value:.4f} [{estimate.interval[0]:.4f}, {estimate.interval[1]:.4f}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for what is found")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders of labelled sets")
    parser.add_argument("--texts", type=int, default=500, help="texts of the speed part")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each system")
    parser.add_argument("--questions", type=int, default=0, help="most of a set; 0 for all")
    parser.add_argument("--passages", type=int, default=0, help="most of a set; 0 for all")
    options = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    options.out.mkdir(parents=True, exist_ok=True)
    head: dict[str, Any] = {
        "model": KEY,
        "texts": options.texts,
        "batch of the bare libraries": BATCH,
        "repeats": options.repeats,
        "seed": SEED,
        "bootstrap samples": RESAMPLES,
        "cores": thread_count(0),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    if hasattr(os, "getloadavg"):
        head["load at the start"] = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder:
        folders = export(Path(folder))
        speed = rows(sample_texts(options.texts), folders, options.repeats)
        losses = [
            loss(load(one), folders, options.questions, options.passages) for one in options.data
        ]
    shown = table(head, speed, losses)
    sys.stdout.write(shown + "\n")
    (options.out / "table.md").write_text(shown + "\n", encoding="utf-8")
    figures = {
        "head": head,
        "speed": [asdict(row) for row in speed],
        "int8": [asdict(one) for one in losses],
    }
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0
