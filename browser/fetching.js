// A model's file out of its repository on the Hub: in pieces, kept in the browser, resumed.

import { Halving, TooLarge } from "./halving.js";

const PIECE = 4_000_000; // bytes
const TRIES = 4; // in a row that bring nothing

/**
 * A file of the Hub: first what an earlier visit kept, then the rest as it comes. A download that
 * breaks goes on where it was, as far as the server can do that.
 * @param {string} url of a commit, so that the file never changes
 * @param {number} size in bytes
 * @param {(got: number, sentence: string) => void} say
 * @param {boolean} [asItIs] with every bit of it
 * @returns {Promise<ArrayBuffer>} in 16 bits a number, where that holds it
 */
export async function fetchFile(url, size, say, asItIs = false) {
    try {
        return await fetchAs(url, size, say, asItIs);
    } catch (error) {
        if (!(error instanceof TooLarge)) throw error;
        return fetchAs(url, size, say, true);
    }
}

/** @type {typeof fetchFile} */
async function fetchAs(url, size, say, asItIs) {
    const kept = await openCache();
    let file = new Halving(size, asItIs);
    let at = 0;
    for (;;) {
        const piece = await kept?.match(`${url}?from=${at}`);
        if (!piece) break;
        const found = new Uint8Array(await piece.arrayBuffer());
        file.put(found);
        at += found.length;
    }
    for (let tries = 0; at < size;) {
        say(at, tries ? "Going on." : "");
        const before = at;
        try {
            const response = await fetch(url, at ? { headers: { Range: `bytes=${at}-` } } : {});
            if (!response.ok) throw new Error(`the Hub answers ${response.status}`);
            if (at && response.status !== 206) {
                say(0, "This server cannot go on where it was, so the download begins again.");
                at = 0;
                file = new Halving(size, asItIs);
            }
            for await (const piece of piecesOf(response)) {
                file.put(piece);
                // What cannot be kept (no room, a private window) is fetched again next time.
                await kept?.put(`${url}?from=${at}`, new Response(piece)).catch(() => {});
                at += piece.length;
                say(at, "");
            }
            if (at < size) throw new Error(`it ended after ${at} of ${size} bytes`);
        } catch (error) {
            if (error instanceof TooLarge) throw error;
            tries = at > before ? 1 : tries + 1;
            if (tries >= TRIES) {
                const reason = error instanceof Error ? error.message : String(error);
                throw new Error(`the model could not be fetched: ${reason}; reload to go on`);
            }
            await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** tries));
        }
    }
    return file.whole;
}

/**
 * The body in pieces of a few megabytes; what came before it broke is a piece too.
 * @param {Response} response @returns {AsyncGenerator<Uint8Array<ArrayBuffer>>}
 */
async function* piecesOf(response) {
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    let piece = new Uint8Array(PIECE);
    let filled = 0;
    /** @type {unknown} */
    let broke = null;
    for (;;) {
        const { done, value } = await reader.read().catch((error) => {
            broke = error;
            return { done: true, value: undefined };
        });
        if (done || !value) break;
        for (let from = 0; from < value.length;) {
            const part = value.subarray(from, from + PIECE - filled);
            piece.set(part, filled);
            from += part.length;
            filled += part.length;
            if (filled === PIECE) {
                yield piece;
                piece = new Uint8Array(PIECE);
                filled = 0;
            }
        }
    }
    if (filled) yield piece.slice(0, filled);
    if (broke) throw broke;
}

/** The browser's store of files; none where it is switched off. */
async function openCache() {
    try {
        return await caches.open("tinygpt");
    } catch {
        return null;
    }
}
