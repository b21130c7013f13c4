// What the tabs do that ask a model: write, look inside, measure the surprise.

import { attention, bars, blockByBlock, el, inWords, pane, shaded } from "./charts.js";
import { get, panes, problem } from "./players.js";
/** @typedef {import("./players.js").Player} Player */
/** @typedef {import("./sampling.js").Sampling} Sampling */

const LONGEST_TEXT = 5000; // characters, of a text to be read for its surprise
let controller = new AbortController();

/** @returns {Sampling} */
export function settings() {
    const value = (/** @type {string} */ id) => Number(get(id).value);
    return {
        temperature: value("temperature"),
        top_k: value("top-k"),
        max_new_tokens: value("length"),
        seed: value("seed"),
    };
}

// Write

export async function write() {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller,
        prompt = get("prompt").value,
        sampling = settings();
    document.body.classList.add("busy");
    /** @type {Promise<void>[]} */
    const all = [];
    panes("texts", (player) => {
        const out = el(
            "p",
            { className: "take", dir: "auto" },
            el("span", { className: "prompt" }, prompt + (player.has.chat ? "\n" : "")),
        );
        const figures = el("p", { className: "figures" }, "loading");
        all.push(writeOne(player, { prompt, sampling }, out, figures, signal));
        const region = el(
            "div",
            {
                className: "out",
                tabIndex: 0,
                role: "region",
                "aria-label": `Text of ${player.has.name}`,
            },
            out,
        );
        const made = pane(player.side, player.has.name, region, figures);
        made.firstChild.append(el("span", { className: "size" }, player.has.size));
        return made;
    });
    await Promise.all(all);
    if (!signal.aborted) document.body.classList.remove("busy");
}

/**
 * @param {Player} player
 * @param {any} given
 * @param {any} out
 * @param {any} figures
 * @param {AbortSignal} signal
 */
async function writeOne(player, given, out, figures, signal) {
    const { asking, ready } = player;
    player.tell = (sentence) => (figures.textContent = sentence);
    const text = document.createTextNode("");
    out.append(text, el("span", { className: "caret", "aria-hidden": "true" }));
    out.parentElement?.setAttribute("aria-busy", "true");
    try {
        await ready;
        const start = performance.now();
        let first = 0,
            tokens = 0;
        const speed = () =>
            `${Math.round((1000 * tokens) / (performance.now() - start))} tokens/s` +
            ` · first after ${Math.round(first)} ms`;
        const ended = await asking.follow(
            "write",
            given,
            (pieces) => {
                first ||= performance.now() - start;
                tokens += pieces.reduce((sum, piece) => sum + piece.tokens, 0);
                text.appendData(pieces.map((piece) => piece.text).join(""));
                figures.textContent = `${speed()} · writing`;
            },
            signal,
        );
        figures.textContent = `${speed()} · ${ended}`;
    } catch (error) {
        out.replaceWith(problem(error));
        figures.textContent = "";
    }
    out.querySelector(".caret")?.remove();
}

export function stop() {
    controller.abort();
    document.body.classList.remove("busy");
}

// Look inside

const chosen = { left: { block: 0, head: 0 }, right: { block: 0, head: 0 } };

export function look() {
    const prompt = get("studied").value,
        temperature = Number(get("heat").value);
    get("heat-degrees").textContent = temperature.toFixed(2);
    panes("inside", (player) => {
        const made = pane(
            player.side,
            player.has.name,
            el("p", { className: "fine" }, "One moment."),
        );
        lookOne(player, { prompt, temperature, count: 8 }).then(
            (inside) => made.replaceChildren(made.firstChild, ...inside),
            (error) => made.replaceChildren(made.firstChild, problem(error)),
        );
        return made;
    });
}

/** @param {Player} player @param {any} given @returns {Promise<Node[]>} */
async function lookOne({ side, asking, ready }, given) {
    await ready;
    const { odds, lens } = await asking.ask("odds", given);
    const parts = [el("h3", {}, "What may come next"), bars(odds, side)];
    if (lens.length > 1) {
        const meaning = "What it would write if it ended there: the text moves through all blocks.";
        parts.push(
            el("h3", {}, "Block by block"),
            blockByBlock(lens),
            el("p", { className: "fine" }, meaning),
        );
    }
    parts.push(el("h3", {}, "Where it looks"));
    try {
        return [...parts, ...attention(await asking.ask("attention", given), chosen[side])];
    } catch (error) {
        return [...parts, problem(error)];
    }
}

// Surprise

export async function measure() {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller,
        text = get("passage").value.slice(0, LONGEST_TEXT);
    const cut = get("passage").value.length > LONGEST_TEXT;
    get("cut").textContent = cut
        ? `Only the first ${LONGEST_TEXT.toLocaleString("en")} characters are read.`
        : "";
    panes("surprises", (player) => {
        const bits = el("p", { className: "bits" }, "reading");
        const shades = el("p", { className: "surprise", dir: "auto" });
        const tapped = el(
            "p",
            { className: "fine", "aria-live": "polite" },
            "Stronger colour: more bits for each byte. Tap a letter.",
        );
        shades.onclick = (/** @type {any} */ event) => {
            if (event.target.title)
                tapped.textContent = inWords(
                    event.target.textContent,
                    parseFloat(event.target.title),
                );
        };
        measureOne(player, text, bits, shades, signal);
        return pane(player.side, player.has.name, bits, shades, tapped);
    });
}

/**
 * @param {Player} player
 * @param {string} text
 * @param {any} bits
 * @param {any} shades
 * @param {AbortSignal} signal
 */
async function measureOne({ asking, ready }, text, bits, shades, signal) {
    let sum = 0,
        read = "";
    try {
        await ready;
        const ended = await asking.follow(
            "surprise",
            { text },
            (pieces) => {
                for (const piece of pieces) [sum, read] = [sum + piece.bits, read + piece.text];
                const each = sum / new TextEncoder().encode(read).length;
                bits.replaceChildren(el("b", {}, each.toFixed(3)), " bits per byte");
                shades.append(...pieces.map(shaded));
            },
            signal,
        );
        bits.append(
            el("small", {}, ended === "stopped" ? ", so far" : `; the first token is ${ended}`),
        );
    } catch (error) {
        bits.replaceWith(problem(error));
    }
}
