"""Reading with an encoder and writing with a decoder of transformers: the T5 family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.local_model import Logprobs
from assay.models.vocabulary import Reading
from assay.pipeline.context import RunContext

_CARD_TOKENS = 16_384
"""Tokens in a padded batch on a card."""


class EncoderDecoder:
    """A model that reads the prompt with an encoder and writes after a start token.

    A prompt is read whole and both ways, so that no beginning can be kept, only whole prompts:
    the one read last, and those pinned once they are read.

    Args:
        model: loaded, on its device.
        end: tokens that the model was trained to see after a text.
        batch_tokens: most tokens in a padded batch; 0 for one prompt at a time on the
            processor.
    """

    def __init__(self, model: Any, *, end: Sequence[int], batch_tokens: int) -> None:
        self._model = model
        self._end = list(end)
        on_card = model.device.type == "cuda"
        self._batch_tokens = batch_tokens or (_CARD_TOKENS if on_card else 1)
        settings = model.generation_config.decoder_start_token_id
        start = model.config.decoder_start_token_id if settings is None else settings
        self._start = int(start)
        self._last: tuple[tuple[int, ...], Any] | None = None
        self._pinned: dict[tuple[int, ...], tuple[int, Any]] = {}

    def keep(self, reading: Reading) -> None:
        """Keep a prompt from the next time that it is read."""
        key = tuple(reading.tokens)
        times, read = self._pinned.get(key, (0, None))
        self._pinned[key] = (times + 1, read)

    def release(self, reading: Reading) -> None:
        """Let go of a prompt."""
        key = tuple(reading.tokens)
        times, read = self._pinned.get(key, (1, None))
        if times > 1:
            self._pinned[key] = (times - 1, read)
        else:
            self._pinned.pop(key, None)

    def close(self) -> None:
        """Let go of kept prompts and of the model."""
        self._last, self._pinned, self._model = None, {}, None

    def open(self, reading: Reading, context: RunContext) -> EncoderDecoderSession:
        """Read a prompt that will be answered."""
        context.check()
        encoded, cached = self._encode(reading.tokens)
        return EncoderDecoderSession(self._model, encoded, self._start, cached)

    def next(
        self,
        prompts: Sequence[Reading],
        wanted: Sequence[int],
        contexts: Sequence[RunContext],
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Log-probabilities of the wanted tokens as the first of each answer."""
        found = np.zeros((len(prompts), len(wanted)))
        cached = [0] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda one: prompts[one].tokens)
        for some in self._batches(order, prompts):
            for place in some:
                contexts[place].check()
            scores, kept = self._score([prompts[one].tokens for one in some], [[]] * len(some))
            for place, own, known in zip(some, scores, kept, strict=True):
                found[place] = own[0, list(wanted)]
                cached[place] = known
        return found, cached

    def follow(
        self, pairs: Sequence[tuple[Reading, list[int]]], contexts: Sequence[RunContext]
    ) -> tuple[list[float], list[int]]:
        """Log-probability of each answer to its prompt, and the pair's cached tokens."""
        prompts = [before for before, _ in pairs]
        found, cached = [0.0] * len(pairs), [0] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda one: (pairs[one][0].tokens, pairs[one][1]))
        for some in self._batches(order, prompts):
            for place in some:
                contexts[place].check()
            answers = [pairs[one][1][:-1] for one in some]
            scores, kept = self._score([prompts[one].tokens for one in some], answers)
            for place, own, known in zip(some, scores, kept, strict=True):
                follows = pairs[place][1]
                chosen = own[np.arange(len(follows)), follows]
                found[place] = float(chosen.sum(dtype=np.float64))
                cached[place] = known
        return found, cached

    def _batches(self, order: Sequence[int], prompts: Sequence[Reading]) -> list[list[int]]:
        """Numbers of prompts by batch; padding counts."""
        made: list[list[int]] = []
        width = 0
        for place in order:
            wider = max(width, len(prompts[place].tokens))
            if made and (len(made[-1]) + 1) * wider <= self._batch_tokens:
                made[-1].append(place)
                width = wider
            else:
                made.append([place])
                width = len(prompts[place].tokens)
        return made

    def _score(
        self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
    ) -> tuple[list[Logprobs], list[int]]:
        """Log-probabilities behind the start token and each token of the answers."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        device = self._model.device
        cached = [0] * len(prompts)
        given: dict[str, Any] = {}
        if len(prompts) == 1:
            encoded, cached[0] = self._encode(prompts[0])
        else:
            whole = [[*one, *self._end] for one in prompts]
            given["attention_mask"] = _mask(whole).to(device)
            with torch.inference_mode():
                encoded = self._model.get_encoder()(
                    input_ids=_padded(whole).to(device), attention_mask=given["attention_mask"]
                ).last_hidden_state
        rows = [[self._start, *one] for one in answers]
        with torch.inference_mode():
            done = self._model(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
                decoder_input_ids=_padded(rows).to(device),
                use_cache=False,
                **given,
            )
            scores = done.logits.float().log_softmax(dim=-1).cpu().numpy()
        return [one[: len(row)] for one, row in zip(scores, rows, strict=True)], cached

    def _encode(self, tokens: Sequence[int]) -> tuple[Any, int]:
        """The encoder's states of a prompt, and how many of its tokens were known."""
        import torch

        key = tuple(tokens)
        known = self._pinned.get(key, (0, None))[1]
        if known is None and self._last is not None and self._last[0] == key:
            known = self._last[1]
        cached = 0 if known is None else len(key)
        if known is None:
            ids = torch.tensor([[*tokens, *self._end]], device=self._model.device)
            with torch.inference_mode():
                known = self._model.get_encoder()(input_ids=ids).last_hidden_state
            self._last = (key, known)
        if key in self._pinned:
            self._pinned[key] = (self._pinned[key][0], known)
        return known, cached


class EncoderDecoderSession:
    """One answer that is being written; made by ``EncoderDecoder.open``."""

    def __init__(self, model: Any, encoded: Any, start: int, cached: int) -> None:
        from transformers import DynamicCache, EncoderDecoderCache
        from transformers.modeling_outputs import BaseModelOutput

        self.cached = cached
        self._model = model
        self._encoded = BaseModelOutput(last_hidden_state=encoded)
        self._cache: Any = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.push(start)

    def logprobs(self) -> Logprobs:
        """Natural log-probabilities of the next token, shape ``(vocabulary,)``."""
        return self._logprobs

    def push(self, token: int) -> None:
        """Go on with a token."""
        import torch

        with torch.inference_mode():
            done = self._model(
                encoder_outputs=self._encoded,
                decoder_input_ids=torch.tensor([[token]], device=self._model.device),
                past_key_values=self._cache,
                use_cache=True,
            )
            scores = done.logits[0, -1].float().log_softmax(dim=-1)
        self._logprobs: Logprobs = scores.cpu().numpy()

    def close(self) -> None:
        """Let go of keys and values."""
        self._cache = None


def _padded(rows: Sequence[Sequence[int]]) -> Any:
    """Rows of one length, filled on the right with token 0, which a mask hides."""
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.long)


def _mask(rows: Sequence[Sequence[int]]) -> Any:
    """1 where a row has a token."""
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
