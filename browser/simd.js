// Matrix products twice as fast: a loop in WebAssembly, written by hand, takes four numbers at once.
//
// It works in a memory of its own, so the matrices lie there. `multiply` in numbers.js says the same
// in JavaScript, and does it where a row is not whole fours or a browser has no such memory.

/** simd.wat, assembled and in base64; a test assembles it again. */
export const CODE =
    "AGFzbQEAAAABCgFgBn9/f39/fwACEAEEcGFnZQZtZW1vcnkCAAEDAgEABwwBCG11bHRpcGx5AAAK5gMB4wMCCX8F" +
    "eyADQQJ0IQYgAiAEQQJ0aiEHA0BBACEIIAEhCiACIQkDQCAAIQsgCyAGaiEMIAwgBmohDSANIAZqIQ79DAAAAAAA" +
    "AAAAAAAAAAAAAAAhEP0MAAAAAAAAAAAAAAAAAAAAACER/QwAAAAAAAAAAAAAAAAAAAAAIRL9DAAAAAAAAAAAAAAA" +
    "AAAAAAAhEwNAIAr9AAQAIQ8gECAPIAv9AAQA/eYB/eQBIRAgESAPIAz9AAQA/eYB/eQBIREgEiAPIA39AAQA/eYB" +
    "/eQBIRIgEyAPIA79AAQA/eYB/eQBIRMgCkEQaiEKIAxBEGohDCANQRBqIQ0gDkEQaiEOIAtBEGohCyALIAAgBmpJ" +
    "DQALIBAgEf0NAAECAxAREhMICQoLGBkaGyEPIBAgEf0NBAUGBxQVFhcMDQ4PHB0eHyERIA8gEf3kASEQIBIgE/0N" +
    "AAECAxAREhMICQoLGBkaGyEPIBIgE/0NBAUGBxQVFhcMDQ4PHB0eHyETIA8gE/3kASESIAkgECAS/Q0AAQIDBAUG" +
    "BxAREhMUFRYXIBAgEv0NCAkKCwwNDg8YGRobHB0eH/3kAf0LBAAgCSAEQQJ0aiEJIAhBAWohCCAIIAVJDQALIA4h" +
    "ACACQRBqIQIgAiAHSQ0ACws=";

const PAGE = 65536; // bytes
const TOKENS = 16; // in one call, which is what there is room for

/** @param {number} count */
const fours = (count) => 4 * Math.ceil(count / 4);

/** The matrices of a model, and room for what goes in and out of them. */
export class Fast {
    /**
     * Room for matrices of these sizes, if there is any.
     * @param {{from: number, to: number}[]} sizes
     */
    static of(sizes) {
        const fit = sizes.filter(({ from }) => from && from % 4 === 0);
        try {
            return fit.length ? new Fast(fit) : null;
        } catch {
            return null; // no WebAssembly, or not this much of it
        }
    }

    /** @param {{from: number, to: number}[]} sizes */
    constructor(sizes) {
        const most = (/** @type {number[]} */ numbers) => numbers.reduce((a, b) => Math.max(a, b));
        const held = sizes.reduce((sum, { from, to }) => sum + from * fours(to), 0);
        const into = TOKENS * most(sizes.map(({ from }) => from));
        const out = TOKENS * most(sizes.map(({ to }) => fours(to)));
        const memory = new WebAssembly.Memory({
            initial: Math.ceil((4 * (held + into + out)) / PAGE),
        });
        const code = Uint8Array.from(atob(CODE), (letter) => letter.charCodeAt(0));
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), {
            page: { memory },
        });
        this.run = /** @type {(...numbers: number[]) => void} */ (exports.multiply);
        this.numbers = new Float32Array(memory.buffer);
        this.x = held;
        this.y = held + into;
        this.filled = 0;
    }

    /**
     * Copies a matrix into the memory; null where its rows are not whole fours.
     * @param {Float32Array} weight
     * @param {{from: number, to: number}} size
     */
    place(weight, { from, to }) {
        if (!from || from % 4) return null;
        const at = this.filled;
        this.numbers.set(weight, at);
        this.filled += from * fours(to);
        return this.numbers.subarray(at, at + weight.length);
    }

    /**
     * y = W x for every token, T from → T to.
     * @param {{weight: Float32Array, from: number, to: number}} matrix that was placed here
     * @param {Float32Array} x
     */
    multiply({ weight, from, to }, x) {
        const { numbers } = this;
        const wide = fours(to);
        const y = new Float32Array((x.length / from) * to);
        for (let start = 0; start * from < x.length; start += TOKENS) {
            const part = x.subarray(start * from, (start + TOKENS) * from);
            const tokens = part.length / from;
            numbers.set(part, this.x);
            this.run(weight.byteOffset, 4 * this.x, 4 * this.y, from, wide, tokens);
            for (let t = 0; t < tokens; t++) {
                const row = this.y + t * wide;
                y.set(numbers.subarray(row, row + to), (start + t) * to);
            }
        }
        return y;
    }
}
