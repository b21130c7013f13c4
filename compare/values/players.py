"""The models that ship and play a part by name, and what each is asked at first."""

from __future__ import annotations

from pathlib import Path

DEFAULT, STAND_IN = "shakespeare", "shakespeare-gpt2"
STORIES, STORIES_STAND_IN = "stories", "stories-gpt2"  # the pair at first, where they ship
CHAT = "chat"  # whom the Chat tab asks where the left model was never tuned to answer
TELLERS = (STORIES, STORIES_STAND_IN, CHAT)  # they know the world of training/stories
BASELINE = "openai-community/gpt2"
BASELINE_REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
SEAT = "baseline"  # the key of whoever is GPT-2 here
LEARNED = {STAND_IN: "Shakespeare", STORIES_STAND_IN: "the same small stories"}

EXAMPLE = "To be or not to be"
EXAMPLES = {"hello": "hell", "next-char": "the c", "minigpt": "the ", "bigram": EXAMPLE}
# In the stories' own words; no story of the training begins like one of them.
OPENINGS = (
    "On a foggy morning, Waffle the badger was at the station.",  # two lines on a phone
    "On a snowy morning, Pepper the frog was in the library. Whatever she promised, she did.",
)
WHOLE_STORY = 400  # new tokens: no story of that world has more
_SIMPLEST_FIRST = (*EXAMPLES, DEFAULT, STAND_IN, STORIES, STORIES_STAND_IN, CHAT)


def shipped_names(folder: Path) -> list[str]:
    """The checkpoints that come with the project, simplest first."""
    files = [*folder.glob("*/config.json"), *folder.glob("*/*/config.json")]
    found = {path.parent.relative_to(folder).as_posix() for path in files}
    found = {name for name in found if "checkpoint-" not in name}  # a run's unfinished states
    known = _SIMPLEST_FIRST
    return sorted(found, key=lambda name: (known.index(name) if name in known else 99, name))
