"""A language model whose answer depends on the draw, for selectors that draw several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Unpack

from assay.models.echo import written_out
from assay.models.language_model import Generation, WritingOptions
from assay.models.prompt import Prompt
from assay.pipeline.context import RunContext
from tests.stages.rerank.language_models import Ruled


class Wavers(Ruled):
    """Answers by a rule of the prompt and the number of the draw."""

    def __init__(self, say: Callable[[str, int], str]) -> None:
        super().__init__()
        self.drawn = say

    def stream(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Iterator[str | Generation]:
        context.spend(calls=1, rounds=1)
        text = "".join(text for text, _ in written_out(prompt))
        said = self.drawn(text, options.get("draw", 0))
        self.prompts.append(text)
        yield Generation(said, 1, 1)
