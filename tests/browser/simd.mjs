// The loop of simd.js against the one in numbers.js, and against its source.

import { readFileSync } from "node:fs";
import { product } from "../../browser/numbers.js";
import { CODE, Fast } from "../../browser/simd.js";

const { sizes, source } = JSON.parse(readFileSync(0, "utf-8"));
const random = (count) => Float32Array.from({ length: count }, () => Math.random() - 0.5);

function assembled(wabt) {
    const parsed = wabt.parseWat("simd.wat", readFileSync(source, "utf-8"), { simd: true });
    return Buffer.from(parsed.toBinary({}).buffer).toString("base64");
}

/** The largest difference over all sizes, of matrices that lie in one memory. */
function difference() {
    const matrices = sizes.map(({ from, to }) => ({ from, to, weight: random(from * to) }));
    const fast = Fast.of(sizes);
    const placed = matrices.map((matrix) => fast.place(matrix.weight, matrix));
    return matrices.map((matrix, i) => {
        if (!placed[i]) return null;
        const x = random(matrix.from * sizes[i].tokens);
        const slow = product(matrix, x);
        const quick = fast.multiply({ ...matrix, weight: placed[i] }, x);
        if (slow.length !== quick.length) return Infinity;
        return slow.reduce((worst, y, at) => Math.max(worst, Math.abs(y - quick[at])), 0);
    });
}

let same = null;
try {
    const { default: wabt } = await import("wabt");
    same = assembled(await wabt()) === CODE;
} catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
}
process.stdout.write(JSON.stringify({ differences: difference(), same }));
