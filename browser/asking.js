// The page's side of a worker: questions as promises, long answers piece by piece.

const PATIENCE = 40; // milliseconds that a worker goes on before it hands over what it has

export class Asking {
    /** @param {string} source the worker's code */
    constructor(source) {
        const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        this.worker = new Worker(address);
        this.last = 0;
        this.failed = ""; // why nothing will come any more
        /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
        this.open = new Map();
        this.worker.onmessage = ({ data: { id, value, error } }) => {
            const asked = this.open.get(id);
            this.open.delete(id);
            if (error === undefined) asked?.resolve(value);
            else asked?.reject(new Error(error));
        };
        this.worker.onerror = (event) => {
            this.failed = event.message || "this browser starts no worker";
            for (const { reject } of this.open.values()) reject(new Error(this.failed));
            this.open.clear();
        };
    }

    /**
     * @param {string} what
     * @param {any} given
     * @param {Transferable[]} [moved]
     * @returns {Promise<any>}
     */
    ask(what, given, moved = []) {
        if (this.failed) return Promise.reject(new Error(this.failed));
        const id = ++this.last;
        return new Promise((resolve, reject) => {
            this.open.set(id, { resolve, reject });
            this.worker.postMessage({ id, what, given }, moved);
        });
    }

    /**
     * Something long; stopped as soon as the signal says so. Returns why it ended.
     * @param {"write" | "surprise"} what @param {any} given @param {(pieces: any[]) => void} onPieces
     * @param {AbortSignal} [signal]
     */
    async follow(what, given, onPieces, signal) {
        const task = ++this.last;
        await this.ask("start", { task, what, given });
        for (;;) {
            if (signal?.aborted) {
                await this.ask("stop", { task });
                return "stopped";
            }
            const { pieces, ended } = await this.ask("more", { task, milliseconds: PATIENCE });
            if (!signal?.aborted) onPieces(pieces);
            if (ended !== null) return ended;
        }
    }
}
