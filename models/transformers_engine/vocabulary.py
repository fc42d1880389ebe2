"""The tokens of a transformers tokenizer, with passages kept apart from control tokens."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from assay.models.vocabulary import Vocabulary
from assay.pipeline.errors import ModelError

_SPACE = "\u2581"
"""How sentencepiece writes a space."""

_OUT_OF_REACH = "\U0010ffff"
"""No character; stands in the names of control tokens where plain text is read."""

_ENDINGS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<EOT>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<reponame>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
)
"""Names of control tokens that end a turn or begin another file, whether a model's files say so
or not; llama.cpp ends a text at these, too."""

_DIGITS = {"type": "Digits", "individual_digits": True}
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = (
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{DIGITS}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _split(pattern: str) -> dict[str, Any]:
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, {**_BYTES, "use_regex": False}]}


_WHOLE = {**_BYTES, "use_regex": True}
_BY_DIGIT = {"type": "Sequence", "pretokenizers": [_DIGITS, _WHOLE]}
_THREE_DIGITS = _split(_WORDS.replace("{DIGITS}", "{1,3}"))
_PRETOKENIZERS: Mapping[str, dict[str, Any]] = {
    "default": _WHOLE,
    "gpt-2": _WHOLE,
    "smollm": _BY_DIGIT,
    "starcoder": _BY_DIGIT,
    "refact": _BY_DIGIT,
    "command-r": _BY_DIGIT,
    "qwen2": _split(_WORDS.replace("{DIGITS}", "")),
    "llama-bpe": _THREE_DIGITS,
    "llama3": _THREE_DIGITS,
    "dbrx": _THREE_DIGITS,
}
"""How texts are cut before the merges, by what a GGUF file calls it: transformers reads the
merges of a GGUF file, but not this (SmolLM2 writes "2024" in four tokens)."""


class TransformersVocabulary(Vocabulary):
    """The tokens of a fast tokenizer.

    Two tokenizers are made from it. ``plain`` knows no added token, but for runs of white
    space that are one, and none of its pieces bears a control token's name. ``control`` knows
    them all. Neither puts a space before its text, as sentencepiece tokenizers do with a whole
    text: every text here stands behind another one, and " yes" and "yes" must differ. Models
    whose tokenizer drops spaces between words (T5) read both alike.

    Args:
        tokenizer: of transformers, backed by the library tokenizers.
        model: its model, for the size of the output layer and the end tokens.
        header: what the GGUF file says, None for safetensors.
        name: the engine's registered name, for messages.

    Raises:
        ModelError: if there is no such tokenizer, or its form is not known.
    """

    def __init__(
        self, tokenizer: Any, model: Any, header: Mapping[str, object] | None, name: str
    ) -> None:
        from tokenizers import Tokenizer

        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ModelError(
                f"{name}: the model has no fast tokenizer: save it with a tokenizer.json"
            )
        form = json.loads(backend.to_str())
        form["truncation"] = form["padding"] = None
        if header is not None and form["model"]["type"] == "BPE":
            _cut_as_trained(form, header, name)
        self._bytes_by_letter = _bytes_by_letter(form, name)
        self.opens_with_space = _without_first_space(form)
        added = {int(one["id"]): one for one in form["added_tokens"]}
        marked = {*tokenizer.all_special_ids, form["model"].get("unk_id")}
        self._control_ids = frozenset(
            {token for token, one in added.items() if one["special"]}
            | {one for one in marked if one is not None}
        )
        self._control = Tokenizer.from_str(json.dumps(form))
        self._added = {
            token: one["content"] for token, one in added.items() if token not in self._control_ids
        }
        self._known = self._control.get_vocab_size(with_added_tokens=True)
        self._plain = Tokenizer.from_str(json.dumps(_innocent(form, self._control_ids)))
        self.size = int(model.get_output_embeddings().weight.shape[0])
        self.begin, self.end = _surroundings(tokenizer, header)
        self.template = _template(tokenizer)
        self.marks = {
            "bos_token": str(tokenizer.bos_token or ""),
            "eos_token": str(tokenizer.eos_token or ""),
        }
        self._ends = _end_tokens(tokenizer, model)

    end: tuple[int, ...]
    """Tokens that the model was trained to see after a whole text."""

    def plain(self, text: str) -> list[int]:
        """Tokens of a text; names of control tokens are letters."""
        found: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        return found

    def control(self, text: str) -> list[int]:
        """Tokens of a template's text."""
        found: list[int] = self._control.encode(text, add_special_tokens=False).ids
        return found

    def spelled(self, token: int) -> bytes:
        """What a token adds to a text."""
        if token in self._control_ids or token >= self._known:
            return b""
        if token in self._added:
            return str(self._added[token]).encode("utf-8")
        piece = self._control.id_to_token(token)
        if piece is None:
            return b""
        if self._bytes_by_letter is not None:
            try:
                return bytes(self._bytes_by_letter[letter] for letter in piece)
            except KeyError:
                return str(piece).encode("utf-8")
        if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            return bytes((int(piece[3:5], 16),))
        return str(piece).replace(_SPACE, " ").encode("utf-8")

    def ends(self, token: int) -> bool:
        """Whether the model ends its text with this token."""
        return token in self._ends

    def is_control(self, token: int) -> bool:
        """Whether a token is no part of any text."""
        return token in self._control_ids or token >= self._known


def _cut_as_trained(form: dict[str, Any], header: Mapping[str, object], name: str) -> None:
    """Put the file's own cutting of texts in the place of transformers' general one."""
    if header.get("tokenizer.ggml.model") != "gpt2":
        return
    said = str(header.get("tokenizer.ggml.pre", "default"))
    if said not in _PRETOKENIZERS:
        raise ModelError(
            f"{name}: the GGUF file cuts texts by {said!r}, which is not known here, only"
            f" {', '.join(sorted(_PRETOKENIZERS))}: take models.llama_cpp@1 for this file, or the"
            " same model as a folder with its tokenizer.json"
        )
    form["pre_tokenizer"] = _PRETOKENIZERS[said]
    form["model"]["ignore_merges"] = _PRETOKENIZERS[said] is _THREE_DIGITS


def _bytes_by_letter(form: Mapping[str, Any], name: str) -> Mapping[str, int] | None:
    """The letter that stands for each byte, None where pieces are text.

    Raises:
        ModelError: if pieces are written in a way that is not known.
    """
    decoder = json.dumps(form.get("decoder"), ensure_ascii=False)
    if '"ByteLevel"' in decoder:
        return {letter: byte for byte, letter in enumerate(_letters())}
    if '"Metaspace"' in decoder or _SPACE in decoder:
        return None
    raise ModelError(
        f"{name}: the tokenizer writes its pieces neither as bytes nor as sentencepiece does, so"
        " that its tokens cannot be joined to a text: take another model"
    )


def _letters() -> list[str]:
    """The letter of each byte in byte-level vocabularies: itself, where it can be seen.

    Source: Radford et al., Language Models are Unsupervised Multitask Learners (2019), code.
    """
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(rest)) for byte in range(256)]


def _without_first_space(form: dict[str, Any]) -> bool:
    """Let no text get a space before its first word; returns whether one would have got it."""
    before = json.dumps([form.get("pre_tokenizer"), form.get("normalizer")])
    cut = form.get("pre_tokenizer")
    if cut is not None:
        if cut["type"] == "Metaspace":
            cut["prepend_scheme"] = "never"
        if cut["type"] == "ByteLevel":
            cut["add_prefix_space"] = False
        steps = cut.get("pretokenizers", [])
        apart = any(one["type"] in ("Whitespace", "WhitespaceSplit") for one in steps)
        for one in steps:
            if one["type"] == "Metaspace" and not apart:
                one["prepend_scheme"] = "never"
            if one["type"] == "ByteLevel":
                one["add_prefix_space"] = False
    change = form.get("normalizer")
    if change is not None and change["type"] == "Prepend":
        form["normalizer"] = None
    elif change is not None and change["type"] == "Sequence":
        change["normalizers"] = [one for one in change["normalizers"] if one["type"] != "Prepend"]
    return before != json.dumps([form.get("pre_tokenizer"), form.get("normalizer")])


def _innocent(form: Mapping[str, Any], control: Collection[int]) -> dict[str, Any]:
    """The same tokenizer without added tokens and with no control token's name in its pieces."""
    model = dict(form["model"])
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        model["vocab"] = [
            [f"{_OUT_OF_REACH}{token}{_OUT_OF_REACH}", score]
            if token in control
            else [piece, score]
            for token, (piece, score) in enumerate(vocabulary)
        ]
    else:
        merges = (
            one.split(" ") if isinstance(one, str) else one for one in model.get("merges", ())
        )
        made = {part for one in merges for part in (*one, "".join(one))}
        names = {
            piece: f"{_OUT_OF_REACH}{token}{_OUT_OF_REACH}"
            for piece, token in vocabulary.items()
            if token in control and piece not in made
        }
        model["vocab"] = {names.get(piece, piece): token for piece, token in vocabulary.items()}
        if model.get("unk_token") is not None:
            model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    kept = [
        one
        for one in form["added_tokens"]
        if int(one["id"]) not in control and not one["content"].strip()
    ]
    return {**form, "model": model, "added_tokens": kept, "post_processor": None}


def _surroundings(
    tokenizer: Any, header: Mapping[str, object] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Control tokens that the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a", add_special_tokens=True)["input_ids"]
    start = next(
        (place for place in range(len(whole)) if whole[place : place + len(bare)] == bare), 0
    )
    begin, end = tuple(whole[:start]), tuple(whole[start + len(bare) :])
    if header is not None:
        pieces = header.get("tokenizer.ggml.model") != "gpt2"
        pieces = pieces or header.get("tokenizer.ggml.pre") in ("llama-bpe", "llama3")
        first = tokenizer.bos_token_id
        opens = bool(header.get("tokenizer.ggml.add_bos_token", pieces)) and first is not None
        begin, end = ((int(first),) if opens else ()), ()
    return begin, end


def _template(tokenizer: Any) -> str | None:
    """The chat template; of several the one called ``default``."""
    found = tokenizer.chat_template
    if isinstance(found, Mapping):
        found = found.get("default")
    return None if found is None else str(found)


def _end_tokens(tokenizer: Any, model: Any) -> frozenset[int]:
    """Tokens that end a text, by the model, its tokenizer and their known names."""
    found: set[int | None] = set()
    settings = getattr(model, "generation_config", None)
    for said in (getattr(settings, "eos_token_id", None), tokenizer.eos_token_id):
        found |= set(said) if isinstance(said, list | tuple) else {said}
    special = {
        str(one.content): token
        for token, one in tokenizer.added_tokens_decoder.items()
        if one.special
    }
    found |= {special[one] for one in _ENDINGS if one in special}
    return frozenset(int(one) for one in found if one is not None)
