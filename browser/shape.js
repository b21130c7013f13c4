// The shape of a model out of its config.json: TinyGPT's own, GPT-2's and Llama's, as one.

import { ModelError } from "./weights.js";

/**
 * What the forward pass needs to know. The names are those of TinyGPTConfig.
 * @typedef {{
 *   kind: string, vocab_size: number, hidden_size: number, intermediate_size: number,
 *   num_hidden_layers: number, num_attention_heads: number, num_key_value_heads: number,
 *   max_position_embeddings: number, mixer: string, position_embedding: string, rope_theta: number,
 *   norm_type: string, norm_position: string, layer_norm_eps: number, residual: boolean,
 *   hidden_act: string, bias: boolean, head_bias: boolean, tie_word_embeddings: boolean,
 *   eos_token_id: number | number[] | null,
 * }} Shape
 */

const CHOICES = /** @type {Record<string, string[]>} */ ({
    mixer: ["attention", "mean"],
    position_embedding: ["learned", "sinusoidal", "rotary", "relative", "none"],
    norm_type: ["layer", "bare", "rms"],
    norm_position: ["before", "after", "none"],
    hidden_act: ["relu", "relu2", "gelu", "gelu_new", "swiglu"],
});
const LEAST = /** @type {Record<string, number>} */ ({
    vocab_size: 1,
    hidden_size: 1,
    intermediate_size: 0,
    num_hidden_layers: 0,
    num_attention_heads: 1,
    num_key_value_heads: 1,
    max_position_embeddings: 1,
});
const SWITCHES = ["residual", "bias", "head_bias", "tie_word_embeddings"];
const DEFAULTS = {
    mixer: "attention",
    position_embedding: "relative",
    rope_theta: 10000,
    norm_type: "bare",
    norm_position: "before",
    layer_norm_eps: 1e-5,
    residual: true,
    hidden_act: "relu2",
    bias: false,
    head_bias: false,
    tie_word_embeddings: false,
    eos_token_id: null,
};

/** @param {any} config @returns {Shape} */
export function readShape(config) {
    if (config === null || typeof config !== "object")
        throw new ModelError("its config is not an object");
    const readers = { tinygpt: fromTinyGPT, gpt2: fromGPT2, llama: fromLlama };
    const kind = String(config.model_type);
    if (!Object.hasOwn(readers, kind)) {
        throw new ModelError(
            `its config says model_type "${kind}"; tinygpt, gpt2 and llama can be read here`,
        );
    }
    const read = readers[/** @type {keyof typeof readers} */ (kind)];
    return check({ ...DEFAULTS, ...read(config), kind, eos_token_id: config.eos_token_id ?? null });
}

/** @param {any} config */
function fromTinyGPT(config) {
    const given = Object.keys({ ...LEAST, ...DEFAULTS }).filter((name) => config[name] != null);
    const fields = Object.fromEntries(given.map((name) => [name, config[name]]));
    return {
        intermediate_size: 4 * config.hidden_size,
        num_key_value_heads: config.num_attention_heads,
        ...fields,
    };
}

/** @param {any} config */
function fromGPT2(config) {
    need(config, "scale_attn_weights", true);
    need(config, "scale_attn_by_inverse_layer_idx", false);
    need(config, "reorder_and_upcast_attn", false);
    need(config, "add_cross_attention", false);
    return {
        vocab_size: config.vocab_size,
        hidden_size: config.n_embd,
        intermediate_size: config.n_inner ?? 4 * config.n_embd,
        num_hidden_layers: config.n_layer,
        num_attention_heads: config.n_head,
        num_key_value_heads: config.n_head,
        max_position_embeddings: config.n_positions,
        position_embedding: "learned",
        norm_type: "layer",
        layer_norm_eps: config.layer_norm_epsilon ?? 1e-5,
        hidden_act: config.activation_function ?? "gelu_new",
        bias: true,
        tie_word_embeddings: config.tie_word_embeddings ?? true,
    };
}

/** @param {any} config */
function fromLlama(config) {
    const rope = config.rope_parameters ?? config.rope_scaling ?? {};
    need(rope, "rope_type", "default");
    need(config, "hidden_act", "silu");
    need(config, "mlp_bias", config.attention_bias ?? false);
    need(config, "head_dim", config.hidden_size / config.num_attention_heads);
    return {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        num_key_value_heads: config.num_key_value_heads ?? config.num_attention_heads,
        max_position_embeddings: config.max_position_embeddings,
        position_embedding: "rotary",
        rope_theta: rope.rope_theta ?? config.rope_theta ?? 10000,
        norm_type: "rms",
        layer_norm_eps: config.rms_norm_eps ?? 1e-6,
        hidden_act: "swiglu",
        bias: config.attention_bias ?? false,
        tie_word_embeddings: config.tie_word_embeddings ?? false,
    };
}

/** @param {any} config @param {string} name @param {any} value */
function need(config, name, value) {
    if ((config[name] ?? value) !== value) {
        throw new ModelError(
            `its config says ${name} ${JSON.stringify(config[name])}; only ${value} can be read here`,
        );
    }
}

/** @param {any} shape @returns {Shape} */
function check(shape) {
    /** @type {(name: string, wanted: string) => never} */
    const refuse = (name, wanted) => {
        throw new ModelError(
            `its config says ${name} ${JSON.stringify(shape[name])}; it must be ${wanted}`,
        );
    };
    for (const [name, choices] of Object.entries(CHOICES)) {
        if (!choices.includes(shape[name])) refuse(name, `one of ${choices.join(", ")}`);
    }
    for (const [name, least] of Object.entries(LEAST)) {
        const isSize =
            Number.isSafeInteger(shape[name]) && shape[name] >= least && shape[name] < 2 ** 31;
        if (!isSize) refuse(name, `a whole number, at least ${least}`);
    }
    for (const name of SWITCHES) {
        if (typeof shape[name] !== "boolean") refuse(name, "true or false");
    }
    for (const name of ["rope_theta", "layer_norm_eps"]) {
        if (!(shape[name] > 0 && shape[name] < Infinity)) refuse(name, "a finite number above 0");
    }
    const width = shape.hidden_size / shape.num_attention_heads;
    if (!Number.isInteger(width)) refuse("hidden_size", "a multiple of num_attention_heads");
    if (shape.num_attention_heads % shape.num_key_value_heads)
        refuse("num_attention_heads", "a multiple of num_key_value_heads");
    if (shape.position_embedding === "rotary" && width % 2)
        refuse("hidden_size", "even for each head");
    if (shape.position_embedding === "sinusoidal" && shape.hidden_size % 2)
        refuse("hidden_size", "even");
    if (shape.mixer === "mean" && shape.num_attention_heads > 1)
        refuse("num_attention_heads", "1 with a mean");
    if (shape.num_hidden_layers && shape.max_position_embeddings < 2)
        refuse("max_position_embeddings", "at least 2");
    if (shape.head_bias && shape.tie_word_embeddings)
        refuse("head_bias", "false where the head is tied");
    return shape;
}
