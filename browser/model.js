// TinyGPT: one decoder, from a bigram to GPT-2 and Llama. What modeling_tinygpt.py computes, in
// plain JavaScript, one text at a time.
//
// A token becomes a vector, blocks of attention and MLP add to it, a linear head scores what is
// next. Text longer than the window keeps going: where positions end with the window (learned,
// sinusoidal) the last window is read again from position 0; elsewhere attention slides.
//
// Shapes in comments: T tokens, C width, H heads, G groups of heads that share keys, D width of a
// head, V vocabulary.

import { BEND, multiply, softmax, turn } from "./numbers.js";
import { takeParts } from "./parts.js";
import { readShape } from "./shape.js";
/** @typedef {import("./parts.js").Linear} Linear */
/** @typedef {import("./parts.js").Norm} Norm */
/** @typedef {import("./weights.js").Weights} Weights */
/**
 * Whoever wants to look inside: `stream` gets the T C numbers behind the embedding (0) and behind
 * each block (1 and on), `attention` the weights of a head over the tokens from `from` to `at`.
 * @typedef {{stream?: (block: number, x: Float32Array) => void, attention?: (block: number,
 *   head: number, at: number, from: number, weights: Float32Array) => void}} Look
 */
/** One reading: what was read before, and who looks on. @typedef {{cache: Cache, look: Look}} Pass */

const CHUNK = 64; // tokens read at once

export class Model {
    /** @param {any} config @param {Weights} weights */
    constructor(config, weights) {
        this.shape = readShape(config);
        this.parts = takeParts(this.shape, weights);
        weights.close();
        this.window = this.shape.max_position_embeddings;
        this.recomputes = ["learned", "sinusoidal"].includes(this.shape.position_embedding);
        this.headWidth = this.shape.hidden_size / this.shape.num_attention_heads;
    }

    /** How many tokens back anything can still change the next one: a window a block. */
    get reach() {
        return this.window * (this.recomputes ? 1 : Math.max(1, this.shape.num_hidden_layers));
    }

    /**
     * Reads tokens that go on from what the cache has seen; the stream behind the last norm, T C.
     * @param {ArrayLike<number>} ids @param {Cache} cache @param {Look} [look]
     */
    forward(ids, cache, look = {}) {
        const first = cache.length;
        cache.makeRoom(ids.length);
        /** @type {Float32Array} */
        let x = this.embed(ids, first);
        look.stream?.(0, x);
        for (let i = 0; i < this.parts.blocks.length; i++) {
            x = this.block(x, i, { cache, look });
            look.stream?.(i + 1, x);
        }
        cache.length += ids.length;
        return this.norm(x, this.parts.norm);
    }

    /** Scores of the whole vocabulary, T V. @param {Float32Array} x */
    logits(x) {
        return multiply(this.parts.head, x);
    }

    /**
     * Tokens as vectors, and where they stand.
     * @param {ArrayLike<number>} ids
     * @param {number} first
     */
    embed(ids, first) {
        const { hidden_size: width, position_embedding: kind } = this.shape;
        const x = new Float32Array(ids.length * width); // T C
        for (let t = 0; t < ids.length; t++) {
            const token = this.parts.embed.subarray(ids[t] * width, (ids[t] + 1) * width);
            x.set(token, t * width);
            if (kind === "learned") {
                const position = /** @type {Float32Array} */ (this.parts.positions);
                for (let c = 0; c < width; c++)
                    x[t * width + c] += position[(first + t) * width + c];
            } else if (kind === "sinusoidal") {
                for (let c = 0; c < width; c += 2) {
                    const angle = turn(first + t, c / width, 10000);
                    x[t * width + c] += Math.sin(angle);
                    x[t * width + c + 1] += Math.cos(angle);
                }
            }
        }
        return x;
    }

    /**
     * Look around, then think; each adds to the stream (or replaces it, without residual).
     * @param {Float32Array} x @param {number} i @param {Pass} pass
     */
    block(x, i, pass) {
        const block = this.parts.blocks[i];
        if (this.shape.norm_position === "after") {
            x = this.norm(this.join(x, this.attention(x, i, pass)), block.attnNorm);
            return block.up ? this.norm(this.join(x, this.mlp(x, block)), block.mlpNorm) : x;
        }
        x = this.join(x, this.attention(this.norm(x, block.attnNorm), i, pass));
        return block.up ? this.join(x, this.mlp(this.norm(x, block.mlpNorm), block)) : x;
    }

    /** @param {Float32Array} stream @param {Float32Array} written */
    join(stream, written) {
        return this.shape.residual ? stream.map((number, i) => number + written[i]) : written;
    }

    /**
     * Each token asks (query), every earlier one answers (key) and is heard (value).
     * @param {Float32Array} x @param {number} i @param {Pass} pass
     */
    attention(x, i, pass) {
        const { cache } = pass;
        const block = this.parts.blocks[i];
        if (this.shape.mixer === "mean") {
            // Attention that asks nothing, so all in reach weigh the same.
            cache.write(i, x, x);
            return this.mix(new Float32Array(x.length), i, pass);
        }
        const query = multiply(block.q, x); // T H D
        const key = multiply(block.k, x); // T G D
        if (this.shape.position_embedding === "rotary") {
            this.rotate(query, this.shape.num_attention_heads, cache.length);
            this.rotate(key, this.shape.num_key_value_heads, cache.length);
        }
        cache.write(i, key, multiply(block.v, x));
        return multiply(block.o, this.mix(query, i, pass));
    }

    /**
     * The values of the tokens in reach, weighed by how well their keys answer, T H D.
     * @param {Float32Array} query @param {number} i @param {Pass} pass
     */
    mix(query, i, { cache, look }) {
        const { distanceBias } = this.parts.blocks[i];
        const { num_attention_heads: heads, num_key_value_heads: groups } = this.shape;
        const wide = this.headWidth;
        const keys = cache.keys[i],
            values = cache.values[i],
            cells = cache.cells;
        const out = new Float32Array(query.length);
        for (let t = 0; t * heads * wide < query.length; t++) {
            const at = cache.length + t; // this token's position
            const from = Math.max(0, at - this.window + 1);
            const weights = new Float32Array(at - from + 1);
            for (let head = 0; head < heads; head++) {
                const start = (t * heads + head) * wide;
                const group = Math.floor((head * groups) / heads) * wide;
                for (let p = from; p <= at; p++) {
                    const cell = (p % cells) * groups * wide + group;
                    let score = 0;
                    for (let d = 0; d < wide; d++) score += query[start + d] * keys[cell + d];
                    score /= Math.sqrt(wide);
                    weights[p - from] = distanceBias
                        ? score + distanceBias[(at - p) * heads + head]
                        : score;
                }
                softmax(weights);
                for (let p = from; p <= at; p++) {
                    const cell = (p % cells) * groups * wide + group;
                    const weight = weights[p - from];
                    for (let d = 0; d < wide; d++) out[start + d] += weight * values[cell + d];
                }
                look.attention?.(i, head, at, from, weights);
            }
        }
        return out;
    }

    /**
     * Turns each pair of dimensions of each head by its position.
     * @param {Float32Array} x
     * @param {number} heads
     * @param {number} first
     */
    rotate(x, heads, first) {
        const wide = this.headWidth,
            half = wide / 2;
        for (let d = 0; d < half; d++) {
            for (let t = 0; t * heads * wide < x.length; t++) {
                const angle = turn(first + t, (2 * d) / wide, this.shape.rope_theta);
                const cos = Math.cos(angle),
                    sin = Math.sin(angle);
                for (let at = t * heads * wide + d; at < (t + 1) * heads * wide; at += wide) {
                    const left = x[at],
                        right = x[at + half];
                    x[at] = left * cos - right * sin;
                    x[at + half] = right * cos + left * sin;
                }
            }
        }
    }

    /** Each token for itself: widen, bend, narrow. @param {Float32Array} x @param {import("./parts.js").Block} block */
    mlp(x, block) {
        const wide = multiply(/** @type {Linear} */ (block.up), x); // T I
        const bend = BEND[this.shape.hidden_act];
        if (block.gate) {
            const gate = multiply(block.gate, x);
            for (let i = 0; i < wide.length; i++) wide[i] *= bend(gate[i]);
        } else {
            for (let i = 0; i < wide.length; i++) wide[i] = bend(wide[i]);
        }
        return multiply(/** @type {Linear} */ (block.down), wide);
    }

    /**
     * Every token's vector to mean 0 (but for rms) and length 1 a dimension, then gain and bias.
     * @param {Float32Array} x
     * @param {Norm | null} norm
     */
    norm(x, norm) {
        if (!norm) return x;
        const { hidden_size: width, norm_type: kind, layer_norm_eps: eps } = this.shape;
        const out = new Float32Array(x.length);
        for (let start = 0; start < x.length; start += width) {
            let sum = 0,
                squares = 0;
            if (kind !== "rms") for (let c = 0; c < width; c++) sum += x[start + c];
            const mean = sum / width;
            for (let c = 0; c < width; c++) squares += (x[start + c] - mean) ** 2;
            const scale = 1 / Math.sqrt(squares / width + eps);
            for (let c = 0; c < width; c++) {
                const gained = (x[start + c] - mean) * scale * (norm.weight ? norm.weight[c] : 1);
                out[start + c] = gained + (norm.bias ? norm.bias[c] : 0);
            }
        }
        return out;
    }
}

/** Keys and values of what was read: position p lies in cell p mod cells. */
export class Cache {
    /** @param {Model} model */
    constructor(model) {
        const { num_hidden_layers: blocks, num_key_value_heads: groups } = model.shape;
        this.row =
            model.shape.mixer === "mean" ? model.shape.hidden_size : groups * model.headWidth;
        this.most = model.window + CHUNK; // a chunk never writes where it still looks
        this.length = 0;
        this.cells = 0;
        this.keys = Array.from({ length: blocks }, () => new Float32Array(0));
        this.values = Array.from({ length: blocks }, () => new Float32Array(0));
    }

    /** @param {number} tokens */
    makeRoom(tokens) {
        const needed = Math.min(this.most, this.length + tokens);
        if (needed <= this.cells) return;
        this.cells = Math.min(this.most, Math.max(2 * this.cells, needed, 8 * CHUNK));
        for (const store of [this.keys, this.values]) {
            store.forEach((old, i) =>
                (store[i] = new Float32Array(this.cells * this.row)).set(old),
            );
        }
    }

    /** @param {number} block @param {Float32Array} keys @param {Float32Array} values */
    write(block, keys, values) {
        for (let t = 0; t * this.row < keys.length; t++) {
            const cell = ((this.length + t) % this.cells) * this.row;
            this.keys[block].set(keys.subarray(t * this.row, (t + 1) * this.row), cell);
            this.values[block].set(values.subarray(t * this.row, (t + 1) * this.row), cell);
        }
    }
}

/** A text that grows, each token of it read once as long as the model allows it. */
export class Reader {
    /** @param {Model} model @param {Look} [look] */
    constructor(model, look) {
        this.model = model;
        this.look = look;
        this.cache = new Cache(model);
        this.read = -1; // how many ids the cache has been through
    }

    /**
     * What may follow these ids, which begin with those of the call before: V scores.
     * @param {number[]} ids
     */
    next(ids) {
        const { model } = this;
        if (this.read < 0) this.read = Math.max(0, ids.length - model.reach); // no other is seen
        if (model.recomputes && ids.length > model.window) {
            this.cache = new Cache(model);
            this.read = ids.length - model.window;
        }
        /** @type {Float32Array} */
        let x = new Float32Array(0);
        for (; this.read < ids.length; this.read += CHUNK) {
            x = model.forward(ids.slice(this.read, this.read + CHUNK), this.cache, this.look);
        }
        this.read = ids.length;
        return model.logits(x.subarray(-model.shape.hidden_size));
    }
}
