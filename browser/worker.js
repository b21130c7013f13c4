// What runs beside the page: one model, asked by messages, so that the page stays alive.

import { Cache, Model, Reader } from "./model.js";
import { softmax } from "./numbers.js";
import { chanceOf, choose, problemOf } from "./sampling.js";
import { TextStream, Tokenizer } from "./tokenizer.js";
import { ModelError, Weights } from "./weights.js";
/** @typedef {import("./sampling.js").Sampling} Sampling */

const LONGEST_WINDOW = 1024; // tokens; models that take more read a text in windows of this
const READS = 256,
    SHOWS = 48; // tokens, of the attention

/** A model and how its texts begin and end. */
class Player {
    /** @param {any} given config, tokenizer, weights, begin, ends, chat */
    constructor({ config, tokenizer, weights, begin, ends, chat }) {
        this.model = new Model(config, new Weights(weights));
        this.tokenizer = new Tokenizer(tokenizer, this.model.shape.vocab_size);
        this.begin = begin;
        this.ends = new Set(ends);
        const [user, assistant] = ["<|user|>", "<|assistant|>"].map((name) =>
            this.tokenizer.specials.get(name),
        );
        this.turns =
            chat && user !== undefined && assistant !== undefined ? [user, assistant] : null;
        /** @type {Map<number, Generator<any, any, void>>} */
        this.tasks = new Map(); // what takes long, under way
    }

    /** The ids of a prompt, as this model was taught to see it. @param {string} prompt */
    frame(prompt) {
        const ids = this.tokenizer.encode(prompt);
        if (this.turns) return [this.turns[0], ...ids, this.turns[1]];
        if (this.begin !== null) return [this.begin, ...ids];
        if (!ids.length)
            throw new ModelError(
                "the prompt is empty, and this model has no token that begins a text",
            );
        return ids;
    }

    /**
     * Writes on, token by token; at last why it ended.
     * @param {{prompt: string, sampling: Sampling}} given
     */
    *write({ prompt, sampling }) {
        const problem = problemOf(sampling);
        if (problem) throw new ModelError(problem);
        const ids = this.frame(prompt),
            first = ids.length;
        const chance = chanceOf(sampling.seed ?? 0);
        const reader = new Reader(this.model),
            stream = new TextStream(this.tokenizer);
        while (ids.length - first < (sampling.max_new_tokens ?? 200)) {
            const token = choose(reader.next(ids), sampling, chance);
            if (this.ends.has(token)) {
                yield { text: stream.end(), tokens: 0 };
                return "it ended its text";
            }
            ids.push(token);
            yield { text: stream.put(token), tokens: 1 };
        }
        yield { text: stream.end(), tokens: 0 };
        return "as long as asked";
    }

    /**
     * What each token of a text cost in bits, as tinygpt_hf/scoring.py reckons it.
     * @param {{text: string}} given
     */
    *surprise({ text }) {
        const { ids, ends } = this.tokenizer.cut(text);
        if (!ids.length) throw new ModelError("there is no text");
        const unknown = ids.indexOf(this.tokenizer.unknown ?? -1);
        if (unknown >= 0) {
            const strange = JSON.stringify(text.slice(ends[unknown - 1] ?? 0, ends[unknown]));
            throw new ModelError(
                `${strange} is not in this model's vocabulary, so the text cannot be scored`,
            );
        }
        const { shape } = this.model;
        const all = this.begin === null ? ids : [this.begin, ...ids];
        const extra = all.length - ids.length;
        /** @type {(token: number, bits: number) => {text: string, bits: number}} */
        const piece = (token, bits) => ({
            text: text.slice(ends[token - 1] ?? 0, ends[token]),
            bits,
        });
        if (!extra) yield piece(0, Math.log2(shape.vocab_size)); // a blind guess
        const window = Math.min(LONGEST_WINDOW, this.model.window);
        for (let done = 1; done < all.length;) {
            const end = Math.min(
                all.length,
                done + (done === 1 ? window : Math.max(1, Math.floor(window / 2))),
            );
            const start = Math.max(0, end - 1 - window),
                cache = new Cache(this.model);
            for (let at = start; at < end - 1; at += 64) {
                const last = Math.min(at + 64, end - 1);
                const x = this.model.forward(all.slice(at, last), cache);
                for (let next = Math.max(at + 1, done); next <= last; next++) {
                    const row = (next - 1 - at) * shape.hidden_size;
                    const odds = this.model.logits(x.subarray(row, row + shape.hidden_size));
                    const top = odds.reduce((a, b) => Math.max(a, b), -Infinity);
                    const sum = odds.reduce((a, b) => a + Math.exp(b - top), 0);
                    yield piece(next - extra, (Math.log(sum) + top - odds[all[next]]) / Math.LN2);
                }
            }
            done = end;
        }
        return extra
            ? "predicted from the token that begins a text"
            : "a blind guess among the vocabulary";
    }

    /**
     * The likeliest next tokens, and which one was ahead behind each block.
     * @param {{prompt: string, temperature: number, count: number}} given
     */
    odds({ prompt, temperature, count }) {
        const ids = this.frame(prompt),
            { shape } = this.model;
        /** @type {Float32Array[]} */
        const streams = [];
        const look = {
            stream: (/** @type {number} */ block, /** @type {Float32Array} */ x) =>
                (streams[block] = x.slice(-shape.hidden_size)),
        };
        const logits = new Reader(this.model, look).next(ids);
        const odds = this.likeliest(logits, temperature, count);
        const lens = streams.map(
            (x) =>
                this.likeliest(
                    this.model.logits(this.model.norm(x, this.model.parts.norm)),
                    1,
                    1,
                )[0],
        );
        return { odds, lens };
    }

    /**
     * @param {Float32Array} logits
     * @param {number} temperature
     * @param {number} count
     * @returns {[string, number][]}
     */
    likeliest(logits, temperature, count) {
        const odds = logits.map((score) => score / temperature);
        softmax(odds);
        const order = [...odds.keys()].sort((a, b) => odds[b] - odds[a]).slice(0, count);
        return order.map((id) => [this.tokenizer.nameOf(id), odds[id]]);
    }

    /**
     * Where each head looks: a triangle of weights over the last tokens.
     * @param {{prompt: string}} given
     */
    attention({ prompt }) {
        const { num_hidden_layers: blocks, num_attention_heads: heads } = this.model.shape;
        if (!blocks)
            throw new ModelError("this model has no attention to show: it looks at one token only");
        const ids = this.frame(prompt).slice(-Math.min(this.model.window, READS));
        const names = ids.slice(-SHOWS).map((id) => this.tokenizer.nameOf(id));
        const count = names.length,
            skipped = ids.length - count;
        const weights = new Float32Array(blocks * heads * count * count);
        /** @type {import("./model.js").Look} */
        const look = {
            attention(block, head, at, from, row) {
                const line = ((block * heads + head) * count + at - skipped) * count;
                if (at < skipped) return;
                for (let p = Math.max(from, skipped); p <= at; p++)
                    weights[line + p - skipped] = row[p - from];
            },
        };
        this.model.forward(ids, new Cache(this.model), look);
        return { names, blocks, heads, weights };
    }

    /** @param {{text: string}} given */
    encode({ text }) {
        return this.tokenizer.encode(text);
    }

    /** The scores behind the last of these ids. @param {{ids: number[]}} given */
    logits({ ids }) {
        const size = this.model.shape.vocab_size;
        const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= size);
        if (wrong !== undefined)
            throw new ModelError(
                `${wrong} is no id of this vocabulary, which has 0 to ${size - 1}`,
            );
        if (!ids.length) throw new ModelError("there are no ids");
        return new Reader(this.model).next(ids);
    }

    /**
     * Begins what takes long.
     * @param {{task: number, what: "write" | "surprise", given: any}} given
     */
    start({ task, what, given }) {
        this.tasks.set(task, this[what](given));
    }

    /**
     * Goes on with it for a while: what came, and at last how it ended.
     * @param {{task: number, milliseconds: number}} given
     */
    more({ task, milliseconds }) {
        const until = performance.now() + milliseconds,
            pieces = [];
        const running = this.tasks.get(task);
        while (running) {
            const { value, done } = running.next();
            if (done) {
                this.tasks.delete(task);
                return { pieces, ended: value };
            }
            pieces.push(value);
            if (performance.now() > until) break;
        }
        return { pieces, ended: null };
    }

    /** @param {{task: number}} given */
    stop({ task }) {
        this.tasks.delete(task);
    }
}

/** The weights as they come out of the page's file, in pieces. */
class Arriving {
    /** @param {number} bytes */
    constructor(bytes) {
        this.file = new Uint8Array(bytes);
        this.filled = 0;
    }

    /** @param {{piece: ArrayBuffer, size: number}} given */
    take({ piece, size }) {
        this.file.set(new Uint8Array(piece, 0, size), this.filled);
        this.filled += size;
        return piece;
    }

    get whole() {
        const { length, buffer } = this.file;
        if (this.filled === length) return buffer;
        throw new ModelError(`${this.filled} of ${length} bytes are here`);
    }
}

let arriving = new Arriving(0);
/** @type {any} */
let player;

self.onmessage = ({ data: { id, what, given } }) => {
    /** @type {any} */
    let answer = { id };
    try {
        if (what === "room") arriving = new Arriving(given.bytes);
        else if (what === "piece") answer.value = arriving.take(given);
        else if (what === "load") {
            player = new Player({ ...given, weights: given.weights ?? arriving.whole });
            arriving = new Arriving(0);
        } else answer.value = player[what](given);
    } catch (error) {
        // What is not ours to explain is still said: a page without a word would be worse.
        const reason = error instanceof Error ? error.message : String(error);
        answer.error = error instanceof ModelError ? reason : `the model stopped: ${reason}`;
    }
    const moved = answer.value instanceof ArrayBuffer ? [answer.value] : [];
    self.postMessage(answer, { transfer: moved });
};
