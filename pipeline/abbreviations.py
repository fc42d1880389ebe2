"""English words that end with a full stop inside a sentence, by what may follow them.

All are in lower case and without the last stop.
"""

from __future__ import annotations

BEFORE_NAMES = frozenset(
    "mr mrs ms mx dr prof st gen sen rep gov capt cpt cmdr col lt sgt maj adm rev hon pres mt ft"
    " fr messrs mme mlle vs v cf viz approx ca e.g i.e eg ie resp incl esp aka".split()
)
"""Something always follows them: they never end a sentence."""

BEFORE_NUMBERS = frozenset(
    "no nos nr fig figs eq eqs eqn sec sect ch chap vol vols pp p pg art tab ref refs ex app para"
    " jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
"""A number follows them; before anything else they end a sentence like any word."""

AMBIGUOUS = frozenset(
    "inc corp ltd co jr sr esq bros ave blvd rd dept univ assn al est vol ed eds trans gmbh"
    " plc".split()
)
"""They end a sentence if a word follows that often starts one."""

STARTERS = frozenset(
    "a after all also although an and another are as at because before but by did do does during"
    " each even every finally first for from furthermore had has have he her here his how however"
    " i if in instead is it its later many meanwhile moreover most my no nor not now of on once"
    " one or other our people previously second several she since so some such thank that the"
    " their then there therefore these they this those though three thus to today tonight two"
    " under unless until was we were what when where whether which while who why will with"
    " without yes yet you your".split()
)
"""Words that often start a sentence and are seldom the second half of a name."""
