// The arithmetic of a forward pass, in loops that a browser's compiler makes fast.

/** @typedef {import("./parts.js").Linear} Linear */

/**
 * y = W x + b for every token, T from → T to.
 * @param {Linear} linear
 * @param {Float32Array} x
 */
export function multiply(linear, x) {
    const { bias, to } = linear;
    const y = linear.fast ? linear.fast.multiply(linear, x) : product(linear, x);
    if (bias) for (let i = 0; i < y.length; i++) y[i] += bias[i % to];
    return y;
}

/**
 * W x; four of y at a time: twice as fast.
 * @param {Linear} linear
 * @param {Float32Array} x
 */
export function product({ weight, from, to }, x) {
    const tokens = x.length / from;
    const y = new Float32Array(tokens * to);
    for (let o = 0; o < to; o += 4) {
        const last = to - 1,
            o1 = Math.min(o + 1, last),
            o2 = Math.min(o + 2, last),
            o3 = Math.min(o + 3, last);
        const w0 = o * from,
            w1 = o1 * from,
            w2 = o2 * from,
            w3 = o3 * from;
        for (let t = 0; t < tokens; t++) {
            const start = t * from,
                end = t * to;
            let s0 = 0,
                s1 = 0,
                s2 = 0,
                s3 = 0;
            for (let i = 0; i < from; i++) {
                const number = x[start + i];
                s0 += weight[w0 + i] * number;
                s1 += weight[w1 + i] * number;
                s2 += weight[w2 + i] * number;
                s3 += weight[w3 + i] * number;
            }
            y[end + o] = s0;
            y[end + o1] = s1;
            y[end + o2] = s2;
            y[end + o3] = s3;
        }
    }
    return y;
}

/** @param {Float32Array} scores */
export function softmax(scores) {
    let top = -Infinity,
        sum = 0;
    for (const score of scores) if (score > top) top = score;
    for (let i = 0; i < scores.length; i++) sum += scores[i] = Math.exp(scores[i] - top);
    for (let i = 0; i < scores.length; i++) scores[i] /= sum;
}

/**
 * The angle of a position, rounded as 32-bit floats round it.
 * @param {number} position
 * @param {number} share
 * @param {number} base
 */
export function turn(position, share, base) {
    return Math.fround(position * Math.fround(base ** -Math.fround(share)));
}

export const BEND = /** @type {Record<string, (x: number) => number>} */ ({
    relu: (x) => (x > 0 ? x : 0),
    relu2: (x) => (x > 0 ? x * x : 0),
    gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    gelu_new: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    swiglu: (x) => x / (1 + Math.exp(-x)),
});

/**
 * The error function to 1.2e-7 (Numerical Recipes, erfc by Chebyshev fitting).
 * @param {number} x
 */
function erf(x) {
    const t = 1 / (1 + Math.abs(x) / 2);
    const terms = [
        -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398,
        1.48851587, -0.82215223, 0.17087277,
    ];
    const tail = t * Math.exp(terms.reduceRight((sum, term) => sum * t + term, 0) - x * x);
    return x >= 0 ? 1 - tail : tail - 1;
}
