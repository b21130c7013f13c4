// Asks the page's modules under Node: a request as JSON on standard input, the answers on output.

import { readFileSync } from "node:fs";
import { Halving } from "../../browser/halving.js";
import { Cache, Model, Reader } from "../../browser/model.js";
import { best } from "../../browser/sampling.js";
import { TextStream, Tokenizer } from "../../browser/tokenizer.js";
import { Weights } from "../../browser/weights.js";

const request = JSON.parse(readFileSync(0, "utf-8"));
const json = (name) => JSON.parse(readFileSync(`${request.folder}/${name}`, "utf-8"));
let model, tokenizer;

function theModel() {
    const file = readFileSync(`${request.folder}/model.safetensors`);
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
    return (model ??= new Model(json("config.json"), new Weights(bytes)));
}

function theTokenizer() {
    return (tokenizer ??= new Tokenizer(json("tokenizer.json"), request.size));
}

const answers = {
    open: () => (theModel(), true),
    // The scores behind each of the last `keep` tokens, each of which is read by itself, in a cache.
    cached({ ids, keep }) {
        const reader = new Reader(theModel());
        const rows = [];
        for (let end = ids.length - keep + 1; end <= ids.length; end++) {
            rows.push([...reader.next(ids.slice(0, end))]);
        }
        return rows;
    },
    // The scores behind every token of a text that fits into the window, read at once.
    whole: ({ ids }) => [...theModel().logits(theModel().forward(ids, new Cache(theModel())))],
    greedy({ ids, count }) {
        const reader = new Reader(theModel());
        const all = [...ids];
        const close = [];
        for (let i = 0; i < count; i++) {
            const logits = reader.next(all);
            const token = best(logits);
            const second = Math.max(...logits.filter((_, at) => at !== token));
            if (logits[token] - second < 1e-5) close.push(i);
            all.push(token);
        }
        return { ids: all.slice(ids.length), close };
    },
    look({ ids }) {
        const streams = [],
            attention = [];
        const look = {
            stream: (block, x) => (streams[block] = [...x]),
            attention: (block, head, at, from, weights) =>
                attention.push([block, head, at, from, [...weights]]),
        };
        theModel().forward(ids, new Cache(theModel()), look);
        return { streams, attention };
    },
    // The file as it is kept when it arrives in pieces of these sizes, and then of the last one.
    halve({ sizes }) {
        const file = readFileSync(`${request.folder}/model.safetensors`);
        const halving = new Halving(file.length);
        for (let at = 0, i = 0; at < file.length; i++) {
            const size = sizes[Math.min(i, sizes.length - 1)];
            halving.put(file.subarray(at, at + size));
            at += size;
        }
        return Buffer.from(halving.whole).toString("base64");
    },
    encode: ({ texts }) => texts.map((text) => theTokenizer().encode(text)),
    cut: ({ texts }) => texts.map((text) => theTokenizer().cut(text)),
    decode: ({ texts }) => texts.map((ids) => theTokenizer().decode(ids)),
    stream: ({ texts }) =>
        texts.map((ids) => {
            const stream = new TextStream(theTokenizer());
            return [...ids.map((id) => stream.put(id)), stream.end()];
        }),
    speed({ ids, count }) {
        const reader = new Reader(theModel());
        const all = [...ids];
        all.push(best(reader.next(all)));
        const start = performance.now();
        for (let i = 0; i < count; i++) all.push(best(reader.next(all)));
        return (1000 * count) / (performance.now() - start);
    },
};

const found = request.asks.map(({ ask, ...given }) => {
    try {
        return { value: answers[ask](given) };
    } catch (error) {
        return { error: error.message, kind: error.constructor.name };
    }
});
process.stdout.write(JSON.stringify(found));
