// The page: it fills the tabs, wires them, and lets a script ask what a visitor can.

import { curve, el, pane } from "./charts.js";
import { addPlayer, block, get, megabytes, panes, players } from "./players.js";
import { look, measure, settings, stop, write } from "./tabs.js";
/** @typedef {import("./players.js").Player} Player */
/** @typedef {import("./sampling.js").Sampling} Sampling */

// Training and About

/** @param {Player} player */
function training({ side, has }) {
    const { samples } = has;
    if (!has.curve.train.length && !has.curve.held.length) {
        return pane(
            side,
            has.name,
            el("p", { className: "fine" }, "Nothing was recorded while it learned."),
        );
    }
    const { figure, mark } = curve(has.curve, side);
    if (!samples.length) return pane(side, has.name, figure);
    const slider = el("input", {
        type: "range",
        min: 0,
        max: samples.length - 1,
        value: samples.length - 1,
    });
    const when = el("output", {});
    const wrote = el("p", { className: "take wrote", dir: "auto" });
    slider.oninput = () => {
        const { step, text } = samples[slider.value];
        when.textContent = `step ${step.toLocaleString("en")}`;
        wrote.textContent = text;
        mark(step);
    };
    slider.oninput();
    return pane(
        side,
        has.name,
        figure,
        el("label", { className: "moment" }, el("span", {}, "What it wrote at ", when), slider),
        wrote,
    );
}

/** @param {Player} player */
function about({ side, has }) {
    const rows = has.facts.map(([name, value]) =>
        el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)),
    );
    const card = el(
        "details",
        {},
        el("summary", {}, "Its model card"),
        el("pre", { tabIndex: 0 }, has.card),
    );
    return pane(
        side,
        has.name,
        el("table", { className: "facts" }, el("tbody", {}, ...rows)),
        has.card ? card : "",
    );
}

// Tabs

const onShow = /** @type {Record<string, () => void>} */ ({ "tab-inside": look });

/** @param {string} id */
function show(id) {
    for (const tab of document.querySelectorAll('[role="tab"]')) {
        const on = tab.id === id;
        tab.setAttribute("aria-selected", String(on));
        /** @type {HTMLElement} */ (tab).tabIndex = on ? 0 : -1;
        get(/** @type {string} */ (tab.getAttribute("aria-controls"))).hidden = !on;
    }
    onShow[id]?.();
}

function wire() {
    const tabs = [...document.querySelectorAll('[role="tab"]')];
    tabs.forEach((tab, i) => {
        tab.addEventListener("click", () => show(tab.id));
        tab.addEventListener("keydown", (/** @type {any} */ event) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {string} */ (event.key)];
            if (!step) return;
            const next = /** @type {HTMLElement} */ (tabs[(i + step + tabs.length) % tabs.length]);
            next.focus();
            show(next.id);
        });
    });
    get("writing").addEventListener("submit", (/** @type {Event} */ event) => {
        event.preventDefault();
        write();
    });
    get("another").onclick = () => {
        get("seed").value = Number(get("seed").value) + 1;
        write();
    };
    get("stop").onclick = stop;
    get("temperature").oninput = () =>
        (get("degrees").textContent = settings().temperature?.toFixed(2));
    let timer = 0;
    get("look").addEventListener("input", (/** @type {Event} */ event) => {
        if (!["studied", "heat"].includes(/** @type {any} */ (event.target).id)) return;
        clearTimeout(timer);
        timer = setTimeout(look, 250);
    });
    get("measure").onclick = measure;
}

/** A larger model that is fetched only when somebody wants it. */
function wireOffer() {
    const offered = block("offer");
    if (!offered) return;
    const has = JSON.parse(offered);
    const button = get("offer");
    const size = megabytes(has.bytes);
    const isSmall = matchMedia("(pointer: coarse)").matches || memory() < 4;
    button.textContent = `Put ${has.name} beside it (${size} to download)`;
    button.hidden = false;
    button.onclick = () => {
        if (isSmall && !button.dataset.warned) {
            button.dataset.warned = "yes";
            button.textContent = `${size}, and more than that in memory, is much for this device: try?`;
            return;
        }
        button.hidden = true;
        addPlayer("right", has);
        fillPanes();
        write();
    };
}

/** In GB, as far as the browser tells. */
function memory() {
    return /** @type {any} */ (navigator).deviceMemory ?? 8;
}

function fillPanes() {
    document.body.classList.toggle("two", players.length > 1);
    panes("trainings", training);
    panes("abouts", about);
}

for (const side of /** @type {const} */ (["left", "right"])) {
    const text = block(side);
    if (text) addPlayer(side, JSON.parse(text));
}

/** For whoever scripts this page; it speaks to the first model. */
const hook = {
    ready: players[0].ready,
    /** The continuation as text. @param {string} prompt @param {Sampling} [sampling] */
    async generate(prompt, sampling = {}) {
        await players[0].ready;
        let text = "";
        await players[0].asking.follow("write", { prompt, sampling }, (pieces) => {
            text += pieces.map((piece) => piece.text).join("");
        });
        return text;
    },
    /** @param {string} text @returns {Promise<number[]>} */
    encode: async (text) => (await players[0].ready, players[0].asking.ask("encode", { text })),
    /** The scores behind the last id. @param {number[]} ids @returns {Promise<Float32Array>} */
    logits: async (ids) => (await players[0].ready, players[0].asking.ask("logits", { ids })),
};
/** @type {any} */ (globalThis).tinygpt = hook;

get("prompt").value = players[0].has.prompt;
get("studied").value = (players[0].has.sample || players[0].has.prompt).slice(0, 40);
get("passage").value = players[0].has.sample || players[0].has.prompt;
wire();
wireOffer();
fillPanes();
write();
