"""The ways agents write one model: prefixes and suffixes that leave its price alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Heads of a model id that name who serves the vendor's own model at the vendor's list
# price. Resellers with prices of their own (groq/, cerebras/ …) are not among them.
_SERVED_BY = frozenset(
    "anthropic openai google gemini x-ai xai deepseek moonshotai moonshot-ai moonshot "
    "mistral mistralai zai z-ai zai-coding-plan minimax kimi models publishers "
    "bedrock amazon-bedrock converse invoke vertex vertex_ai google-vertex "
    "google-vertex-anthropic azure azure_ai openrouter opencode github-copilot "
    "github_copilot".split()
)
_REGION = re.compile(r"(us|eu|ap|ca|sa|me|af|il)(-gov)?-[a-z]+-?\d")
_BEDROCK = re.compile(
    r"^(arn:aws[a-z-]*:bedrock:[^/]*/)?"
    r"((us|eu|apac|au|jp|ca|us-gov|global)\.)?anthropic\."
)
_SUFFIX = re.compile(
    r"(\[1m\]|[-@]20\d{6}|-20\d\d-\d\d-\d\d|[-@]latest|@default"
    r"|(?<=-\d)-v\d(:\d+)*(:\d+k)?|-v\d(:\d+)+k?)$"
)


_LONGEST = 300
"""A longer name is nobody's, and is not taken apart."""


def spellings(model: str) -> Iterator[str]:
    """The id as written, then with prefix after prefix and suffix after suffix gone.

    Only what is known to leave the price alone is taken off: who serves the model,
    the day of its release, the width of its context. Whoever looks a model up takes
    the first spelling that has a price, so a dated id may have a price of its own.
    """
    name = model.strip().lower()
    yield name
    if len(name) > _LONGEST:
        return
    for shorter in (_without_prefix, _without_suffix):
        while (rest := shorter(name)) != name:
            name = rest
            yield name


def _without_prefix(name: str) -> str:
    head, slash, rest = name.partition("/")
    if slash and (head in _SERVED_BY or _REGION.fullmatch(head)):
        return rest
    return _BEDROCK.sub("", name)


def _without_suffix(name: str) -> str:
    return _SUFFIX.sub("", name)
