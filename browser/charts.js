// What the page draws. Every word of a model, a text or a card goes in as text, never as markup.

/** @typedef {"left" | "right"} Side */
/** @typedef {[number, number][]} Points steps and losses */

const SHADES = 6;

/**
 * An element with its properties and what is in it.
 * @param {string} name @param {Record<string, any>} [given] @param {...(Node | string)} inside
 * @returns {any}
 */
export function el(name, given = {}, ...inside) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(given)) {
        if (key in element) /** @type {any} */ (element)[key] = value;
        else element.setAttribute(key, value);
    }
    element.append(...inside);
    return element;
}

/**
 * A pane with its model's name above.
 * @param {Side} side
 * @param {string} name
 * @param {...(Node | string)} inside
 */
export function pane(side, name, ...inside) {
    const mark = el("span", { className: `mark ${side}`, "aria-hidden": "true" });
    return el(
        "section",
        { className: `pane ${side}` },
        el("header", {}, mark, el("h2", {}, name)),
        ...inside,
    );
}

/** A token as something to look at. @param {string} text */
export function visible(text) {
    const shown = text.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll("\r", "␍");
    return shown === " " ? "␣" : shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");
}

/** @param {number} share */
export function percent(share) {
    return share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
}

/** The likeliest next tokens, a bar each. @param {[string, number][]} odds @param {Side} side */
export function bars(odds, side) {
    const rows = odds.map(([name, share]) => {
        const fill = el("span", { className: "fill" });
        fill.style.width = `${100 * share}%`;
        const bar = el(
            "div",
            { className: `bar ${side}` },
            el("span", { className: "track" }, fill),
        );
        bar.append(el("span", { className: "figure" }, percent(share)));
        return el("tr", {}, el("th", { scope: "row" }, visible(name)), el("td", {}, bar));
    });
    return el("table", { className: "odds" }, el("tbody", {}, ...rows));
}

/** Which token was ahead behind each block. @param {[string, number][]} lens */
export function blockByBlock(lens) {
    const steps = lens.map(([name, share], block) =>
        el(
            "li",
            {},
            el("small", {}, block ? `block ${block}` : "no block"),
            el("b", {}, visible(name)),
            el("small", {}, percent(share)),
        ),
    );
    return el("ol", { className: "lens" }, ...steps);
}

/**
 * Where a head looks: pick a token, and those before it are shaded by its weights.
 * @param {{names: string[], blocks: number, heads: number, weights: Float32Array}} found
 * @param {{block: number, head: number}} chosen which is kept from one text to the next
 */
export function attention({ names, blocks, heads, weights }, chosen) {
    const count = names.length;
    let at = count - 1;
    const tokens = names.map((name, i) => {
        const button = el("button", { type: "button" }, visible(name));
        button.onclick = () => ((at = i), show());
        return button;
    });
    const sentence = el("p", { className: "fine", "aria-live": "polite" });
    /** @type {(label: string, most: number, which: "block" | "head") => HTMLElement} */
    const choice = (label, most, which) => {
        chosen[which] = Math.min(chosen[which], most - 1);
        const options = Array.from({ length: most }, (_, i) =>
            el("option", { value: i, selected: i === chosen[which] }, String(i + 1)),
        );
        const select = el("select", {}, ...options);
        select.onchange = () => ((chosen[which] = Number(select.value)), show());
        return el("label", {}, `${label} `, select);
    };
    const show = () => {
        const line = ((chosen.block * heads + chosen.head) * count + at) * count;
        const row = weights.subarray(line, line + count);
        tokens.forEach((button, i) => {
            button.style.setProperty("--weight", String(i <= at ? row[i] : 0));
            button.setAttribute("aria-pressed", String(i === at));
            button.classList.toggle("later", i > at);
            button.title = i <= at ? percent(row[i]) : "comes later";
        });
        const order = [...row.keys()]
            .slice(0, at + 1)
            .sort((a, b) => row[b] - row[a])
            .slice(0, 3);
        const most = order.map((i) => {
            const where = at - i ? `${at - i} back` : "itself";
            return `“${visible(names[i])}” ${where}, ${percent(row[i])}`;
        });
        sentence.textContent = `From “${visible(names[at])}” this head looks at ${most.join("; ")}.`;
    };
    show();
    const head = el(
        "p",
        { className: "choices" },
        choice("Block", blocks, "block"),
        choice("Head", heads, "head"),
    );
    return [head, el("div", { className: "attention" }, ...tokens), sentence];
}

/** A token of a text, shaded by its surprise. @param {{text: string, bits: number}} token */
export function shaded({ text, bits }) {
    const bytes = new TextEncoder().encode(text).length;
    const shade = Math.max(
        0,
        Math.min(SHADES, Math.floor((bits / Math.max(1, bytes) / 8) * SHADES)),
    );
    return el("span", { className: `s${shade}`, title: `${bits.toFixed(2)} bits` }, text);
}

/** What a token's bits mean. @param {string} text @param {number} bits */
export function inWords(text, bits) {
    const likely =
        bits < 1 ? percent(2 ** -bits) : `1 in ${Math.round(2 ** bits).toLocaleString("en")}`;
    const odds = bits > 30 ? "almost no chance" : likely;
    return `“${visible(text)}” cost ${bits.toFixed(2)} bits: the model gave it ${odds}.`;
}

/**
 * The losses over the steps of a training, and a line at one of them.
 * @param {{train: Points, held: Points}} losses @param {Side} side
 */
export function curve({ train, held }, side) {
    const all = [...train, ...held];
    const steps = Math.max(...all.map(([step]) => step));
    const top =
        Math.max(...held.map(([, loss]) => loss), ...train.slice(0, 5).map(([, loss]) => loss)) *
        1.05;
    const svg = (/** @type {string} */ name, /** @type {Record<string, any>} */ given) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const [key, value] of Object.entries(given)) element.setAttribute(key, value);
        return element;
    };
    const x = (/** @type {number} */ step) => (1000 * step) / steps;
    const y = (/** @type {number} */ loss) => 400 * (1 - Math.min(loss, top) / top);
    const line = (/** @type {Points} */ points, /** @type {string} */ kind) => {
        const places = points.map(([step, loss]) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`);
        if (places.length === 1) places.push(places[0]);
        return svg("polyline", {
            class: points.length === 1 ? `${kind} dot` : kind,
            points: places.join(" "),
        });
    };
    /** @type {(name: string, points: Points) => string[]} */
    const inShort = (name, points) =>
        points.length
            ? [`${name}: from ${points[0][1].toFixed(2)} to ${points.at(-1)?.[1].toFixed(4)}`]
            : [];
    const words = [...inShort("training", train), ...inShort("held-out text", held)];
    const drawing = svg("svg", {
        viewBox: "0 0 1000 400",
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `Loss. ${words.join("; ")}`,
    });
    const now = svg("line", { class: "now", y1: 0, y2: 400, x1: -9, x2: -9 });
    drawing.append(line(train, "train"), line(held, "held"), now);
    const ticks = [0, top / 2, top].map((loss) => {
        const tick = el("span", { className: "tick", "aria-hidden": "true" }, loss.toFixed(1));
        tick.style.bottom = `${(100 * loss) / top}%`;
        return tick;
    });
    const legend = words.map((text, i) =>
        el("li", { className: i || !train.length ? "held" : "train" }, text),
    );
    const figure = el(
        "figure",
        { className: `curve ${side}` },
        el("div", { className: "plot" }, drawing, ...ticks),
    );
    figure.append(
        el("ul", { className: "legend" }, ...legend),
        el(
            "p",
            { className: "fine" },
            `Loss in nats a token, over ${steps.toLocaleString("en")} steps. Lower is better.`,
        ),
    );
    const mark = (/** @type {number} */ step) =>
        ["x1", "x2"].forEach((end) => now.setAttribute(end, String(x(step))));
    return { figure, mark };
}
