"""A small scene: a few sentences in which everybody is named again and again.

It is no story: nothing has to be settled. A model that reads many of them beside the stories soon
says the names it was given; from stories alone it learns that late, because names are far apart.
"""

from training.stories.telling.teller import ANYONE, Teller

FEWEST, MOST = 3, 6  # what happens in it
BETWEEN = ("hello", "sits_beside", "looks_at", "calls_name", "likes")  # two people
WITH = ("admires", "shows", "who_has", "give", "give")  # who has the thing, and another


def small(s: Teller) -> None:
    s.pronouns = s.by_kind = 0.0  # names alone
    a, b, here = s.one(), s.one(*ANYONE), s.site()
    s.say("together", A=a, B=b, L=here)
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
