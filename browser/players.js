// The models of the page, each with its worker, and where on the page they show something.

import { Asking } from "./asking.js";
import { el } from "./charts.js";
import { fetchFile } from "./fetching.js";
/** @typedef {import("./charts.js").Side} Side */
/**
 * What the file holds beside the weights; `training/exporting/html.py` writes it. Where these are
 * not in the file, `home` is the address of the folder that has them.
 * @typedef {{name: string, size: string, prompt: string, sample: string, bytes: number,
 *   home?: string, config?: any, tokenizer?: any, begin: number | null, ends: number[],
 *   chat: boolean, facts: [string, string][],
 *   curve: {train: [number, number][], held: [number, number][]},
 *   samples: {step: number, text: string}[], card: string}} Manifest
 */
/**
 * @typedef {{side: Side, has: Manifest, asking: Asking, ready: Promise<any>,
 *   tell: (sentence: string) => void}} Player
 */

/** @type {Player[]} */
export const players = [];

/** @param {string} id @returns {any} */
export const get = (id) => document.getElementById(id);

/** What the file says in a block that is no script. @param {string} name @returns {string} */
export const block = (name) => document.querySelector(`script.${name}`)?.textContent ?? "";

/** @param {Side} side @param {Manifest} has */
export function addPlayer(side, has) {
    const asking = new Asking(block("worker"));
    /** @type {Player} */
    const player = { side, has, asking, ready: Promise.resolve(), tell: () => {} };
    const isWhole = new Promise((resolve) => {
        if (document.readyState !== "loading") resolve(undefined);
        else document.addEventListener("DOMContentLoaded", resolve);
    });
    player.ready = isWhole.then(() => load(player));
    player.ready.catch(() => {}); // it is told wherever the model is asked
    players.push(player);
}

/** @param {Player} player */
async function load(player) {
    const { has, asking } = player;
    if (has.home) return fetchAndLoad(player, has.home);
    await asking.ask("room", { bytes: has.bytes });
    let piece = new ArrayBuffer(0); // one goes back and forth: memory for all of them is much
    for (const { firstChild } of document.querySelectorAll(`script.${player.side}-weights`)) {
        const text = /** @type {Text} */ (firstChild);
        if (!piece.byteLength) piece = new ArrayBuffer(3 * Math.ceil(text.length / 4));
        const size = decode(text, new Uint8Array(piece));
        piece = await asking.ask("piece", { piece, size }, [piece]);
    }
    player.tell("loading");
    const { config, tokenizer, begin, ends, chat } = has;
    return asking.ask("load", { config, tokenizer, begin, ends, chat });
}

/** @param {Player} player @param {string} home */
async function fetchAndLoad(player, home) {
    const { has, asking } = player;
    const whole = megabytes(has.bytes);
    const config = has.config ?? (await json(`${home}/config.json`));
    const tokenizer = has.tokenizer ?? (await json(`${home}/tokenizer.json`));
    const weights = await fetchFile(`${home}/model.safetensors`, has.bytes, (got, sentence) =>
        player.tell(`${megabytes(got)} of ${whole} are here. ${sentence}`),
    );
    player.tell("loading");
    const { begin, ends, chat } = has;
    const given = { config, tokenizer, begin, ends, chat, weights };
    return asking.ask("load", given, [weights]);
}

/**
 * Bytes out of a text in base64, which is then forgotten: of this size once is enough.
 * @param {Text} text
 * @param {Uint8Array} into
 * @returns {number} how many
 */
function decode(text, into) {
    const fast = /** @type {any} */ (into).setFromBase64;
    if (fast) {
        const { written } = fast.call(into, text.data);
        text.data = "";
        return written;
    }
    const letters = atob(text.data);
    text.data = "";
    for (let i = 0; i < letters.length; i++) into[i] = letters.charCodeAt(i);
    return letters.length;
}

/** @param {string} url @returns {Promise<any>} */
async function json(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    return response.json();
}

/** @param {number} bytes */
export function megabytes(bytes) {
    return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}

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
