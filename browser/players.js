// The models in the file, each with its worker, and where on the page they show something.

import { Asking } from "./asking.js";
import { el } from "./charts.js";
/** @typedef {import("./charts.js").Side} Side */
/**
 * What the file holds beside the weights. `training/exporting/html.py` writes it.
 * @typedef {{name: string, size: string, prompt: string, sample: string, bytes: number,
 *   config: any, tokenizer: any, begin: number | null, ends: number[], chat: boolean, facts: [string, string][],
 *   curve: {train: [number, number][], held: [number, number][]},
 *   samples: {step: number, text: string}[], card: string}} Manifest
 */
/** @typedef {{side: Side, has: Manifest, asking: Asking, ready: Promise<any>}} Player */

/** @param {string} id @returns {any} */
export const get = (id) => document.getElementById(id);

/** @param {Side} side @returns {Player | null} */
function makePlayer(side) {
    const text = document.querySelector(`script.${side}`)?.textContent;
    if (!text) return null;
    const asking = new Asking(document.querySelector("script.worker")?.textContent ?? "");
    const ready = new Promise((resolve) => {
        if (document.readyState === "loading")
            document.addEventListener("DOMContentLoaded", resolve);
        else resolve(undefined);
    });
    const has = JSON.parse(text);
    return { side, has, asking, ready: ready.then(() => load(side, has, asking)) };
}

/** @param {Side} side @param {Manifest} has @param {Asking} asking */
async function load(side, { bytes, config, tokenizer, begin, ends, chat }, asking) {
    await asking.ask("room", { bytes });
    for (const block of document.querySelectorAll(`script.${side}-weights`)) {
        await asking.ask("piece", { text: block.textContent });
        block.remove(); // of this size once is enough
    }
    return asking.ask("load", { config, tokenizer, begin, ends, chat });
}

export const players = /** @type {Player[]} */ (
    [makePlayer("left"), makePlayer("right")].filter(Boolean)
);
/**
 * The panes of a tab, one a model.
 * @param {string} id
 * @param {(player: Player) => HTMLElement} make
 */
export function panes(id, make) {
    get(id).replaceChildren(...players.map(make));
}

/** @param {any} error */
export function problem(error) {
    return el("p", { className: "problem", role: "status" }, error.message);
}
