// Text to token ids and back, as the tokenizers library does it with the tokenizer.json of our
// character and BPE tokenizers, of the seeds' closed vocabularies, and of GPT-2.

import { LETTERS, NUMBERS, SPACES } from "./letters.js";
import { ModelError } from "./weights.js";

// How our tokenizers cut words (byte_level.py). GPT-2's cut differs in white space alone.
const OURS =
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|[^\\S\\n]*\\n|[^\\S\\n]+(?!\\S)|[^\\S\\n]+";
const WIDEST = 1 << 21; // ids

/**
 * @typedef {{ids: number[], ends: number[]}} Encoding ids, and where in the text each token ends
 */

export class Tokenizer {
    /**
     * @param {any} file what tokenizer.json holds
     * @param {number} [size] of the model's vocabulary
     */
    constructor(file, size = WIDEST) {
        const model = file?.model ?? {};
        for (const name of ["normalizer", "truncation", "padding"]) {
            if (file?.[name]) refuse(`it has a ${name}`);
        }
        const kind = kindOf(file ?? {});
        this.isBytes = kind !== "characters";
        /** @type {Map<string, number>} */
        this.ids = new Map(Object.entries(model.vocab ?? {}));
        /** @type {Map<string, number>} */
        this.specials = new Map();
        for (const added of file.added_tokens ?? []) {
            if (added?.special !== true)
                refuse(`its added token ${JSON.stringify(added?.content)} is not special`);
            this.specials.set(String(added.content), added.id);
        }
        /** @type {Map<number, string>} */
        this.tokens = new Map();
        for (const [token, id] of [...this.ids, ...this.specials]) {
            if (!Number.isInteger(id) || id < 0 || id >= size) {
                refuse(
                    `it gives ${JSON.stringify(token)} the id ${id}; the model knows 0 to ${size - 1}`,
                );
            }
            this.tokens.set(id, token);
        }
        this.silent = new Set(this.specials.values()); // ids that are not written
        this.unknown = this.ids.get(model.unk_token);
        this.words = kind === "ours" ? OUR_WORDS : GPT2_WORDS;
        this.ranks = this.isBytes ? readMerges(model, this.ids) : new Map();
        /** @type {Map<string, {ids: number[], ends: number[]}>} */
        this.known = new Map(); // words that were cut before
    }

    /** @param {string} text @returns {number[]} */
    encode(text) {
        return this.cut(text).ids;
    }

    /**
     * Ids and, in UTF-16 units, where each ends; of those that share a character the first has it.
     * @param {string} text
     * @returns {Encoding}
     */
    cut(text) {
        checkText(text);
        /** @type {Encoding} */
        const found = { ids: [], ends: [] };
        if (!this.isBytes) this.cutCharacters(text, found);
        else for (const [word] of text.matchAll(this.words)) this.cutWord(word, found);
        if (found.ends.length) found.ends[found.ends.length - 1] = text.length;
        return found;
    }

    /** @param {string} text @param {Encoding} found */
    cutCharacters(text, found) {
        let at = 0;
        for (const character of text) {
            const id = this.ids.get(character) ?? this.unknown;
            if (id === undefined) {
                const known = [...this.ids.keys()].slice(0, 40).join("");
                throw new ModelError(
                    `${JSON.stringify(character)} at character ${at + 1} is not in this vocabulary: ${JSON.stringify(known)}`,
                );
            }
            at += character.length;
            found.ids.push(id);
            found.ends.push(at);
        }
    }

    /** @param {string} word @param {Encoding} found */
    cutWord(word, found) {
        let cut = this.known.get(word);
        if (!cut) {
            if (this.known.size > 20_000) this.known.clear();
            cut = this.merge(word);
            this.known.set(word, cut);
        }
        const start = found.ends.at(-1) ?? 0;
        for (let i = 0; i < cut.ids.length; i++) {
            found.ids.push(cut.ids[i]);
            found.ends.push(start + cut.ends[i]);
        }
    }

    /**
     * The pair of lowest rank becomes one, the leftmost first, until none is left.
     * @param {string} word
     */
    merge(word) {
        const letters = [...new TextEncoder().encode(word)].map((byte) => ALPHABET[byte]);
        const ids = letters.map(
            (letter) =>
                this.ids.get(letter) ??
                refuse(`it has no token for ${letter}, a byte of this text`),
        );
        const ends = byteEnds(word);
        const rank = (/** @type {number} */ i) =>
            this.ranks.get(ids[i])?.get(ids[i + 1])?.rank ?? Infinity;
        const ranks = ids.map((_, i) => rank(i));
        for (;;) {
            let best = 0;
            for (let i = 1; i < ranks.length; i++) if (ranks[i] < ranks[best]) best = i;
            const merge = ranks[best] < Infinity && this.ranks.get(ids[best])?.get(ids[best + 1]);
            if (!merge) return { ids, ends };
            ids.splice(best, 2, merge.id);
            ends.splice(best, 1);
            ranks.splice(best, 1);
            ranks[best] = rank(best);
            if (best) ranks[best - 1] = rank(best - 1);
        }
    }

    /** @param {number[]} ids */
    decode(ids) {
        const stream = new TextStream(this);
        return ids.map((id) => stream.put(id)).join("") + stream.end();
    }

    /** The bytes that a token stands for. @param {number} id */
    bytesOf(id) {
        const token = this.silent.has(id) ? "" : (this.tokens.get(id) ?? "");
        const bytes = this.isBytes ? [...token].map((letter) => BYTES.get(letter)) : [undefined];
        const known = bytes.every((byte) => byte !== undefined);
        return known
            ? Uint8Array.from(/** @type {number[]} */ (bytes))
            : new TextEncoder().encode(token);
    }

    /** A token as something to look at: its text, or its name. @param {number} id */
    nameOf(id) {
        return (
            new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.bytesOf(id)) ||
            (this.tokens.get(id) ?? `token ${id}`)
        );
    }
}

/** Ids in, text out as soon as it is final: half a character waits for its other half. */
export class TextStream {
    /** @param {Tokenizer} tokenizer */
    constructor(tokenizer) {
        this.tokenizer = tokenizer;
        this.decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    }

    /** @param {number} id */
    put(id) {
        return this.decoder.decode(this.tokenizer.bytesOf(id), { stream: true });
    }

    end() {
        return this.decoder.decode();
    }
}

/** @param {string} reason @returns {never} */
function refuse(reason) {
    throw new ModelError(`its tokenizer cannot be read here: ${reason}`);
}

/** Which of the tokenizers we know this is. @param {any} file */
function kindOf({ model = {}, pre_tokenizer: pre, decoder }) {
    const odd = [
        "dropout",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "ignore_merges",
        "byte_fallback",
    ];
    const cuts = pre?.type === "Sequence" ? pre.pretokenizers : [pre];
    const split = cuts?.[0]?.type === "Split" && cuts[0].behavior === "Isolated" && !cuts[0].invert;
    const regex = split ? cuts[0].pattern?.Regex : undefined;
    const bytes =
        cuts?.at(-1)?.type === "ByteLevel" && !cuts.at(-1).add_prefix_space
            ? cuts.at(-1)
            : undefined;
    if (
        model.type === "WordLevel" &&
        regex === "[\\s\\S]" &&
        cuts.length === 1 &&
        decoder?.type === "Fuse"
    )
        return "characters";
    if (
        model.type === "BPE" &&
        bytes &&
        decoder?.type === "ByteLevel" &&
        !odd.some((name) => model[name])
    ) {
        if (cuts.length === 2 && regex === OURS && bytes.use_regex === false) return "ours";
        if (cuts.length === 1 && bytes.use_regex !== false) return "gpt2";
    }
    return refuse(`${model.type} behind ${pre?.type} is none of ours and not GPT-2's`);
}

/**
 * For each pair of ids its rank and what it becomes.
 * @param {any} model
 * @param {Map<string, number>} ids
 */
function readMerges(model, ids) {
    /** @type {Map<number, Map<number, {rank: number, id: number}>>} */
    const ranks = new Map();
    if (!Array.isArray(model.merges)) refuse("its merges are no list");
    model.merges.forEach((/** @type {any} */ pair, /** @type {number} */ rank) => {
        const [left, right] = typeof pair === "string" ? pair.split(" ") : pair;
        const [a, b, both] = [ids.get(left), ids.get(right), ids.get(left + right)];
        if (a === undefined || b === undefined || both === undefined) {
            return refuse(
                `it merges ${JSON.stringify(left)} and ${JSON.stringify(right)}, which are not all in its vocabulary`,
            );
        }
        if (!ranks.has(a)) ranks.set(a, new Map());
        ranks.get(a)?.set(b, { rank, id: both });
    });
    return ranks;
}

/** @param {string} text */
function checkText(text) {
    const lone = text.search(
        /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/,
    );
    if (lone >= 0) {
        const code = text.charCodeAt(lone).toString(16).toUpperCase();
        const at = [...text.slice(0, lone)].length + 1;
        throw new ModelError(
            `the text holds a lone surrogate, U+${code}, at character ${at}: half a character, which nothing can write`,
        );
    }
}

/** For each byte of a text, where the character that it belongs to ends. @param {string} text */
function byteEnds(text) {
    const ends = [];
    let at = 0;
    for (const character of text) {
        at += character.length;
        const code = /** @type {number} */ (character.codePointAt(0));
        for (let i = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; i > 0; i--)
            ends.push(at);
    }
    return ends;
}

/** The ranges of a table as the inside of a regular expression's brackets. @param {string} table */
function inside(table) {
    const numbers = table.split(" ").map((number) => parseInt(number, 36));
    let at = 0,
        text = "";
    for (let i = 0; i < numbers.length; i += 2) {
        const first = at + numbers[i];
        at = first + numbers[i + 1];
        text += `\\u{${first.toString(16)}}-\\u{${(at - 1).toString(16)}}`;
    }
    return text;
}

const [letter, number, space] = [LETTERS, NUMBERS, SPACES].map(inside);
const blank = space.replace("\\u{9}-\\u{d}", "\\t\\v\\f\\r"); // white space but the line end
const word = `'(?:[sdmt]|ll|ve|re)| ?[${letter}]+| ?[${number}]+| ?[^${space}${letter}${number}]+`;
const OUR_WORDS = new RegExp(`${word}|[${blank}]*\\n|[${blank}]+(?![^${space}])|[${blank}]+`, "gu");
const GPT2_WORDS = new RegExp(`${word}|[${space}]+(?![^${space}])|[${space}]+`, "gu");

/** GPT-2's letters for bytes: those that print are themselves, the others follow from U+0100. */
const ALPHABET = /** @type {string[]} */ ([]);
for (let byte = 0, others = 0; byte < 256; byte++) {
    const prints = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    ALPHABET.push(String.fromCharCode(prints ? byte : 256 + others++));
}
const BYTES = new Map(ALPHABET.map((each, byte) => [each, byte]));
