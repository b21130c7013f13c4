// The next token out of the scores: temperature, top-k, top-p, and a draw.

import { softmax } from "./numbers.js";

/**
 * @typedef {{greedy?: boolean, temperature?: number, top_k?: number, top_p?: number, seed?: number,
 *   max_new_tokens?: number}} Sampling
 */

/**
 * @param {Float32Array} logits
 * @param {Sampling} sampling
 * @param {() => number} chance
 * @returns {number}
 */
export function choose(
    logits,
    { greedy = false, temperature = 0.8, top_k = 50, top_p = 1 },
    chance,
) {
    if (greedy) return best(logits);
    const odds = logits.map((score) => score / temperature);
    softmax(odds);
    // Only what is kept is put in order: of a large vocabulary, a few. Ties with the last one stay.
    const isCut = top_k > 0 && top_k < odds.length;
    const least = isCut ? odds.toSorted()[odds.length - top_k] : 0;
    let order = [...odds.keys()]
        .filter((id) => odds[id] >= least)
        .sort((a, b) => odds[b] - odds[a] || a - b);
    if (top_p < 1) {
        const whole = order.reduce((share, id) => share + odds[id], 0);
        let share = 0;
        order = order.filter((id) => {
            const isIn = share < top_p * whole;
            share += odds[id];
            return isIn;
        });
    }
    const sum = order.reduce((share, id) => share + odds[id], 0);
    let place = chance() * sum;
    return order.find((id) => (place -= odds[id]) < 0) ?? order[0];
}

/** @param {Float32Array} logits */
export function best(logits) {
    let at = 0;
    for (let i = 1; i < logits.length; i++) if (logits[i] > logits[at]) at = i;
    return at;
}

/**
 * Numbers from 0 up to 1, the same for the same seed in every browser (mulberry32). They are not
 * torch's, so a seed writes another text here than in Python.
 * @param {number} seed
 */
export function chanceOf(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** @param {Sampling} sampling @returns {string} what is wrong with it, or nothing */
export function problemOf({ temperature = 1, top_k = 0, top_p = 1, max_new_tokens = 1 }) {
    if (!(temperature > 0))
        return "temperature must be above 0; for the likeliest token each time, choose greedy";
    if (!(top_p > 0 && top_p <= 1)) return "top_p must be above 0 and at most 1";
    if (!(Number.isInteger(top_k) && top_k >= 0)) return "top_k must be a whole number, 0 for all";
    if (!(Number.isInteger(max_new_tokens) && max_new_tokens > 0))
        return "max_new_tokens must be a whole number, at least 1";
    return "";
}
