// The parts of a model, taken out of its file: every tensor that the shape asks for, and no other.

import { Fast } from "./simd.js";
import { ModelError } from "./weights.js";
/** @typedef {import("./shape.js").Shape} Shape */
/** @typedef {import("./weights.js").Weights} Weights */

/**
 * A matrix of `to` rows; `fast` holds it where it is multiplied at once by fours.
 * @typedef {{weight: Float32Array, bias: Float32Array | null, from: number, to: number,
 *   fast: Fast | null}} Linear
 */
/** @typedef {{weight: Float32Array | null, bias: Float32Array | null}} Norm */
/**
 * @typedef {{attnNorm: Norm | null, q: Linear, k: Linear, v: Linear, o: Linear,
 *   distanceBias: Float32Array | null, mlpNorm: Norm | null,
 *   gate: Linear | null, up: Linear | null, down: Linear | null}} Block
 */
/**
 * @typedef {{embed: Float32Array, positions: Float32Array | null, blocks: Block[],
 *   norm: Norm | null, head: Linear}} Parts
 */
/**
 * Of one tensor by our name for it, of these sizes.
 * @typedef {(name: string, ...sizes: number[]) => Float32Array} Take
 */
/**
 * Keeps a matrix where it is multiplied.
 * @typedef {(weight: Float32Array, from: number, to: number) => Linear} Hold
 */

/** @param {Shape} shape @param {Weights} weights @returns {Parts} */
export function takeParts(shape, weights) {
    const names = Names[/** @type {keyof typeof Names} */ (shape.kind)](weights);
    /** @type {Set<string>} */
    const taken = new Set();
    /** @type {{from: number, to: number}[]} */
    const matrices = [];
    /** @type {Take} */
    const look = (name, ...sizes) => {
        const { theirs, count, turned } = names(name);
        const [first, ...rest] = sizes;
        const wanted = turned ? [...rest, first * count] : [first * count, ...rest];
        const found = weights.tensors.get(theirs)?.shape;
        if (found === undefined || found.join() !== wanted.join()) {
            const has = found === undefined ? "is not there" : `has shape [${found}]`;
            throw new ModelError(
                `its weights do not fit its config: ${theirs} ${has} and should have [${wanted}]`,
            );
        }
        taken.add(theirs);
        return new Float32Array(0);
    };
    // A first walk reads nothing: what does not fit is refused before memory is asked for.
    build(shape, look, (weight, from, to) => {
        matrices.push({ from, to });
        return { weight, bias: null, from, to, fast: null };
    });
    for (const name of weights.tensors.keys()) {
        const copy = shape.tie_word_embeddings && name === "lm_head.weight";
        const mask = shape.kind === "gpt2" && /attn\.(masked_)?bias$/.test(name);
        if (!taken.has(name) && !copy && !mask) {
            throw new ModelError(`its weights do not fit its config: nothing is asked of ${name}`);
        }
    }
    const fast = Fast.of(matrices);
    /** @type {Take} */
    const read = (name, ...sizes) => {
        const { theirs, part, count, turned } = names(name);
        const all = weights.read(theirs);
        return count === 1 && !turned ? all : cut(all, sizes[0], sizes[1] ?? 1, part, count);
    };
    return build(shape, read, (weight, from, to) => {
        const placed = fast?.place(weight, { from, to }) ?? null;
        return { weight: placed ?? weight, bias: null, from, to, fast: placed && fast };
    });
}

/** @param {Shape} shape @param {Take} take @param {Hold} hold @returns {Parts} */
function build(shape, take, hold) {
    const { hidden_size: width, intermediate_size: inner, vocab_size: vocabulary } = shape;
    const shared = (width / shape.num_attention_heads) * shape.num_key_value_heads;

    /** @type {(name: string, from: number, to: number, bias?: boolean) => Linear} */
    const linear = (name, from, to, bias = shape.bias) => {
        const matrix = hold(take(`${name}.weight`, to, from), from, to);
        return { ...matrix, bias: bias ? take(`${name}.bias`, to) : null };
    };
    /** @type {(name: string) => Norm} */
    const norm = (name) => ({
        weight: shape.norm_type === "bare" ? null : take(`${name}.weight`, width),
        bias: shape.norm_type === "layer" ? take(`${name}.bias`, width) : null,
    });
    const none = { weight: new Float32Array(0), bias: null, from: 0, to: 0, fast: null };
    /** @type {(name: string, from: number, to: number) => Linear} */
    const asks = (name, from, to) => (shape.mixer === "attention" ? linear(name, from, to) : none);
    const normed = shape.norm_position !== "none";

    const table = take("model.embed_tokens.weight", vocabulary, width);
    const tied = shape.tie_word_embeddings ? hold(table, width, vocabulary) : null;
    const embed = tied?.weight ?? table;
    const learned = shape.position_embedding === "learned";
    const positions = learned
        ? take("model.embed_positions.weight", shape.max_position_embeddings, width)
        : null;
    /** @type {Block[]} */
    const blocks = [];
    for (let i = 0; i < shape.num_hidden_layers; i++) {
        const name = `model.layers.${i}`;
        const relative = shape.position_embedding === "relative";
        blocks.push({
            attnNorm: normed ? norm(`${name}.attn_norm`) : null,
            q: asks(`${name}.attn.q_proj`, width, width),
            k: asks(`${name}.attn.k_proj`, width, shared),
            v: asks(`${name}.attn.v_proj`, width, shared),
            o: asks(`${name}.attn.o_proj`, width, width),
            distanceBias: relative
                ? take(
                      `${name}.attn.distance_bias.weight`,
                      shape.max_position_embeddings,
                      shape.num_attention_heads,
                  )
                : null,
            mlpNorm: normed && inner ? norm(`${name}.mlp_norm`) : null,
            gate:
                inner && shape.hidden_act === "swiglu"
                    ? linear(`${name}.mlp.gate_proj`, width, inner)
                    : null,
            up: inner ? linear(`${name}.mlp.up_proj`, width, inner) : null,
            down: inner ? linear(`${name}.mlp.down_proj`, inner, width) : null,
        });
    }
    const last = shape.norm_position === "before" ? norm("model.norm") : null;
    const head = tied ?? linear("lm_head", width, vocabulary, shape.head_bias);
    return { embed, positions, blocks, norm: last, head };
}

/**
 * Where a tensor of ours lies in their file: under which name, which part of how many, turned or
 * not.
 * @typedef {{theirs: string, part: number, count: number, turned: boolean}} Place
 */

const Names = {
    /** @returns {(name: string) => Place} */
    tinygpt: () => (name) => ({ theirs: name, part: 0, count: 1, turned: false }),

    /** @returns {(name: string) => Place} */
    llama: () => (name) => {
        const theirs = name
            .replace("attn_norm", "input_layernorm")
            .replace("mlp_norm", "post_attention_layernorm")
            .replace(".attn.", ".self_attn.");
        return { theirs, part: 0, count: 1, turned: false };
    },

    /**
     * GPT-2 keeps q, k and v in one matrix, and its matrices the other way round.
     * @param {Weights} weights
     * @returns {(name: string) => Place}
     */
    gpt2: (weights) => (name) => {
        const part = ["q_proj", "k_proj", "v_proj"].findIndex((each) => name.includes(each));
        const theirs = name
            .replace("model.embed_tokens", "wte")
            .replace("model.embed_positions", "wpe")
            .replace("model.norm", "ln_f")
            .replace("model.layers", "h")
            .replace("attn_norm", "ln_1")
            .replace("mlp_norm", "ln_2")
            .replace("o_proj", "c_proj")
            .replace(/[qkv]_proj/, "c_attn")
            .replace("up_proj", "c_fc")
            .replace("down_proj", "c_proj");
        const bare = weights.tensors.has("wte.weight") || theirs.startsWith("lm_head");
        const turned = theirs.includes(".c_") && theirs.endsWith("weight");
        return {
            theirs: bare ? theirs : `transformer.${theirs}`,
            part: Math.max(0, part),
            count: part < 0 ? 1 : 3,
            turned,
        };
    },
};

/**
 * One of several parts of a matrix that is stored with its columns as rows; or of a vector.
 * @param {Float32Array} all
 * @param {number} to
 * @param {number} from
 * @param {number} part
 * @param {number} count
 */
function cut(all, to, from, part, count) {
    const own = new Float32Array(to * from);
    for (let i = 0; i < from; i++) {
        for (let o = 0; o < to; o++) own[o * from + i] = all[i * to * count + part * to + o];
    }
    return own;
}
