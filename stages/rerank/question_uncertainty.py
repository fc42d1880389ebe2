"""How unsure a language model is of a question's words, and where a list may be cut for it.

Source: query likelihood with uncertainty (T-PGN, arXiv 2106.13618), where the uncertainty of a
passage is the mean entropy of the distributions that the question's words were drawn from. No
engine tells a whole distribution, so the entropy is estimated here: of a word that is drawn at
temperature 1, minus the log-probability of its first token is an unbiased estimate of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.models.language_model import LanguageModel
from assay.models.prompt import Message, Prompt, conversation, extended
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.stages.rerank.generations import one_round


def draws_of(question: str, samples: int) -> list[tuple[str, int]]:
    """Where entropies are sampled: beginnings of a question that end before a word.

    Spread evenly over the words, so that as many samples as words take each word once.

    Args:
        question: any text.
        samples: how many, at least 1.

    Returns:
        A beginning and the number of the draw behind it, for each sample.

    >>> draws_of("who won it", 4)
    [('', 0), ('', 1), ('who', 0), ('who won', 0)]
    """
    words = question.split()
    found: list[tuple[str, int]] = []
    for sample in range(samples):
        before = " ".join(words[: sample * len(words) // samples])
        found.append((before, sum(one == before for one, _ in found)))
    return found


def entropies(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    questions: Sequence[str],
    contexts: Sequence[RunContext],
    *,
    samples: int,
    before: str,
) -> list[float]:
    """Estimated mean entropy of the next token along each question, in nats.

    0 for a model that is sure of every word, the logarithm of its vocabulary for one that takes
    all tokens for equally likely. Cost: ``samples`` calls of one token a prompt, in one round.

    Args:
        model: writes, and tells the log-probability of what it writes.
        prompts: that the questions follow.
        questions: one for each prompt.
        contexts: one for each prompt.
        samples: draws a prompt; those of one question are at the same words for all prompts.
        before: what stands between a prompt and the first word.

    Raises:
        ModelError: if the model tells no log-probabilities.
    """
    totals = [0.0] * len(prompts)
    asked: dict[int, tuple[list[Prompt], list[int]]] = {}
    for place, (prompt, question) in enumerate(zip(prompts, questions, strict=True)):
        for begun, draw in draws_of(question, samples):
            texts, owners = asked.setdefault(draw, ([], []))
            texts.append(_continued(prompt, f"{before}{begun}" if begun else ""))
            owners.append(place)
    with one_round(contexts):
        for draw, (texts, owners) in sorted(asked.items()):
            own = [contexts[place] for place in owners]
            written = model.generate_batch(texts, own, max_tokens=1, temperature=1.0, draw=draw)
            for place, generation in zip(owners, written, strict=True):
                if not generation.pieces:
                    raise ModelError(
                        f"{model.name} tells no log-probability of what it writes: set"
                        " 'uncertainty_samples: 0', or take an engine that does (docs/models.md)"
                    )
                totals[place] -= generation.pieces[0].logprob / samples
    return totals


def cut_off(
    likelihoods: Sequence[float],
    uncertainties: Sequence[float],
    *,
    weight: float,
    margin: float,
) -> int:
    """How many leading passages are worth reading.

    Ends before the first passage for which likelihood + weight * uncertainty lies more than
    ``margin`` below the first passage's likelihood.

    Args:
        likelihoods: in the order of the ranking.
        uncertainties: of the same passages.
        weight: lambda, what an uncertainty of 1 makes up for.
        margin: tau, at least 0.

    >>> cut_off([-1.0, -1.5, -4.0, -1.2], [0.0, 0.0, 1.0, 0.0], weight=0.5, margin=2.0)
    2
    """
    for place, (likelihood, unsure) in enumerate(zip(likelihoods, uncertainties, strict=True)):
        if likelihood + weight * unsure < likelihoods[0] - margin:
            return place
    return len(likelihoods)


def _continued(prompt: Prompt, text: str) -> Prompt:
    if not text:
        return prompt
    messages = conversation(prompt)
    if messages is None:
        return extended(prompt, text)
    return (*messages, Message("assistant", text))
