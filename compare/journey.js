// The address of what is on the page: kept up to date, walked through with Back and Forward, shared.
// The server reads an address (tabs/journey.py); here it is written, and run once when it is opened.
window.journey = (() => {
    let settings = [], seats = {}, first = {}, longest = 2000;
    let values = null; // of the settings, as the page has them now
    let send = null; // hands an address to the server
    let begun = false; // the page has been set up once
    let applying = false; // the page is being set up by an address
    let runs = false; // what an address sets up is also to be run
    let once = false; // the seed of the address is to be taken
    let touched = 0; // when the visitor last pressed a tab or a model
    let walking = 0; // when the server was given an address that it has not set up yet
    let next = null; // where the visitor went meanwhile
    let choosing = 0; // when a tab or model was pressed that is not recorded yet
    let replaced = ""; // what the visitor had typed before a chip took its place
    const known = {}; // who sat on each side when it was last shown
    let then = ""; // what the address wants done after its run
    const LONGEST = 20000; // milliseconds after which an address is given up
    const SOON = 5000; // milliseconds after a press in which what changes is the visitor's doing

    const chosen = (prefix) => {
        const tabs = document.querySelectorAll(`[role="tab"][aria-selected="true"][id^="${prefix}-"]`);
        return tabs.length ? tabs[0].id.slice(prefix.length + 1, -"-button".length) : "";
    };
    const tab = () => chosen("tab") || "compare";
    const lesson = () => (tab() === "train" ? chosen("lesson") || "live" : "");
    const pane = (side) => document.querySelector(`.pane.${side}`);
    const idea = () => document.querySelector(".strip")?.dataset.idea ?? "";
    const same = (one, other) => String(one) === String(other);

    // What stands in an address now, and what would be too long for it.
    const compose = () => {
        const query = new URLSearchParams({tab: tab()});
        const left = [];
        if (lesson()) query.set("lesson", lesson());
        for (const [side, name] of Object.entries(seats)) {
            const {key, commit} = pane(side)?.dataset.key ? pane(side).dataset : known[side] ?? {};
            known[side] = {key, commit};
            if (key && !same(key, first[side])) query.set(name, key);
            if (key && commit && name === "model") query.set("commit", commit.slice(0, 12));
        }
        settings.forEach((setting, at) => {
            const value = values?.[at];
            const here = !setting.tabs.length || setting.tabs.includes(tab());
            if (!here || (setting.lesson && setting.lesson !== lesson())) return;
            if (value === undefined || value === null || typeof value === "object") return;
            if (!setting.written || same(value, setting.default)) return;
            if (String(value).length > longest) left.push({name: setting.name, text: String(value)});
            else query.set(setting.name, String(value));
        });
        if (idea()) query.set("idea", idea());
        return {query, left: [...left, ...kept()]};
    };
    // What no address ever carries: a talk, and a text to train on.
    const kept = () => {
        const text = {
            talk: () => [...document.querySelectorAll(".talk li:not(.memory)")]
                .map((turn) => turn.textContent).join("\n\n"),
            "training text": () => document.querySelector("#own-text textarea")?.value,
        };
        const here = tab() === "chat" ? "talk" : lesson() === "own" ? "training text" : "";
        return here && text[here]() ? [{name: here, text: text[here]()}] : [];
    };
    const place = (query) => {
        const text = query.toString();
        return text ? `?${text}` : window.location.pathname;
    };
    const record = (push) => {
        if (!begun || applying) return;
        const address = place(compose().query);
        if (address === window.location.search) return;
        window.history[push ? "pushState" : "replaceState"](null, "", address);
    };

    const until = async (ready, most = 4000) => {
        for (const end = Date.now() + most; Date.now() < end; ) {
            if (ready()) return true;
            await new Promise((resolve) => setTimeout(resolve, 40));
        }
        return false;
    };
    const button = (selector) => {
        const found = document.querySelector(selector);
        return found?.offsetParent ? found : null;
    };
    const OWN = "tinygpt-models"; // keys of the models that were trained in this browser
    const read = (name, otherwise) => {
        try {
            return JSON.parse(localStorage.getItem(name)) ?? otherwise;
        } catch {
            return otherwise; // what somebody else wrote there
        }
    };
    const write = (name, value) => localStorage.setItem(name, JSON.stringify(value));
    const mine = () => read(OWN, []).filter((key) => typeof key === "string");
    const go = () => [...document.querySelectorAll("button.go")].find((one) => one.offsetParent);

    // Presses the main button of the tab, once all that the address set is there.
    const run = async (asks) => {
        const wanted = asks.get("tab") ?? "compare";
        if (!["compare", "score", "train"].includes(wanted)) return; // Inside looks by itself
        const there = () =>
            tab() === wanted && (!asks.get("lesson") || lesson() === asks.get("lesson")) && go();
        if (!(await until(there))) return;
        if (lesson() === "own" && !document.querySelector("#own-text textarea")?.value) return;
        once = asks.has("seed");
        go()?.click();
    };

    const follow = (search, push) => {
        if (push && search !== window.location.search) window.history.pushState(null, "", search);
        applying = true;
        // One address at a time: Gradio would drop a second one, and the page would stay behind.
        if (Date.now() - walking < LONGEST) next = [search, push];
        else walk(search, push);
    };
    const walk = (search, push) => {
        walking = Date.now();
        runs = push;
        const asks = Object.fromEntries(new URLSearchParams(search));
        then = push ? asks.then ?? "" : "";
        send?.(asks);
        if (push) document.querySelector("#title")?.scrollIntoView();
    };

    document.addEventListener("click", (event) => {
        const link = event.target.closest?.("a[data-go]");
        if (link && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
            event.preventDefault();
            follow(new URL(link.href).search, true);
        } else if (event.target.closest?.("[data-copy]")) {
            copy(event.target.closest("[data-copy]"));
        } else if (event.target.closest?.(".strip [data-close]")) {
            event.target.closest(".strip").remove();
            record(false);
        } else if (event.isTrusted && event.target.closest?.('[role="tab"], .menu label, .hub button')) {
            choosing = touched = Date.now();
            if (!event.target.closest('[role="tab"]')) return; // `seated` records it
            // The tab that was left stays in the history, as it was.
            if (event.target.closest('[id^="tab-"]')) document.querySelector(".strip")?.remove();
            setTimeout(() => { choosing = 0; record(true); }, 60);
        }
    });
    // What was written no longer belongs to what is asked now.
    document.addEventListener("input", (event) => {
        if (event.target.closest?.("#prompt")) outdated(true, "text", "look");
    });
    const outdated = (yes, ...kinds) =>
        kinds.forEach((kind) => document.body.classList.toggle(`stale-${kind}`, yes));
    window.addEventListener("popstate", () => follow(window.location.search, false));

    // The texts of a pane, as a reader sees them, without the seeds between.
    const copy = async (pressed) => {
        const texts = [...pressed.closest(".pane").querySelectorAll(".take")].map((take) => {
            const prompt = take.querySelector("details .prompt") ?? take.querySelector(".prompt");
            return (prompt?.textContent ?? "") + take.querySelector("[data-written]").textContent;
        });
        try {
            await navigator.clipboard.writeText(texts.join("\n\n"));
            pressed.textContent = "Copied";
        } catch { // browsers hand out the clipboard on https and localhost only
            pressed.textContent = "Not allowed here";
        }
    };
    const noteTried = (slug) => {
        const kept = read("tinygpt-guide", {});
        write("tinygpt-guide", {...kept, tried: {...kept.tried, [slug]: new Date().toISOString()}});
        window.dispatchEvent(new Event("guide"));
    };

    const said = (sentence, more) => {
        const line = document.createElement("p");
        line.setAttribute("role", "status");
        line.textContent = sentence;
        if (more) line.append(" ", more);
        return line.outerHTML;
    };
    const WORDS = {tab: "the tab", lesson: "the lesson", model: "the left model", idea: "the idea",
        beside: "the right model", prompt: "the prompt", seed: "the seed", text: "the text",
        commit: "the version of the model"};
    const carries = (query) => {
        const names = [...query.keys()].map((name) => WORDS[name] ?? "the settings");
        return [...new Set(names)].join(", ");
    };

    return {
        begin(given) {
            ({settings, seats, first, longest} = given);
        },
        connect(trigger) {
            send = trigger;
        },
        note(given) {
            values = given;
            // What comes with the tab or model that was just pressed belongs to the next entry.
            if (Date.now() - choosing > SOON) record(false);
        },
        // The seed of a link is taken once; later ones are rolled.
        asked() {
            const yes = once;
            once = false;
            outdated(false, "text");
            return yes;
        },
        // Inside shows what belongs to the prompt again.
        looked() {
            outdated(false, "look");
        },
        // A chip takes the place of the prompt; what the visitor had typed can be brought back.
        chip(text, before, ours) {
            const typed = before && !ours.includes(before);
            replaced = typed ? before : replaced;
            document.body.classList.toggle("replaced", Boolean(replaced));
            outdated(true, "text", "look");
            return text;
        },
        restore(now) {
            document.body.classList.remove("replaced");
            [replaced, now] = ["", replaced || now];
            outdated(true, "text", "look");
            return now;
        },
        // Runs the tab that is open, if it belongs to the prompt.
        again() {
            if (["compare", "inside"].includes(tab())) setTimeout(() => go()?.click(), 60);
        },
        // The tally of blind tests, by pair of models, is this browser's.
        vote(result) {
            if (!result) return;
            const {names, better} = JSON.parse(result);
            const votes = read("tinygpt-votes", {});
            const pair = names.join(" and ");
            const counts = votes[pair] ?? {};
            counts[better || "neither"] = (counts[better || "neither"] ?? 0) + 1;
            write("tinygpt-votes", {...votes, [pair]: counts});
            const tally = document.querySelector("#tally");
            const parts = [...new Set([...names, "neither"])]
                .map((name) => `${name} ${counts[name] ?? 0}`);
            if (tally) tally.textContent = `Your votes so far: ${parts.join(", ")}.`;
        },
        // Other models sit there: an entry, if the visitor has chosen them.
        seated() {
            choosing = 0;
            record(Date.now() - touched < SOON);
        },
        finished() {
            record(true);
        },
        // The server has set everything up: at the opening, or after a link or Back.
        async arrived(opening) {
            walking = 0;
            if (idea()) noteTried(idea()); // also where the visitor has gone on already
            if (next) {
                walk(...next);
                next = null;
                return;
            }
            const asks = new URLSearchParams(window.location.search);
            const reload = performance.getEntriesByType("navigation")[0]?.type === "reload";
            const mayRun = opening ? !(reload && asks.get("tab") === "train") : runs;
            if (opening) then = reload ? "" : asks.get("then") ?? "";
            // Where a part was left out, the word about it stays until the visitor goes on.
            const said = document.querySelector("#notice")?.textContent ?? "";
            const waits = said.includes("press Load") || said.includes("left out");
            begun = true;
            await until(() => tab() === (asks.get("tab") ?? "compare"), 2000);
            if (walking) return; // the visitor has gone on
            if (idea()) noteTried(idea());
            if (asks.get("tab") === "learn") {
                window.dispatchEvent(new CustomEvent("idea", {detail: asks.get("idea") ?? ""}));
            }
            if (mayRun && asks.size && !waits) await run(asks);
            setTimeout(() => { applying = walking > 0; }, 300);
        },
        // A model was trained here: this browser remembers its key, and a link may want more.
        trained(key) {
            if (key) write(OWN, [...mine().filter((other) => other !== key), key].slice(-16));
            const beside = then === "beside" && key;
            then = "";
            if (beside) until(() => button("#own-beside")).then(() => button("#own-beside")?.click());
        },
        forget(key) {
            write(OWN, mine().filter((other) => other !== key));
        },
        mine() {
            return JSON.stringify(mine());
        },
        // Presses the main button of a tab as soon as it is there.
        async press(name) {
            touched = Date.now();
            if (await until(() => tab() === name && go())) go().click();
        },
        async share() {
            const {query, left} = compose();
            const address = new URL(window.location.origin + window.location.pathname);
            address.search = query.toString();
            const parts = carries(query);
            const file = left.length && document.createElement("a");
            if (file) {
                file.href = `data:text/plain;charset=utf-8,${encodeURIComponent(left[0].text)}`;
                file.download = `${left[0].name.replace(" ", "-")}.txt`;
                file.textContent = `Save the ${left[0].name} as a file`;
            }
            const missing = left.length ? ` The ${left[0].name} is not in it.` : "";
            try {
                await navigator.clipboard.writeText(address.href);
                return said(`Link copied. It carries ${parts}.${missing} ${address.href}`, file);
            } catch { // browsers hand out the clipboard on https and localhost only
                return said(`Copy this link. It carries ${parts}.${missing} ${address.href}`, file);
            }
        },
    };
})();
