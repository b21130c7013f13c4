"""Plots of several who get through something together: a storm, a birthday, a wagon in the mud."""

from training.stories.telling.teller import ANYONE, Teller

BAKED = ("pie", "cake", "bun", "loaf of bread", "pancake")


def storm(s: Teller) -> None:
    a, b, here, roof = s.one(*ANYONE), s.one(), s.site("out"), s.site("in")
    s.begin(a, here, weather=s.rng.choice(("sunny", "cloudy", "windy")))
    s.friend(a, b)
    x = ""
    if s.chance(0.4):
        x = s.rng.choice(("blanket", "shawl", "scarf", "umbrella"))
        s.own(a, x)
    s.ambient()
    s.say("clouds_come", A=s.rng.choice((a, b)))
    s.scene()
    s.say("rain_starts")
    s.say("shelter", A=a, B=b, L=roof)
    s.say("thunder", A=b)
    s.maybe(0.4, "feels_afraid", A=b)
    s.ambient(0.3)
    if x and s.chance(0.8):
        s.say("wraps", A=a, B=b, X=x)
    else:
        s.say("comforts", A=a, B=b)
    s.maybe(0.5, "thanks", A=b, B=a)
    s.scene()
    s.say("rain_stops")
    s.maybe(0.7, "rainbow")
    s.end("comforted", A=a, B=b)


def mistake(s: Teller) -> None:
    a, b, here = s.one(), s.one(*ANYONE), s.site()
    x = s.object("toy", "tool")
    hidden = s.chance(0.5)
    lies = hidden and s.chance(0.6)
    s.begin(a, here, brief=lies)
    if not lies:
        s.trait(a, "is_honest", 0.35)
    s.friend(a, b)
    s.own(b, x)
    s.maybe(0.1 if lies else 0.4, "gift_of", A=b, X=x)
    s.say("borrows_look", A=a, B=b, X=x)
    s.say("lets_look", A=a, B=b, X=x)
    s.maybe(0.3 if lies else 0.6, "looks_away", A=a, B=b, X=x)
    s.say("breaks", A=a, B=b, X=x)
    s.scene()
    if hidden:
        s.say("hides_it", A=a, X=x, P=s.spot(here))
    s.maybe(0.5, "feels_sorry", A=a)
    s.ambient(0.3)
    s.say("wants_back", A=a, B=b, X=x)
    if lies:
        s.say("lies_first", A=a, B=b, X=x)
        s.say("cannot_bear", A=a, B=b, X=x)
    else:
        s.say("confesses", A=a, B=b, X=x)
    s.maybe(0.2 if lies else 0.6, "forgives", A=a, B=b)
    s.say("mends", A=a, B=b, X=x)
    s.end("mended", A=a, B=b, X=x)


def surprise(s: Teller) -> None:
    a, b, c, here = s.one(), s.one(), s.one(*ANYONE), s.site("in")
    s.begin(a, here, time="morning")
    s.friend(a, b)
    s.say("lives_at", B=c, M=s.site())
    s.say("birthday", A=a, C=c)
    s.say("plans", A=a, B=b, C=c)
    s.scene()
    if s.chance(0.5):
        x = s.rng.choice(BAKED)
        s.say("bakes", A=a, B=b, C=c, X=x)
    else:
        x = s.object("toy", "wear")
        s.say("wraps_gift", A=a, B=b, C=c, X=x)
    where = s.spot(here)
    s.say("conceals", A=a, C=c, X=x, P=where)
    s.ambient(0.3)
    s.say("also_comes", B=c, A=a, L=here)
    s.say("thinks_forgotten", C=c)
    s.maybe(0.5, "almost_tells", A=a, B=b, C=c)
    s.say("surprise", A=a, B=b, C=c, X=x, P=where, L=here)
    s.maybe(0.4, "feels_glad", A=c)
    s.end("surprised", C=c, X=x, A=a, B=b)


def wagon(s: Teller) -> None:
    a, b, c, here = s.one(), s.one("grown", "animal"), s.one(*ANYONE), s.site("out")
    s.begin(a, here, weather=s.rng.choice(("rainy", "cloudy", "foggy")))
    s.say("meets", A=a, B=b)
    s.say("cart_stuck", B=b)
    s.maybe(0.5, "feels_angry", A=b)
    if s.chance(0.4):
        s.say("why_face", A=b, B=a)
        s.say("says_wagon", A=b, B=a)
    s.say("tries_alone", A=a, B=b)
    s.ambient(0.3)
    s.say("calls_more", A=a, B=b)
    s.scene()
    s.say("joins_in", A=a, B=b, C=c, L=here)
    s.say("pulls_free", A=a, B=b, C=c)
    s.maybe(0.5, "thanks", A=b, B=a)
    s.maybe(0.7, "reward", A=a, B=b, C=c)
    s.end("freed", A=a, B=b, C=c)


def seeking(s: Teller) -> None:
    a, b, here = s.one("child", "animal"), s.one("child", "animal"), s.site()
    where = s.spot(here)
    s.begin(a, here)
    s.friend(a, b)
    dozes = s.chance(0.5)
    s.trait(b, "is_sleepyhead" if dozes else "is_wide_awake", 0.4)
    s.say("will_seek", A=a, B=b)
    s.say("hides_self", B=b, P=where)
    s.ambient()
    s.scene()
    other = s.spot(here, where)
    s.say("seeks_wrong", A=a, B=b, P=other)
    if s.chance(0.6):
        s.say("seeks_wrong", A=a, B=b, P=s.spot(here, where, other))
    if dozes:
        s.say("dozes", B=b)
        s.say("snores", A=a, B=b)
    else:
        s.maybe(0.8, "giggles", A=a, B=b)
    s.say("finds_hider", A=a, B=b, P=where)
    s.maybe(0.3, "feels_glad", A=a)
    s.end("sought", A=a, B=b)


def building(s: Teller) -> None:
    a, b, here, build = s.one(), s.one(*ANYONE), s.site("out"), s.value("BUILD")
    s.begin(a, here, weather="snowy" if build == "snow fort" else "")
    s.friend(a, b)
    s.say("wants_build", A=a, B=b, BUILD=build)
    s.say("gathers", A=a, B=b, BUILD=build)
    s.ambient()
    s.say("puts_up", A=a, B=b, BUILD=build)
    s.scene()
    s.say("falls_down", A=a, B=b, BUILD=build)
    s.say("has_idea", A=a, B=b, BUILD=build)
    s.maybe(0.3, "feels_glad", A=b)
    s.say("finishes", A=a, B=b, BUILD=build)
    s.end("built", A=a, B=b, BUILD=build)


PLOTS = {
    "storm": storm,
    "mistake": mistake,
    "surprise": surprise,
    "wagon": wagon,
    "seeking": seeking,
    "building": building,
}
