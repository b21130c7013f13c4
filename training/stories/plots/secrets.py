"""Plots of the quiet kind: a secret, a seed, someone new, a noise, a letter, an ill friend."""

from training.stories.telling.teller import ANYONE, Teller

from .together import BAKED


def secret(s: Teller) -> None:
    a, b, c, here, there = s.one(), s.one(), s.one(*ANYONE), s.site(), s.site()
    hidden = s.value("SECRET")
    loyal = s.chance(0.5)
    s.begin(a, here, brief=not loyal)
    s.friend(a, b)
    s.trait(b, "is_silent" if loyal else "is_chatty", 0.4)
    s.say("has_secret", A=a, SECRET=hidden)
    s.say("asks_keep", A=a, B=b, SECRET=hidden)
    s.say("will_keep", A=a, B=b)
    s.say("tells_secret", A=a, B=b, SECRET=hidden)
    s.scene()
    s.say("go", A=b, L=there)
    s.say("meets", A=b, B=c)
    s.say("asks_whispered", A=a, B=b, C=c, SECRET=hidden)
    if loyal:
        s.say("keeps_secret", A=a, B=b, C=c)
        s.ambient(0.5)
        s.end("loyal", A=a, B=b)
        return
    s.say("blabs", A=a, B=b, C=c, SECRET=hidden)
    s.say("all_know", A=a, B=b, SECRET=hidden)
    s.scene()
    s.say("go", A=b, L=here)
    s.say("owns_up", A=a, B=b, SECRET=hidden)
    s.say("forgives", A=b, B=a)
    s.end("forgiven", A=b, B=a)


def garden(s: Teller) -> None:
    a, b, seed = s.one(), s.one("grown", "animal"), s.value("SEED")
    here = s.rng.choice(("garden", "orchard", "greenhouse", "meadow", "field", "park"))
    s.taken.add(here)
    s.begin(a, here)
    s.trait(a, "is_patient", 0.3)
    s.say("plants", A=a, SEED=seed)
    s.maybe(0.7, "impatient", A=a, SEED=seed)
    s.ambient()
    s.maybe(0.4, "digs_up", A=a, SEED=seed)
    s.say("comes", A=a, B=b)
    s.say("advises", A=a, B=b, SEED=seed)
    s.scene()
    s.say("waters", A=a, SEED=seed)
    s.say("days_pass", A=a, SEED=seed)
    s.say("grows", A=a, SEED=seed)
    s.maybe(0.5, "feels_proud", A=a)
    s.end("grew", A=a, SEED=seed)


def newcomer(s: Teller) -> None:
    a, b, here = s.one("child", "animal"), s.one("child", "animal"), s.site()
    s.begin(a, here)
    s.say("is_new", A=a)
    s.ambient()
    s.say("comes", A=a, B=b)
    x = s.object("toy")
    has = s.chance(0.6)
    if has:
        s.own(b, x)
    s.maybe(0.6, "too_shy", A=a, B=b)
    s.scene()
    if s.chance(0.3):
        s.say("why_face", A=a, B=b)
        s.say("says_lonely", A=a, B=b)
    s.say("invites", A=a, B=b)
    s.say("dares", A=a, B=b)
    if has:
        s.say("play_thing", A=a, B=b, X=x)
    s.maybe(0.4, "feels_glad", A=a)
    s.end("friends", A=a, B=b)


def noise(s: Teller) -> None:
    a, b, here, what = s.one(), s.one(*ANYONE), s.site("in"), s.value("NOISE")
    s.begin(a, here, time="evening")
    s.friend(a, b)
    s.ambient(0.6)
    s.say("hears", A=a, NOISE=what)
    s.say("imagines", A=a, NOISE=what)
    s.maybe(0.5, "feels_afraid", A=a)
    if s.chance(0.4):
        s.say("why_face", A=a, B=b)
        s.say("says_noise", A=a, B=b, NOISE=what)
    s.say("braver_two", A=a, B=b)
    s.scene()
    s.say("creeps", A=a, B=b, NOISE=what)
    s.say("is_only", A=a, NOISE=what)
    s.end("noise", A=a, NOISE=what, B=b)


def stuck(s: Teller) -> None:
    a, b, here = s.one(), s.one(*ANYONE), s.site("out")
    x, snag = s.object("toy", "wear"), s.value("SNAG")
    s.begin(a, here, weather=s.rng.choice(("windy", "cloudy", "sunny")))
    s.own(a, x)
    s.maybe(0.3, "gift_of", A=a, X=x)
    s.say("gets_stuck", A=a, X=x, SNAG=snag)
    s.maybe(0.6, "jumps_for", A=a, X=x, SNAG=snag)
    s.ambient(0.3)
    s.scene()
    s.say("comes", A=a, B=b)
    if s.chance(0.4):
        s.say("why_face", A=a, B=b)
        s.say("says_stuck", A=a, B=b, X=x, SNAG=snag)
    s.maybe(0.5, "throws", A=a, B=b, X=x, SNAG=snag)
    s.say("climbs", A=a, B=b, X=x, SNAG=snag)
    s.say("give_back", A=b, B=a, X=x)
    s.maybe(0.6, "thanks", A=a, B=b)
    s.end("rescued", A=a, B=b, X=x)


def baking(s: Teller) -> None:
    a, b, there = s.one(*ANYONE), s.one(*ANYONE), s.site()
    x, want = s.rng.choice(BAKED), s.value("MISSING")
    here = s.rng.choice(("kitchen", "bakery", "inn"))
    s.begin(a, here)
    s.say("wants_bake", A=a, X=x)
    s.ambient()
    s.say("lacks", A=a, X=x, MISSING=want)
    s.scene()
    s.say("go", A=a, L=there if there != here else "mill")
    s.say("meets", A=a, B=b)
    s.say("asks_lend", A=a, B=b, MISSING=want)
    s.say("lends_some", A=a, B=b, MISSING=want)
    s.maybe(0.4, "thanks", A=a, B=b)
    s.say("go2", A=a, B=b, L=here)
    s.scene()
    s.say("bakes_well", A=a, X=x, MISSING=want)
    s.say("takes_slice", A=a, B=b, X=x, MISSING=want)
    s.end("baked", A=a, X=x, B=b)


def letter(s: Teller) -> None:
    a, b, c = s.one(), s.one("grown"), s.one("grown", "animal")
    here, there = s.site(), s.site()
    s.begin(a, here)
    s.friend(a, b)
    s.say("lives_at", B=c, M=there)
    s.say("gets_letter", A=a, B=b, C=c, X="letter")
    s.scene()
    if s.chance(0.7):
        s.say("wind_takes", A=a, C=c, X="letter")
        s.say("chases", A=a, X="letter")
    s.say("go", A=a, L=there)
    s.ambient()
    s.say("delivers", A=a, C=c, X="letter")
    s.say("reads_letter", C=c, X="letter", NEWS=s.value("NEWS"))
    s.maybe(0.6, "thanks", A=c, B=a)
    s.end("mail", C=c, A=a)


def ill(s: Teller) -> None:
    a, b, here, there = s.one(), s.one(*ANYONE), s.site(), s.site("in")
    x, what = s.object("food"), s.value("ILL")
    s.begin(a, here)
    s.say("lives_at", B=b, M=there)
    s.say("is_ill", B=b, ILL=what)
    food = s.chance(0.6)
    if food:
        s.own(a, x)
    s.scene()
    s.say("go", A=a, L=there)
    s.say("visits_ill", A=a, B=b)
    s.ambient()
    if food:
        s.say("brings_soup", A=a, B=b, X=x)
    s.say("tells_joke", A=a, B=b)
    s.maybe(0.6, "thanks", A=b, B=a)
    s.scene()
    s.say("is_well", A=a, B=b)
    s.end("well", A=a, B=b)


PLOTS = {
    "secret": secret,
    "garden": garden,
    "newcomer": newcomer,
    "noise": noise,
    "stuck": stuck,
    "baking": baking,
    "letter": letter,
    "ill": ill,
}
