"""The ways in which a story can be spoilt, written down before there was a checker.

Each kind makes of a whole story one that cannot be, or that is not of this world. A third of the
kinds is kept back: the checker is not tried on them while it is being written, only at the end.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    name: str
    what: str  # is done to the story
    kept_back: bool = False


KINDS = (
    Kind("stranger", "a name in the middle becomes a name that nobody in the story has"),
    Kind("other_gender", "he becomes she where the story has no she, and the other way round"),
    Kind("holder", "a person who does not have a thing gives it away, eats it or puts it down"),
    Kind("absent", "someone who is elsewhere speaks to or does something with a person here"),
    Kind("elsewhere", "a thing is found or stands at a place where it is not"),
    Kind("no_question", "the question before an answer is missing"),
    Kind("promise", "the sentences in which a promise is kept or broken are missing"),
    Kind("ending", "the ending is that of a story that ended otherwise"),
    Kind("foreign", "one sentence comes from another book"),
    Kind("misspelt", "one word has two letters exchanged, or one letter too few or too many"),
    Kind("shuffled", "two words of a sentence have changed places"),
    Kind("no_cause", "what the later part rests on is missing: the loss, the find, the gift"),
    Kind("order", "two events come in the wrong order: found before lost, given before had"),
    Kind("weather", "the sun shines in the rain, or it stops raining although it never rained"),
    Kind("other_thing", "a thing becomes one that the story does not have"),
    # Kept back.
    Kind("twice", "an event that can only be once is told a second time", True),
    Kind("look", "a thing changes its colour or its make on the way", True),
    Kind("species", "the fox of the story is called the goose", True),
    Kind("clock", "the time of day runs backwards", True),
    Kind("halves", "the second half comes from another story", True),
    Kind("owner", "his thing becomes her thing, or another one's", True),
    Kind("speaker", "the one who asked gives the answer", True),
)
