"""The kit's checks of log-probabilities, prefixes, attention and hidden states."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from assay.models.language_model import Ability, PromptTooLong
from assay.models.prompt import Candidate, extended
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from tests.conformance.language_model import LONG, PROMPTS, LanguageModelSubject
from tests.conformance.model_subject import (
    ODD_TEXTS,
    near,
    pay_for_their_own,
    refused,
    sentences,
    stops_when_over,
)
from tests.conformance.subject import demand

CANDIDATES = ("yes", "no", "the")
FOLLOWS = (" the", " yes", " no the yes")
PARTS = ("The sky is blue.", " The sea is deep.", " What colour is the sky?")


def next_tokens(
    subject: LanguageModelSubject, prompts: Sequence[str], candidates: Sequence[str] = CANDIDATES
) -> np.ndarray:
    """Log-probabilities by the shared model, each prompt in a context of its own."""
    contexts = [RunContext() for _ in prompts]
    return subject.model.next_token_logprobs(prompts, candidates, contexts)


def follows(subject: LanguageModelSubject, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Log-probabilities of continuations by the shared model."""
    scores = subject.model.sequence_logprobs(pairs, [RunContext() for _ in pairs])
    return [one.logprob for one in scores]


def next_tokens_are_probabilities(subject: LanguageModelSubject) -> None:
    """Distinct candidates add up to at most 1; spellings are added; a batch changes nothing."""
    table = next_tokens(subject, PROMPTS)
    demand(
        table.shape == (len(PROMPTS), len(CANDIDATES)) and not np.isnan(table).any(),
        f"{subject.name}: {table!r} for {len(PROMPTS)} prompts and {len(CANDIDATES)} candidates",
    )
    sums = np.exp(table).sum(axis=1)
    demand(
        bool((table <= 0.0).all() and (sums > 0.0).all() and (sums <= 1.0 + 1e-6).all()),
        f"{subject.name}: probabilities of three candidates add up to {sums.tolist()}",
    )
    for number, prompt in enumerate(PROMPTS):
        alone = next_tokens(subject, [prompt])
        near(table[number], alone[0], subject.tolerance, f"{subject.name}: in a batch and alone")
    turned = next_tokens(subject, PROMPTS[::-1], CANDIDATES[::-1])[::-1, ::-1]
    near(turned, table, subject.tolerance, f"{subject.name}: in another order")
    if not subject.exact:
        return
    spelled = subject.model.next_token_logprobs([PROMPTS[0]], [(" yes",), ("yes",)], [RunContext()])
    both = next_tokens(subject, [PROMPTS[0]], ["yes"])
    near(
        np.logaddexp.reduce(spelled[0]), both[0, 0], subject.tolerance + 1e-9,
        f"{subject.name}: 'yes' is not the sum of its spellings",
    )  # fmt: skip


def candidates_are_single_tokens(subject: LanguageModelSubject) -> None:
    """Candidates of several tokens, of a token in common, and none at all are refused."""
    refusals: list[list[Candidate]] = [["yes", ("yes",)], [("",)], []]
    if subject.exact:
        refusals.append(["a sentence of many words"])
    for wrong in refusals:
        refused(
            functools.partial(
                subject.model.next_token_logprobs, [PROMPTS[0]], wrong, [RunContext()]
            ),
            UsageError,
            f"{subject.name}: the candidates {wrong}",
        )
    empty = subject.model.next_token_logprobs([], CANDIDATES, [])
    demand(empty.shape == (0, len(CANDIDATES)), f"{subject.name}: no prompts give {empty.shape}")


def next_tokens_are_paid_for(subject: LanguageModelSubject) -> None:
    """A call a prompt on its own request's account; nothing where it does not fit or is over."""
    model = subject.model
    pay_for_their_own(
        lambda texts, contexts: model.next_token_logprobs(texts, CANDIDATES, contexts),
        PROMPTS,
        f"{subject.name}: next_token_logprobs",
    )
    stops_when_over(
        lambda context: model.next_token_logprobs([PROMPTS[0]], CANDIDATES, [context]),
        f"{subject.name}: next_token_logprobs",
    )
    context = RunContext()
    refused(
        lambda: model.next_token_logprobs(
            [PROMPTS[0], "word " * model.context_length], CANDIDATES, [context] * 2
        ),
        PromptTooLong,
        f"{subject.name}: a long prompt in a batch",
    )
    demand(context.cost.calls == 0, f"{subject.name}: a refused batch cost {context.cost}")
    for text in ODD_TEXTS:
        demand(
            not np.isnan(next_tokens(subject, [text])).any(),
            f"{subject.name}: next tokens after {text!r} are no numbers",
        )


def sequences_obey_the_chain_rule(subject: LanguageModelSubject) -> None:
    """One token is the next token; a whole is the sum of its parts; batches change nothing."""
    slack = 3 * subject.tolerance + 1e-9
    pairs = [(prompt, text) for prompt in PROMPTS[:3] for text in FOLLOWS]
    together = follows(subject, pairs)
    demand(all(one <= 0.0 for one in together), f"{subject.name}: above 0: {together} for {pairs}")
    for value, pair in zip(together, pairs, strict=True):
        near(follows(subject, [pair])[0], value, subject.tolerance, f"{subject.name}: {pair} alone")
    turned = follows(subject, pairs[::-1])[::-1]
    near(turned, together, subject.tolerance, f"{subject.name}: pairs in another order")
    prompt = PROMPTS[0]
    first, then, whole = " yes", " no", " yes no"
    scores = subject.model.sequence_logprobs(
        [(prompt, first), (extended(prompt, first), then), (prompt, whole)],
        [RunContext() for _ in range(3)],
    )
    demand(
        [one.tokens for one in scores] == [1, 1, 2],
        f"{subject.name}: {first!r}, {then!r} and {whole!r} have {[one.tokens for one in scores]}"
        " tokens, expected 1, 1 and 2",
    )
    near(
        scores[0].logprob + scores[1].logprob, scores[2].logprob, slack,
        f"{subject.name}: logP({first!r}) + logP({then!r} after it) is not logP({whole!r})",
    )  # fmt: skip
    if Ability.NEXT_TOKEN_LOGPROBS in subject.model.abilities:
        one = subject.model.next_token_logprobs([prompt], [(first,)], [RunContext()])
        near(one[0, 0], scores[0].logprob, slack, f"{subject.name}: {first!r} as the next token")


def sequences_are_paid_for(subject: LanguageModelSubject) -> None:
    """A call a pair on its own request's account; empty, long and late ones are refused."""
    model = subject.model
    pay_for_their_own(
        lambda texts, contexts: model.sequence_logprobs([(one, " yes") for one in texts], contexts),
        PROMPTS,
        f"{subject.name}: sequence_logprobs",
    )
    stops_when_over(
        lambda context: model.sequence_logprobs([(PROMPTS[0], " yes")], [context]),
        f"{subject.name}: sequence_logprobs",
    )
    context = RunContext()
    refused(
        lambda: model.sequence_logprobs([(PROMPTS[0], "")], [context]),
        UsageError, f"{subject.name}: an empty continuation", "empty",
    )  # fmt: skip
    refused(
        lambda: model.sequence_logprobs([(PROMPTS[0], " yes" * model.context_length)], [context]),
        PromptTooLong,
        f"{subject.name}: a long continuation",
    )
    demand(context.cost.calls == 0, f"{subject.name}: a refused pair cost {context.cost}")
    demand(model.sequence_logprobs([], []) == [], f"{subject.name}: no pairs give something")
    for text in ODD_TEXTS:
        (value,) = follows(subject, [(PROMPTS[0], text)])
        demand(value <= 0.0, f"{subject.name}: logP({text!r}) is {value}")


def a_kept_prefix_changes_costs_only(subject: LanguageModelSubject) -> None:
    """``with model.prefix(...)`` gives the same numbers and computes the beginning once."""
    model = subject.model
    plain = follows(subject, [(LONG, text) for text in FOLLOWS])
    contexts = [RunContext(), RunContext(), RunContext()]
    with model.prefix(LONG) as beginning:
        kept = [beginning.sequence_logprobs(FOLLOWS, context) for context in contexts[:2]]
        beginning.sequence_logprobs(FOLLOWS[:1], contexts[2])
    after = follows(subject, [(LONG, text) for text in FOLLOWS])
    for found, where in (
        ([one.logprob for one in kept[0]], "the first time in a prefix"),
        ([one.logprob for one in kept[1]], "the second time in a prefix"),
        (after, "after a prefix"),
    ):
        near(found, plain, subject.tolerance, f"{subject.name}: {where}")
    for context in contexts:
        cost = context.cost
        demand(
            0 <= cost.tokens_cached <= cost.tokens_in,
            f"{subject.name}: {cost.tokens_cached} of {cost.tokens_in} tokens cached",
        )
    if subject.caches:
        cost = contexts[2].cost
        demand(
            cost.tokens_cached > cost.tokens_in // 2,
            f"{subject.name}: of {cost.tokens_in} tokens after a kept beginning only"
            f" {cost.tokens_cached} were not computed again",
        )


def attention_is_a_mean_of_rows(subject: LanguageModelSubject) -> None:
    """A weight for each token of each part, at most 1 together; none to what comes later."""
    model = subject.model
    context = RunContext()
    found = model.attention(PARTS, [2], context)
    counts = [model.count_tokens(part) for part in PARTS]
    demand(
        [one.shape[2:] for one in found.parts] == [(one,) for one in counts]
        and len({one.shape[:2] for one in found.parts}) == 1,
        f"{subject.name}: parts of {counts} tokens have {[one.shape for one in found.parts]}",
    )
    weights = np.concatenate(found.parts, axis=2)
    sums = weights.sum(axis=2)
    demand(
        bool((weights >= 0.0).all() and (sums <= 1.0 + 1e-3).all() and (sums > 0.0).any()),
        f"{subject.name}: attention adds up to {sums.min():.4f}..{sums.max():.4f}",
    )
    demand(
        (context.cost.calls, context.cost.rounds) == (1, 1)
        and context.cost.tokens_in >= sum(counts),
        f"{subject.name}: attention cost {context.cost}",
    )
    again = model.attention(PARTS, [2], RunContext())
    near(np.concatenate(again.parts, axis=2), weights, subject.tolerance, f"{subject.name}: again")
    first = model.attention(PARTS, [0], RunContext())
    later = max(float(one.max(initial=0.0)) for one in first.parts[1:])
    demand(later == 0.0, f"{subject.name}: a part looks at what comes after it: {later}")
    for wrong in ([], [3], [-1], [0, 2]):
        refused(
            functools.partial(model.attention, PARTS, wrong, RunContext()),
            UsageError,
            f"{subject.name}: the rows {wrong}",
        )
    refused(
        lambda: model.attention(("word " * model.context_length, " why?"), [1], RunContext()),
        PromptTooLong,
        f"{subject.name}: attention of a long prompt",
    )
    stops_when_over(lambda late: model.attention(PARTS, [2], late), f"{subject.name}: attention")


def hidden_states_are_vectors_of_tokens(subject: LanguageModelSubject) -> None:
    """A vector a token; a batch, its order and its padding change nothing; layers differ."""
    model = subject.model
    states = model.hidden_states(PROMPTS, [RunContext() for _ in PROMPTS])
    demand(
        len(states) == len(PROMPTS)
        and len({one.shape[1] for one in states}) == 1
        and all(one.dtype == np.float32 and np.isfinite(one).all() for one in states),
        f"{subject.name}: hidden states of shapes {[one.shape for one in states]}",
    )
    for state, prompt in zip(states, PROMPTS, strict=True):
        demand(
            len(state) >= model.count_tokens(prompt),
            f"{subject.name}: {len(state)} vectors for {model.count_tokens(prompt)} tokens",
        )
        (alone,) = model.hidden_states([prompt], [RunContext()])
        # Hidden states have no unit: what differs is seen beside their own size.
        scale = max(1.0, float(np.abs(state).max()))
        near(state / scale, alone / scale, subject.tolerance, f"{subject.name}: {prompt!r} alone")
    found = [
        model.hidden_states([PROMPTS[0]], [RunContext()], layer=layer)[0]
        for layer in subject.layers
    ]
    for number, layer in enumerate(subject.layers):
        for other in range(number):
            demand(
                not np.array_equal(found[number], found[other]),
                f"{subject.name}: layers {layer} and {subject.layers[other]} are the same",
            )
    refused(
        lambda: model.hidden_states([PROMPTS[0]], [RunContext()], layer=10_000),
        UsageError,
        f"{subject.name}: layer 10,000",
    )
    demand(model.hidden_states([], []) == [], f"{subject.name}: no prompts give something")
    pay_for_their_own(model.hidden_states, PROMPTS, f"{subject.name}: hidden_states")
    stops_when_over(
        lambda context: model.hidden_states([PROMPTS[0]], [context]),
        f"{subject.name}: hidden_states",
    )


SCORE_CHECKS: Mapping[str, Callable[[LanguageModelSubject], None]] = MappingProxyType(
    sentences(
        next_tokens_are_probabilities,
        candidates_are_single_tokens,
        next_tokens_are_paid_for,
        sequences_obey_the_chain_rule,
        sequences_are_paid_for,
        a_kept_prefix_changes_costs_only,
        attention_is_a_mean_of_rows,
        hidden_states_are_vectors_of_tokens,
    )
)
"""Every check of scores and inner states by name."""

SCORE_NEEDS: Mapping[str, Ability] = MappingProxyType(
    {
        name: ability
        for ability, names in {
            Ability.NEXT_TOKEN_LOGPROBS: list(SCORE_CHECKS)[:3],
            Ability.SEQUENCE_LOGPROB: list(SCORE_CHECKS)[3:6],
            Ability.ATTENTION: ["attention_is_a_mean_of_rows"],
            Ability.HIDDEN_STATES: ["hidden_states_are_vectors_of_tokens"],
        }.items()
        for name in names
    }
)
"""The ability without which a check says nothing, by its name."""
