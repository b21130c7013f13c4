// The weights of a model out of a safetensors file: checked first, then read as 32-bit floats.

import { LARGEST_HEADER, headerLength } from "./header.js";
/** @typedef {{dtype: string, shape: number[], begin: number, end: number}} Tensor */

const WIDTHS = /** @type {Record<string, number>} */ ({ F32: 4, F16: 2, BF16: 2 });

export class ModelError extends Error {}

/** A safetensors file: what it says it holds has been held against what is there. */
export class Weights {
    /** @param {ArrayBuffer} file */
    constructor(file) {
        if (file.byteLength < 8) throw broken("it ends before its header");
        const length = headerLength(new DataView(file));
        if (length > Math.min(LARGEST_HEADER, file.byteLength - 8)) {
            throw broken(`its header would be ${length.toLocaleString("en")} bytes long`);
        }
        this.file = file;
        this.start = 8 + length;
        this.tensors = checkHeader(
            parse(new Uint8Array(file, 8, length)),
            file.byteLength - this.start,
        );
    }

    /** @param {string} name @returns {Float32Array} */
    read(name) {
        const tensor = /** @type {Tensor} */ (this.tensors.get(name));
        const from = this.start + tensor.begin;
        const bytes = this.file.slice(from, this.start + tensor.end);
        const wide = tensor.dtype === "F32" ? new Float32Array(bytes) : widen(bytes, tensor.dtype);
        return whole(name, wide);
    }

    /** Gives the file's memory back, at once where the browser can. */
    close() {
        /** @type {any} */ (this.file).transfer?.(0);
    }
}

/** The numbers, if all of them are some. @param {string} name @param {Float32Array} numbers */
function whole(name, numbers) {
    for (let i = 0; i < numbers.length; i++) {
        if (numbers[i] - numbers[i] !== 0) {
            throw broken(`${name} holds ${numbers[i]} at place ${i}`);
        }
    }
    return numbers;
}

/** @param {string} reason */
function broken(reason) {
    return new ModelError(`this is no whole safetensors file: ${reason}`);
}

/** @param {Uint8Array} bytes @returns {Record<string, any>} */
function parse(bytes) {
    let header;
    try {
        header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
        throw broken("its header is not JSON");
    }
    if (header === null || typeof header !== "object" || Array.isArray(header)) {
        throw broken("its header is not an object");
    }
    return header;
}

/** @param {Record<string, any>} header @param {number} size @returns {Map<string, Tensor>} */
function checkHeader(header, size) {
    /** @type {Map<string, Tensor>} */
    const tensors = new Map();
    for (const [name, entry] of Object.entries(header)) {
        if (name === "__metadata__") continue;
        const { dtype, shape, data_offsets: offsets } = entry ?? {};
        if (!Object.hasOwn(WIDTHS, dtype)) {
            throw new ModelError(
                `${name} is stored as ${dtype}; F32, F16 and BF16 can be read here`,
            );
        }
        if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
            throw broken(`the entry of ${name} is not one`);
        }
        const [begin, end] = offsets;
        const wanted = shape.reduce(
            (/** @type {number} */ a, /** @type {number} */ b) => a * b,
            WIDTHS[dtype],
        );
        if (begin > end || end > size || end - begin !== wanted) {
            throw broken(`${name} of shape [${shape}] lies at ${begin} to ${end} of ${size} bytes`);
        }
        tensors.set(name, { dtype, shape, begin, end });
    }
    let behind = 0;
    for (const [name, { begin, end }] of [...tensors].sort(
        (a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end,
    )) {
        if (begin !== behind)
            throw broken(`${name} begins at ${begin} and the one before it ends at ${behind}`);
        behind = end;
    }
    if (behind !== size) throw broken(`its tensors end at ${behind} of ${size} bytes`);
    return tensors;
}

/** @param {any} list */
function isSizes(list) {
    return (
        Array.isArray(list) &&
        list.length < 9 &&
        list.every((n) => Number.isSafeInteger(n) && n >= 0)
    );
}

/** 16-bit floats of either kind. @param {ArrayBuffer} bytes @param {string} dtype */
function widen(bytes, dtype) {
    const short = new Uint16Array(bytes);
    const numbers = new Float32Array(short.length);
    if (dtype === "BF16") {
        const bits = new Uint32Array(numbers.buffer);
        for (let i = 0; i < short.length; i++) bits[i] = short[i] << 16; // the upper half
    } else {
        halves ??= Float32Array.from({ length: 1 << 16 }, (_, i) => half(i));
        for (let i = 0; i < short.length; i++) numbers[i] = halves[short[i]];
    }
    return numbers;
}

/** @type {Float32Array | undefined} */
let halves;

/** 1 sign, 5 bits of exponent, 10 of fraction. @param {number} bits */
function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}
