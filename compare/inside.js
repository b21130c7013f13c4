// The pictures of Inside: a press chooses, a touch draws what a word looks at. `element` is the
// picture's own; `trigger` hands what was chosen to the server (tabs/inside/tab.py).
const see = (name) => document.querySelector(`#see-${CSS.escape(name)}`)
    ?.scrollIntoView({block: "start", behavior: matchMedia("(prefers-reduced-motion)").matches
        ? "auto" : "smooth"});
const shown = (number) => (number >= 0.9995 ? "100%" : `${(100 * number).toFixed(1)}%`);
let pressed = null; // the button to give the keyboard back to, once the picture is drawn anew
let widths = new Map(); // of the bars, so that they move from where they were

element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-choose]");
    const guesses = event.target.closest("[data-guesses]");
    const jump = event.target.closest("[data-see]");
    if (jump) see(jump.dataset.see);
    if (button) {
        const {see: to, ...chosen} = JSON.parse(button.dataset.choose);
        pressed = document.activeElement === button ? place(button) : null;
        trigger("click", chosen);
        if (to) see(to);
    } else if (guesses) {
        const list = JSON.parse(guesses.dataset.guesses)
            .map(([name, odds]) => `“${name}” ${odds}`).join(", ");
        const layer = guesses.closest("tr").querySelector("th").textContent;
        element.querySelector("figcaption").textContent = `${layer}: ${list}`;
        element.querySelectorAll("td.picked").forEach((one) => one.classList.remove("picked"));
        guesses.classList.add("picked");
    }
});

// A place in the picture that outlives its being drawn anew: the text of a button will not do.
const place = (button) => {
    const all = [...element.querySelectorAll("[data-choose]")];
    const name = button.getAttribute("aria-label") ?? button.textContent;
    return {at: all.indexOf(button), name};
};
const again = () => {
    const all = [...element.querySelectorAll("[data-choose]")];
    const {at, name} = pressed;
    const same = all.filter((one) => (one.getAttribute("aria-label") ?? one.textContent) === name);
    pressed = null;
    (same.find((one) => all.indexOf(one) === at) ?? same[0] ?? all[at])
        ?.focus({preventScroll: true});
};

// Where a head looks

const figures = () => {
    const figure = element.querySelector("figure.heat");
    return figure && JSON.parse(figure.dataset.figures);
};
const draw = (at) => {
    const reading = element.querySelector(".reading");
    const {names, weights} = figures();
    const words = [...reading.querySelectorAll("[data-word]")];
    const svg = reading.querySelector("svg"), home = reading.getBoundingClientRect();
    const middle = (word) => {
        const box = word.getBoundingClientRect();
        return [box.x + box.width / 2 - home.x, box.y - home.y + reading.scrollTop];
    };
    const [x, y] = middle(words[at]);
    svg.innerHTML = "";
    words.forEach((word, i) => {
        const weight = i <= at ? weights[at][i] : 0;
        word.style.setProperty("--weight", weight);
        word.classList.toggle("looking", i === at);
        if (weight < 0.04 || i === at) return;
        const [to, top] = middle(word);
        const high = Math.min(y, top) - Math.min(26, 8 + Math.abs(x - to) / 8);
        const curve = document.createElementNS("http://www.w3.org/2000/svg", "path");
        curve.setAttribute("d", `M${x} ${y + 6}Q${(x + to) / 2} ${high} ${to} ${top + 6}`);
        curve.setAttribute("stroke-width", 1 + 5 * weight);
        curve.setAttribute("stroke-opacity", 0.35 + 0.65 * weight);
        svg.append(curve);
    });
    const best = weights[at].map((weight, i) => [weight, i]).filter(([weight, i]) =>
        i <= at && weight >= 0.01).sort((a, b) => b[0] - a[0]).slice(0, 3);
    const targets = best.map(([weight, i]) => `“${names[i]}” ${shown(weight)}`).join(", ");
    element.querySelector("figcaption").textContent = `“${names[at]}” looks at ${targets}.`;
};
const word = (event) => {
    const found = event.target.closest?.("[data-word]");
    if (found) draw(Number(found.dataset.word));
};
for (const kind of ["pointerover", "focusin", "click"]) element.addEventListener(kind, word);
element.addEventListener("click", (event) => {
    const svg = event.target.closest("svg.map");
    if (!svg) return;
    const {names, weights} = figures();
    const box = svg.getBoundingClientRect(), room = Number(svg.dataset.room);
    const size = svg.viewBox.baseVal.width;
    const x = Math.floor((event.clientX - box.left) / box.width * size - room);
    const y = Math.floor((event.clientY - box.top) / box.height * size - room);
    if (!(y >= 0 && y < names.length && x >= 0 && x <= y)) return;
    draw(y);
    element.querySelector("figcaption").textContent =
        `Number ${y + 1}, “${names[y]}”, looks at number ${x + 1}, “${names[x]}”: ` +
        shown(weights[y][x]);
});

// Drawn anew: scroll to what is chosen, move the bars, and show the section an address asks for.

const drawn = () => {
    for (const row of element.querySelectorAll(".places ol, .lens .across")) {
        const chosen = row.querySelector("[aria-pressed=true]");
        if (!chosen) continue;
        const box = chosen.getBoundingClientRect(), home = row.getBoundingClientRect();
        row.scrollLeft += box.x + box.width / 2 - home.x - home.width / 2;
    }
    const now = new Map();
    if (!matchMedia("(prefers-reduced-motion)").matches) {
        element.querySelectorAll(".way .fill, .shares .fill").forEach((bar, i) => {
            const to = {left: bar.style.left || "0%", width: bar.style.width};
            const from = widths.get(i);
            now.set(i, to);
            if (from && (from.width !== to.width || from.left !== to.left))
                bar.animate([from, to], {duration: 350, easing: "ease-out"});
        });
    }
    widths = now;
    if (pressed) again();
    if (element.querySelector(".reading")) draw(figures().names.length - 1);
    const asked = new URLSearchParams(window.location.search).get("see");
    const mine = element.closest("[id^=see-]")?.id === `see-${asked}`;
    if (asked && mine && window.seen !== window.location.search && element.firstElementChild) {
        window.seen = window.location.search;
        setTimeout(() => see(asked), 400);
    }
};
let soon = 0;
new MutationObserver((records) => {
    if (records.every((record) => record.target.closest?.(".reading, figcaption"))) return;
    clearTimeout(soon);
    soon = setTimeout(drawn, 30);
}).observe(element, {childList: true, subtree: true});
