"""Who `he` is and what `it` is: one rule, by which the writer chooses words and the checker reads.

`he` is the subject of the sentence before if that one is male, otherwise the only male in it; `him`
is the only one who is not acting now. Sentences that name nobody do not change this.
"""

from dataclasses import dataclass, field

from . import lexicon
from .patterns import HE, HIS
from .world import World


@dataclass
class Mentions:
    """Those that a sentence named, in order."""

    subject: str | None = None
    people: list[str] = field(default_factory=list)
    group: tuple[str, ...] | None = None
    thing: str | None = None
    place: str | None = None

    def person(self, name: str, subject: bool = False) -> None:
        if subject and self.subject is None:
            self.subject = name
        if name not in self.people:
            self.people.append(name)


class Focus:
    """What the sentences so far leave in the reader's mind."""

    def __init__(self, world: World):
        self.world = world
        self.before = Mentions()
        self.now = Mentions()

    def end_sentence(self) -> None:
        now, before = self.now, self.before
        if now.people:
            self.before = Mentions(now.subject, now.people, now.group, now.thing, now.place)
            if now.group is None and before.group and set(now.people) <= set(before.group):
                self.before.group = before.group
            if now.group is None and self.before.group is None and len(now.people) in (2, 3):
                self.before.group = tuple(now.people)
        self.before.thing = now.thing  # `it` reaches no farther than one sentence
        self.before.place = now.place or before.place
        self.now = Mentions()
        self.world.recent = tuple(self.before.people)

    def gender(self, name: str) -> str:
        person = lexicon.people().get(name)
        return person.gender if person else ""

    def he(self, gender: str, free: str | None = None) -> str | None:
        """The one whom `he` or `she` means as subject or owner, if there is one."""
        for mentions in (self.now, self.before):
            if mentions.subject and self.gender(mentions.subject) == gender:
                return mentions.subject
            found = [p for p in mentions.people if self.gender(p) == gender]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def him(self, gender: str) -> str | None:
        """The one whom `him` or `her` means as an object: not the one who acts."""
        acting = self.now.subject
        for mentions in (self.now, self.before):
            found = [p for p in mentions.people if self.gender(p) == gender and p != acting]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def they(self) -> tuple[str, ...] | None:
        return self.now.group or self.before.group

    def it(self) -> str | None:
        return self.now.thing or self.before.thing

    def only(self, kind: str) -> str | None:
        """The only one of a kind in the story: `the fox`."""
        found = [name for name, k in self.world.all("kind") if k == kind]
        return found[0] if len(found) == 1 else None

    def owner_by(self, pronoun: str) -> str | None:
        gender = next(g for g, his in HIS.items() if his == pronoun)
        return self.he(gender)


def gender_of(pronoun: str) -> str:
    for table in (HE, HIS):
        for gender, word in table.items():
            if word == pronoun:
                return gender
    return {"him": "m", "her": "f", "himself": "m", "herself": "f"}[pronoun]
