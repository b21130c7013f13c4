"""Plots about people: promises, races, sharing."""

from training.stories.telling.teller import ANYONE, Teller


def promise(s: Teller) -> None:
    a, b, here, away = s.one(), s.one("grown", "grown", "animal"), s.site(), s.site()
    chore = s.value("CHORE")
    forgetful = s.chance(0.5)
    s.begin(a, here, time="morning")
    known = s.trait(a, "is_forgetful" if forgetful else "is_reliable")
    s.friend(a, b)
    s.say("asks_chore", A=a, B=b, CHORE=chore)
    s.say("promises", A=a, B=b, CHORE=chore)
    s.say("goes_off", A=b, L=away)
    s.ambient()
    s.scene()
    if forgetful or s.chance(0.5):
        s.say("tempted", A=a, CHORE=chore)
    if forgetful and (known or s.chance(0.8)):
        s.say("forgets", A=a, CHORE=chore)
        s.say("result_bad", A=a, CHORE=chore)
    else:
        s.say("keeps", A=a, CHORE=chore)
    s.ambient()
    s.scene()
    s.say("comes_back", A=b, L=here)
    s.say("asks_done", A=a, B=b, CHORE=chore)
    if s.world.has("kept", a, chore):
        s.say("says_done", A=a, B=b, CHORE=chore)
        s.maybe(0.6, "praise", A=a, B=b)
        s.end("kept", A=a, B=b)
        return
    s.say("says_forgot", A=a, B=b, CHORE=chore)
    s.maybe(0.4, "feels_sorry", A=a)
    s.maybe(0.6, "does_late", A=a, CHORE=chore)
    s.say("forgives", A=a, B=b)
    s.end("forgiven", A=a, B=b)


def race(s: Teller) -> None:
    a, b, here, there = (
        s.one("animal", "child"),
        s.one("animal", "child"),
        s.site("out"),
        s.site("out"),
    )
    s.begin(a, here)
    s.friend(a, b)
    turn = s.rng.choice(("stops", "trips", "wins"))
    if turn == "stops":
        s.trait(b, "is_sleepyhead")
    s.say("boasts_fast", A=a, B=b)
    s.say("challenge", A=a, B=b, L=there)
    s.say("accepts_race", A=a, B=b, L=there)
    s.ambient(0.3)
    s.scene()
    s.say("off_they_go", A=a, B=b, L=there)
    s.say("ahead", A=a, B=b, L=there)
    if turn == "wins" and s.chance(0.3):
        s.trait(b, "is_sure_footed", 1.0)
    if turn == "stops":
        s.say("stops", A=a, B=b, L=there)
        s.maybe(0.6, "plods", A=a, L=there)
        s.say("wins_slow", A=a, B=b, L=there)
        s.maybe(0.6, "good_loser", A=a, B=b)
        s.end("won", A=a, B=b)
    elif turn == "trips":
        s.say("trips", A=a, B=b, L=there)
        s.say("helps_up", A=a, B=b, L=there)
        s.say("tie", A=a, B=b, L=there)
        s.maybe(0.6, "thanks", A=b, B=a)
        s.end("tie", A=a, B=b)
    else:
        s.maybe(0.6, "plods", A=a, L=there)
        s.say("wins_fast", A=a, B=b, L=there)
        s.maybe(0.7, "good_loser", A=b, B=a)
        s.end("won", A=b, B=a)


def sharing(s: Teller) -> None:
    a, b, here, x = s.one(), s.one(*ANYONE), s.site(), s.object("food")
    s.begin(a, here)
    s.own(a, x)
    kind = s.chance(0.4)
    s.trait(a, "is_generous" if kind else "is_greedy")
    s.ambient(0.3)
    s.say("comes", A=a, B=b)
    s.say("is_hungry", B=b)
    s.say("asks_bite", A=a, B=b, X=x)
    if kind:
        s.say("shares", A=a, B=b, X=x)
        s.maybe(0.7, "thanks", A=b, B=a)
        s.end("shared", A=a, B=b)
        return
    y = s.object("food")
    s.say("refuses_bite", A=a, B=b, X=x)
    s.maybe(0.4, "feels_sad", A=b)
    s.scene()
    s.say("spoils_food", A=a, X=x)
    s.say("is_hungry", B=a)
    s.say("has_food", B=b, Y=y)
    s.say("shares", A=b, B=a, X=y)
    s.say("learns_share", A=a, B=b, X=x, Y=y)
    s.end("learned_share", A=a, B=b)


PLOTS = {"promise": promise, "race": race, "sharing": sharing}
