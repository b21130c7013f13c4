// A safetensors file of 32 bits a number becomes one of 16 as it arrives, as in the exported page.

import { LARGEST_HEADER, headerLength } from "./header.js";

/** A number that 16 bits cannot hold. */
export class TooLarge extends Error {}

/** Takes a file in pieces; keeps it in half the bytes if all its tensors are of 32 bits. */
export class Halving {
    /** @param {number} size of the file, in bytes @param {boolean} asItIs keeps every byte */
    constructor(size, asItIs = false) {
        this.size = size;
        this.head = new Uint8Array(0); // what came before the header was whole
        this.rest = new Uint8Array(0); // of a number that the last piece cut
        this.filled = 0;
        this.halves = false;
        /** @type {Uint8Array<ArrayBuffer> | null} */
        this.file = asItIs ? new Uint8Array(size) : null;
    }

    /** @param {Uint8Array} piece */
    put(piece) {
        if (this.file) return this.write(piece);
        this.head = joined(this.head, piece);
        const { length } = this.head;
        const header = length < 8 ? LARGEST_HEADER : headerLength(view(this.head));
        const start = 8 + header;
        if (length >= 8 && start > Math.min(LARGEST_HEADER, this.size)) this.begin(null, 0);
        else if (length >= start) this.begin(halved(this.head.subarray(8, start)), start);
        else if (length >= this.size) this.begin(null, 0);
    }

    /** @param {Uint8Array | null} header of the new file, if it becomes one @param {number} start */
    begin(header, start) {
        const body = this.head.subarray(header ? start : 0);
        this.head = new Uint8Array(0);
        if (header) {
            this.file = new Uint8Array(8 + header.length + (this.size - start) / 2);
            view(this.file).setBigUint64(0, BigInt(header.length), true);
            this.file.set(header, 8);
            this.filled = 8 + header.length;
            this.halves = true;
        } else {
            this.file = new Uint8Array(this.size);
        }
        this.write(body);
    }

    /** @param {Uint8Array} piece */
    write(piece) {
        const file = /** @type {Uint8Array<ArrayBuffer>} */ (this.file);
        if (!this.halves) {
            file.set(piece, this.filled);
            this.filled += piece.length;
            return;
        }
        const bytes = joined(this.rest, piece);
        const count = Math.floor(bytes.length / 4);
        this.rest = bytes.slice(4 * count);
        const bits = new Uint32Array(bytes.buffer, 0, count);
        const into = new Uint16Array(count);
        for (let i = 0; i < count; i++) into[i] = narrow(bits[i]);
        file.set(new Uint8Array(into.buffer), this.filled);
        this.filled += 2 * count;
    }

    /** @returns {ArrayBuffer} */
    get whole() {
        return this.file?.buffer ?? this.head.slice().buffer;
    }
}

/** @param {Uint8Array} bytes */
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset);

/** @param {Uint8Array} first @param {Uint8Array} second */
function joined(first, second) {
    const both = new Uint8Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    return both;
}

/**
 * The header in which every tensor has 16 bits; null where some has not 32, or it is no header.
 * @param {Uint8Array} bytes
 */
function halved(bytes) {
    try {
        const { __metadata__: _, ...tensors } = JSON.parse(new TextDecoder().decode(bytes));
        for (const tensor of Object.values(tensors)) {
            if (tensor.dtype !== "F32") return null;
            tensor.dtype = "F16";
            const offsets = tensor.data_offsets;
            tensor.data_offsets = offsets.map((/** @type {number} */ at) => at / 2);
        }
        const text = JSON.stringify(tensors);
        return new TextEncoder().encode(text.padEnd(2 * Math.ceil(text.length / 2)));
    } catch {
        return null; // whoever reads the file says what is wrong
    }
}

const float = new Float32Array(1);
const bitsOf = new Uint32Array(float.buffer);

/** The nearest of 16 bits, of two as near the even one. @param {number} bits of a 32-bit float */
export function narrow(bits) {
    const sign = (bits >>> 16) & 0x8000;
    const size = bits & 0x7fffffff;
    if (size > 0x7f800000) return sign | 0x7e00; // no number
    if (size === 0x7f800000) return sign | 0x7c00; // infinite
    if (size >= 0x477ff000) throw new TooLarge("a number needs more than 16 bits");
    if (size >= 0x38800000) return sign | ((size + 0xc8000fff + ((size >>> 13) & 1)) >>> 13);
    bitsOf[0] = size; // too small for an exponent: so many steps of 2 ** -24
    const steps = float[0] * 2 ** 24;
    const below = Math.floor(steps);
    const up = steps - below > 0.5 || (steps - below === 0.5 && below % 2 === 1);
    return sign | (below + Number(up));
}
