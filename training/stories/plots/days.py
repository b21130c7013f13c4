"""Plots of a day out: a contest, fog, a found thing, a riddle, a loan, a thief, a treasure."""

from training.stories.telling.teller import ANYONE, Teller


def contest(s: Teller) -> None:
    a, b, here, act = s.one(), s.one(*ANYONE), s.site(), s.value("ACT")
    x = s.object("treasure", "wear", "toy")
    s.begin(a, here)
    s.friend(a, b)
    s.say("show", A=a, L=here)
    s.say("plans_act", A=a, L=here, ACT=act)
    s.say("nervous", A=a, ACT=act)
    s.maybe(0.4, "feels_afraid", A=a)
    s.ambient()
    s.scene()
    helped = s.chance(0.7)
    if helped:
        s.say("encourages", A=a, B=b, ACT=act)
    if helped and s.chance(0.6):
        s.say("performs", A=a, L=here, ACT=act)
        s.say("wins_prize", A=a, X=x, L=here, ACT=act)
    else:
        s.say("goes_wrong", A=a, L=here, ACT=act)
        s.say("laughs_prize", A=a, B=b, X=x, L=here)
    s.maybe(0.4, "admires", A=a, B=b, X=x)
    s.end("prize", A=a, X=x, B=b)


def fog(s: Teller) -> None:
    a, b, c = s.one(), s.one(), s.one(*ANYONE)
    here = s.rng.choice(("forest", "meadow", "field", "hill", "beach", "quarry"))
    x = s.rng.choice(("drum", "whistle", "trumpet", "bell", "flute"))
    s.begin(a, here, weather=s.rng.choice(("foggy", "foggy", "snowy")))
    s.friend(a, b)
    s.ambient(0.5)
    s.say("lives_at", B=c, M=s.site("in"))
    s.own(c, x)
    s.scene()
    s.say("lost_way", A=a, B=b, L=here)
    s.maybe(0.5, "feels_afraid", A=a)
    s.maybe(0.7, "keeps_sounding", A=c, X=x)
    s.say("listens", A=a, B=b)
    s.say("hears_help", A=a, B=b, C=c, X=x)
    s.say("follows_home", A=a, B=b, C=c, X=x)
    s.maybe(0.5, "thanks", A=a, B=c)
    s.end("guided", A=a, B=b, C=c, X=x)


def whose(s: Teller) -> None:
    a, b, c, here, there = s.one(), s.one(*ANYONE), s.one(*ANYONE), s.site(), s.site()
    x = s.object("wear", "treasure", "tool", "toy")
    s.begin(a, here)
    s.say("see_thing", A=a, X=x, L=here)
    s.say("take", A=a, X=x)
    s.say("want_keep", A=a, X=x)
    s.ambient(0.3)
    if s.chance(0.7):
        s.say("comes", A=a, B=b)
        s.say("asks_whose", A=a, B=b, X=x)
        s.say("owner_no", A=a, B=b, X=x)
        s.maybe(0.6, "leaves", A=b)
    s.scene()
    s.say("go", A=a, L=there)
    s.maybe(0.3, "still_has", A=a, X=x)
    s.say("meets", A=a, B=c)
    s.say("seeks_owner", B=c)
    s.say("asks_whose", A=a, B=c, X=x)
    s.say("owner_yes", A=a, B=c, X=x)
    s.say("gives_found", A=a, B=c, X=x)
    s.maybe(0.6, "thanks", A=c, B=a)
    if s.chance(0.2):
        y = s.object("treasure", "food")
        s.own(c, y)
        s.say("give", A=c, B=a, X=y)
    s.end("returned", A=a, X=x, B=c)


def riddles(s: Teller) -> None:
    a, b, here, there = s.one(), s.one("animal", "grown"), s.site(), s.site("out")
    what = s.value("RIDDLE")
    s.begin(a, here)
    s.ambient(0.3)
    s.say("go", A=a, L=there)
    s.say("meets", A=a, B=b)
    s.say("blocks_way", A=a, B=b)
    s.say("riddle", A=a, B=b, RIDDLE=what)
    s.maybe(0.6, "thinks_hard", A=a, B=b, RIDDLE=what)
    s.maybe(0.7, "wrong_answer", A=a, B=b, RIDDLE=what)
    s.ambient()
    s.scene()
    s.say("right_answer", A=a, B=b, RIDDLE=what)
    s.maybe(0.4, "feels_proud", A=a)
    s.say("lets_pass", A=a, B=b, RIDDLE=what)
    s.end("solved", A=a, B=b)


def loan(s: Teller) -> None:
    a, b, here, there = s.one(), s.one(*ANYONE), s.site(), s.site()
    x = s.object("toy", "tool")
    s.begin(a, here)
    s.friend(a, b)
    s.own(b, x)
    s.say("asks_borrow", A=a, B=b, X=x)
    s.say("lends", A=a, B=b, X=x)
    s.scene()
    s.say("go", A=a, L=there)
    s.maybe(0.6, "uses", A=a, X=x)
    if s.chance(0.6):
        where, third = s.spot(there), s.site()
        s.say("leaves_behind", A=a, X=x, P=where)
        s.say("go", A=a, L=third)
        s.say("remembers_it", A=a, X=x)
        s.say("go", A=a, L=there)
        s.say("fetches", A=a, X=x, P=where)
    s.ambient(0.3)
    s.scene()
    s.say("go", A=a, L=here)
    s.say("brings_back", A=a, B=b, X=x)
    s.maybe(0.5, "thanks", A=b, B=a)
    s.end("brought", A=a, X=x, B=b)


def thief(s: Teller) -> None:
    a, b, c, here, x = s.one(*ANYONE), s.one(), s.one("animal", "child"), s.site(), s.object("food")
    s.begin(a, here)
    s.own(a, x)
    s.say("cools", A=a, X=x)
    s.ambient(0.3)
    s.say("is_eaten", A=a, X=x)
    s.maybe(0.5, "feels_angry", A=a)
    s.scene()
    if s.chance(0.7):
        s.say("comes", A=a, B=b)
        s.say("suspects", A=a, B=b, X=x)
        s.say("not_me", A=a, B=b, X=x)
        s.maybe(0.5, "leaves", A=b)
    s.say("follows_crumbs", A=a, X=x)
    s.say("caught", A=a, C=c, X=x)
    s.say("thief_sorry", A=a, C=c, X=x)
    s.say("makes_good", A=a, C=c)
    s.end("made_good", A=a, C=c)


def jobs(s: Teller) -> None:
    a, b, here = s.one(*ANYONE), s.one(*ANYONE), s.site()
    first, second = s.value("JOB"), s.value("JOB")
    s.begin(a, here)
    s.friend(a, b)
    s.say("has_job", A=a, JOB=first)
    s.say("has_job", A=b, JOB=second)
    s.say("easy_for_you", A=a, B=b, JOB=first)
    s.say("swap_jobs", A=a, B=b)
    s.scene()
    s.say("tries_job", A=a, B=b, JOB=second)
    s.say("tries_job", A=b, B=a, JOB=first)
    s.ambient(0.3)
    s.say("change_back", A=a, B=b)
    s.end("swapped", A=a, B=b)


def boast(s: Teller) -> None:
    a, b, here, what = s.one(), s.one(*ANYONE), s.site(), s.value("BOAST")
    s.begin(a, here)
    s.friend(a, b)
    s.ambient(0.3)
    s.say("boasts", A=a, B=b, BOAST=what)
    s.say("doubts", A=a, B=b, BOAST=what)
    s.say("wriggles", A=a, B=b, BOAST=what)
    s.ambient(0.5)
    s.scene()
    s.say("shown_up", A=a, BOAST=what)
    s.maybe(0.6, "feels_sorry", A=a)
    s.say("admits", A=a, B=b, BOAST=what)
    s.end("humble", A=a, B=b)


def treasure(s: Teller) -> None:
    a, b, here, there = s.one(), s.one(*ANYONE), s.site("in"), s.site("out")
    where, what = s.spot(there), s.value("TREASURE")
    s.begin(a, here)
    s.friend(a, b)
    s.ambient(0.3)
    s.say("find_map", A=a, X="map", M=there, P=where)
    s.say("shows_map", A=a, B=b, M=there, P=where)
    s.scene()
    s.say("go2", A=a, B=b, L=there)
    s.maybe(0.4, "still_has", A=a, X="map")
    s.say("digs", A=a, B=b, M=there, P=where)
    s.ambient()
    s.say("hits_chest", A=a, TREASURE=what, M=there)
    s.maybe(0.4, "feels_glad", A=a)
    s.end("dug", A=a, TREASURE=what, B=b)


def rescue(s: Teller) -> None:
    a, b, here, baby, snag = (
        s.one(),
        s.one(*ANYONE),
        s.site("out"),
        s.value("BABY"),
        s.value("STUCK"),
    )
    x = s.rng.choice(("rope", "net", "basket", "bucket", "ladder", "scarf", "fishing rod"))
    s.begin(a, here)
    s.say("cries", A=a, BABY=baby, STUCK=snag)
    s.say("reaches", A=a, BABY=baby)
    s.ambient(0.3)
    s.scene()
    s.say("comes", A=a, B=b)
    s.own(b, x)
    s.say("thinks_of", A=a, B=b, X=x, BABY=baby)
    s.say("saves", A=a, B=b, X=x, BABY=baby)
    s.maybe(0.7, "mother_comes", A=a, BABY=baby)
    s.maybe(0.3, "feels_glad", A=a)
    s.end("saved", A=a, BABY=baby, B=b)


def sleepless(s: Teller) -> None:
    a, b, here = s.one("child", "animal"), s.one("grown", "animal"), s.site("in")
    s.begin(a, here, time="evening")
    s.friend(a, b)
    s.ambient(0.6)
    s.say("cannot_sleep", A=a)
    s.say("tries_sleep", A=a, LULL=s.value("LULL"))
    s.say("tries_sleep", A=a, LULL=s.value("LULL"))
    s.ambient(0.5)
    s.maybe(0.5, "tries_sleep", A=a, LULL=s.value("LULL"))
    s.scene()
    s.say("sits_by", A=a, B=b)
    s.say("falls_asleep", A=a, B=b)
    s.end("slept", A=a, B=b)


PLOTS = {
    "contest": contest,
    "fog": fog,
    "whose": whose,
    "riddles": riddles,
    "loan": loan,
    "thief": thief,
    "jobs": jobs,
    "boast": boast,
    "treasure": treasure,
    "rescue": rescue,
    "sleepless": sleepless,
}
