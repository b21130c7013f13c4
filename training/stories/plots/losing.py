"""Plots about things: lost and found, swapped."""

from training.stories.telling.teller import ANYONE, Teller


def lost(s: Teller) -> None:
    a, x, here, there = s.one(), s.object("toy", "wear", "tool", "treasure"), s.site(), s.site()
    b = s.one(*ANYONE)
    where = s.spot(here)
    s.begin(a, here)
    s.own(a, x)
    s.maybe(0.4, "gift_of", A=a, X=x)
    s.ambient()
    s.say("drops", A=a, X=x, L=here, P=where)
    s.scene()
    s.say("go", A=a, L=there)
    s.say("misses", A=a, X=x)
    s.maybe(0.4, "feels_sad", A=a)
    s.say(s.rng.choice(("comes", "meets")), A=a, B=b)
    if s.chance(0.4):
        s.say("why_face", A=a, B=b)
        s.say("says_gone", A=a, B=b, X=x)
    s.say("asks_seen", A=a, B=b, X=x)
    if s.chance(0.45):
        s.say("saw_it", A=a, B=b, X=x, L=here, P=where)
    else:
        s.say("not_seen", A=a, B=b, X=x)
        s.say("had_last", A=a, B=b, X=x, L=here)
    s.scene()
    together = s.chance(0.6)
    if together:
        s.say("go2", A=a, B=b, L=here)
    else:
        s.say("go", A=a, L=here)
    if not s.world.has("asked", "where") and s.chance(0.8):
        s.say("looks_wrong", A=a, X=x, P=s.spot(here, where))
    s.ambient(0.3)
    finding(s, a, b if together else a, x, where)


def finding(s: Teller, a: str, finder: str, x: str, where: str) -> None:
    if finder != a and s.chance(0.3):
        s.say("gives_up", A=a, X=x)
        y = s.object("toy", "treasure", "wear")
        s.own(finder, y)
        s.say("consoles", A=a, B=finder, Y=y)
        s.maybe(0.5, "thanks", A=a, B=finder)
        s.end("consoled", A=a, X=y, B=finder)
        return
    s.say("finds", A=finder, B=a, X=x, P=where)
    if finder != a:
        s.say("give_back", A=finder, B=a, X=x)
        s.maybe(0.7, "thanks", A=a, B=finder)
    else:
        s.maybe(0.7, "feels_glad", A=a)
    s.end("found", A=a, X=x, **({"B": finder} if finder != a else {}))


def trade(s: Teller) -> None:
    a, b, here = s.one(), s.one(*ANYONE), s.site("out")
    x, y = s.object("toy", "wear", "tool", "treasure"), s.object("toy", "wear", "tool", "treasure")
    long = s.chance(0.6)
    s.begin(a, here, brief=long)
    s.own(a, x)
    s.say("comes", A=a, B=b)
    s.own(b, y)
    s.maybe(0.0 if long else 0.5, "admires", A=b, B=a, X=y)
    s.say("wants", A=a, B=b, X=y)
    s.say("offers", A=a, B=b, X=x, Y=y)
    if not long:
        s.say("swaps", A=a, B=b, X=x, Y=y)
    else:
        s.say("refuses_swap", A=a, B=b, X=x, Y=y)
        longer_trade(s, a, b, x, y, here)
    s.maybe(0.1 if long else 0.5, "feels_glad", A=a)
    s.end("traded", A=a, X=y, B=b)


def longer_trade(s: Teller, a: str, b: str, x: str, y: str, here: str) -> None:
    c, z, there = s.one(*ANYONE), s.object("toy", "wear", "tool"), s.site()
    s.say("would_like", A=a, B=b, X=x, Z=z)
    s.scene()
    s.say("go", A=a, L=there)
    s.say("meets", A=a, B=c)
    s.say("owns_it", A=c, X=z)
    s.say("wants_it", A=c, X=x)
    s.say("offers2", A=a, B=c, X=x, Y=z)
    s.say("swaps", A=a, B=c, X=x, Y=z)
    s.scene()
    s.say("go", A=a, L=here)
    s.say("offers2", A=a, B=b, X=z, Y=y)
    s.say("swaps", A=a, B=b, X=z, Y=y)


PLOTS = {"lost": lost, "trade": trade}
