// A model's file out of its repository on the Hub: in pieces, kept in the browser, resumed.

const PIECE = 4_000_000; // bytes
const TRIES = 4; // in a row that bring nothing

/**
 * Fills an array with a file: first with what an earlier visit kept, then with the rest as it
 * comes. A download that breaks goes on where it was, as far as the server can do that.
 * @param {Uint8Array} file of the right size
 * @param {string} url of a commit, so that the file never changes
 * @param {(got: number, sentence: string) => void} say
 * @returns {Promise<number>} how much of it is there: all
 */
export async function fetchInto(file, url, say) {
    const kept = await openCache();
    let at = 0;
    for (;;) {
        const piece = await kept?.match(`${url}?from=${at}`);
        if (!piece) break;
        const found = new Uint8Array(await piece.arrayBuffer());
        file.set(found, at);
        at += found.length;
    }
    for (let tries = 0; at < file.length;) {
        say(at, tries ? "Going on." : "");
        const before = at;
        try {
            const response = await fetch(url, at ? { headers: { Range: `bytes=${at}-` } } : {});
            if (!response.ok) throw new Error(`the Hub answers ${response.status}`);
            if (at && response.status !== 206) {
                say(0, "This server cannot go on where it was, so the download begins again.");
                at = 0;
            }
            for await (const piece of piecesOf(response)) {
                file.set(piece, at);
                // What cannot be kept (no room, a private window) is fetched again next time.
                await kept?.put(`${url}?from=${at}`, new Response(piece)).catch(() => {});
                at += piece.length;
                say(at, "");
            }
            if (at < file.length) throw new Error(`it ended after ${at} of ${file.length} bytes`);
        } catch (error) {
            tries = at > before ? 1 : tries + 1;
            if (tries >= TRIES) {
                const reason = error instanceof Error ? error.message : String(error);
                throw new Error(`the model could not be fetched: ${reason}; reload to go on`);
            }
            await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** tries));
        }
    }
    return at;
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
