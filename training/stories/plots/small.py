"""A small scene: a few sentences in which everybody and everything is named again and again.

It is no story: nothing has to be settled. A model that reads many of them beside the stories soon
says the names it was given, and where one is, and whether the sun shines there; from stories alone
it learns that late, because such words come once in a hundred.
"""

from training.stories.language.lexicon import values
from training.stories.telling.teller import ANYONE, HOURS, Teller

FEWEST, MOST = 3, 6  # what happens in it
BETWEEN = ("hello", "sits_beside", "looks_at", "calls_name", "likes")  # two people
WITH = ("admires", "shows", "who_has", "give", "give")  # who has the thing, and another


def small(s: Teller) -> None:
    # Names alone, or every way to speak of somebody, each more often than in a story.
    s.pronouns, s.by_kind = s.rng.choice(((0.0, 0.0), (0.0, 0.0), (0.0, 0.7), (0.7, 0.3)))
    s.by_look = 0.7
    s.rng.choice((company, company, outing, outing, hiding, leaving))(s)


def meet(s: Teller) -> tuple[str, str, str]:
    """Two people, and where they are."""
    a, b, here = s.one(), s.one(*ANYONE), s.site()
    s.say("together", A=a, B=b, L=here)
    return a, b, here


def company(s: Teller) -> None:
    """Two or three people, and who has the thing."""
    a, b, _ = meet(s)
    people = [a, b]
    if s.chance(0.35):
        people.append(s.one())
        s.say("is_there", A=a, B=b, C=people[-1])
    holder, x = s.rng.choice(people), ""
    if s.chance(0.7):
        x = s.object("toy", "tool", "wear", "treasure")
        s.say("holds", A=holder, X=x)
    for _ in range(s.rng.randint(FEWEST, MOST)):
        if x and s.chance(0.5):
            act = s.rng.choice(WITH)
            other = s.rng.choice([one for one in people if one != holder])
            s.say(act, A=holder, B=other, X=x)
            if act == "give":
                s.maybe(0.5, "thanks", A=other, B=holder)
                holder = other
        else:
            first, second = s.rng.sample(people, 2)
            s.say(s.rng.choice(BETWEEN), A=first, B=second)


def outing(s: Teller) -> None:
    """Where one is, what time it is and what the sky does; and what goes with that."""
    a, b, _ = meet(s)
    s.say("it_is", WEATHER=s.rng.choice(values()["WEATHER"]), TIME=s.rng.choice(HOURS))
    for _ in range(s.rng.randint(FEWEST, MOST)):
        first, second = s.rng.sample((a, b), 2)
        turn = s.rng.random()
        if turn < 0.15:
            s.say("walk_on", A=first, B=second, L=s.site())
        elif turn < 0.3:
            s.maybe(1.0, "still_is", A=first, B=second)
        elif turn < 0.5:
            s.say("here_is", A=first, B=second)
        elif turn < 0.55:
            s.sky()
        else:
            s.around()


def hiding(s: Teller) -> None:
    """The corners of a place, and what lies there."""
    a, b, here = meet(s)
    x = s.object("toy", "tool", "wear", "treasure")
    s.say("holds", A=a, X=x)
    for _ in range(s.rng.randint(FEWEST, MOST)):
        first, second = s.rng.sample((a, b), 2)
        turn = s.rng.random()
        if turn < 0.5:
            s.say("looks_there", A=first, B=second, P=s.spot(here))
        elif turn < 0.8:
            s.say("lays_there", A=a, X=x, P=s.spot(here))
            s.say("gets_back", A=first, X=x)
            a, b = first, second
        elif turn < 0.9:
            s.say("here_is", A=first, B=second)
        else:
            here = s.site()
            s.say("walk_on", A=first, B=second, L=here)


def leaving(s: Teller) -> None:
    """Three people, one of whom goes: nobody speaks to one who is not there."""
    people = [s.one(), s.one(*ANYONE), s.one()]
    s.say("together", A=people[0], B=people[1], L=s.site())
    s.say("is_there", A=people[0], B=people[1], C=people[2])
    s.rng.shuffle(people)
    a, b, gone = people
    first, second = s.rng.sample(people, 2)
    s.say(s.rng.choice(BETWEEN), A=first, B=second)
    s.say("leaves", A=gone)
    for _ in range(s.rng.randint(FEWEST, MOST) - 1):
        first, second = s.rng.sample((a, b), 2)
        if s.chance(0.4):
            s.say("not_here", A=first, B=second, C=gone)
        else:
            s.say(s.rng.choice(BETWEEN), A=first, B=second)
