"""Is an answer right? By labels and by rule: which idea, which manner, what the story says."""

from dataclasses import dataclass, field

from training.stories.check import HOLDS, study

from .facts import says
from .texts import STORY, UNSAID, label_of

SHORTEST = 40  # words of a story; less is none


@dataclass
class Thread:
    """What has been said so far in one conversation of the exam."""

    texts: list[str] = field(default_factory=list)  # questions and answers in turn
    ideas: set[str] = field(default_factory=set)  # that were meant so far
    story: str = ""  # the one told last

    def right(self, wanted: list[str], text: str) -> bool:
        """One of the wanted labels fits the answer, and it is not the answer before."""
        repeated = self.repeated(text)
        fits = any(self.fits(label, text) for label in wanted)
        self.ideas |= {label.partition(".")[0] for label in wanted}
        got = label_of(text)
        if "." in got:
            self.ideas.add(got.partition(".")[0])
        if is_story(text):
            self.story = text
        return fits and not repeated

    def repeated(self, text: str) -> bool:
        return len(self.texts) > 2 and self.texts[-2] == text

    def fits(self, label: str, text: str) -> bool:
        got = label_of(text)
        if label == "new.what":
            idea, _, manner = got.partition(".")
            return manner == "what" and idea not in self.ideas
        if label.startswith(STORY):
            return good_story(text, label.partition(":")[2])
        sort, _, fact = label.partition(".")
        if sort == "about":
            return got == UNSAID if fact == UNSAID else about(fact, self.story, text)
        return got == label


def is_story(text: str) -> bool:
    return len(text.split()) >= SHORTEST and study(text).ours


def good_story(text: str, kind: str = "") -> bool:
    """It holds together and ends; somebody in it is of that kind."""
    found = study(text)
    if len(text.split()) < SHORTEST or found.verdict != HOLDS:
        return False
    return not kind or kind in {one for _, one in found.world.all("kind")}


def about(fact: str, story: str, text: str) -> bool:
    """Does an answer say who is in a story, or where it begins, as the checker read it?"""
    found = study(story)
    cast = [name for (name,) in found.world.all("person")]
    if not cast:
        return False
    if fact == "who":
        return says(text, cast[0]) and not any(says(text, name) for name in cast[1:])
    if fact == "others":
        return len(text.split()) < SHORTEST and all(says(text, name) for name in cast[1:])
    if fact == "kind":
        kinds = [kind for name, kind in found.world.all("kind") if name == cast[0]]
        return any(says(text, kind) for kind in kinds)
    if fact == "where":
        return says(text, found.firsts[1])
    raise ValueError(f"about.{fact}: the judge knows who, others, kind, where and unsaid")
