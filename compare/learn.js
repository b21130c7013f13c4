// The guide: tries, notes and milestones. What is noted stays in this browser.
const KEY = "tinygpt-guide";
const read = () => {
    try {
        return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
        return {}; // what somebody else wrote there
    }
};
const write = (kept) => localStorage.setItem(KEY, JSON.stringify(kept));
const NINETEEN = 19;

const show = () => {
    const kept = read();
    const tried = kept.tried ?? {};
    element.querySelectorAll("[data-idea]").forEach((idea) => {
        idea.classList.toggle("tried", Boolean(tried[idea.dataset.idea]));
    });
    element.querySelectorAll("[data-milestone]").forEach((item) => {
        const reached = Boolean(kept.done?.[item.dataset.milestone]);
        item.classList.toggle("reached", reached);
        item.querySelector(".unseen").textContent = reached ? " done" : " not done yet";
    });
};

const open = (slug) => {
    const idea = element.querySelector(`[data-idea="${CSS.escape(slug)}"]`);
    if (!idea) return;
    idea.open = true;
    idea.scrollIntoView({block: "start"});
};

const note_try = (slug) => {
    const kept = read();
    kept.tried = {...kept.tried, [slug]: new Date().toISOString()};
    const ideas = [...element.querySelectorAll("[data-idea]")]
        .filter((idea) => Number(idea.dataset.number) <= NINETEEN);
    if (ideas.every((idea) => kept.tried[idea.dataset.idea]))
        kept.done = {...kept.done, ideas: kept.done?.ideas ?? new Date().toISOString()};
    write(kept);
    show();
};

const save = () => {
    const kept = read();
    const lines = ["# My notes on the ideas behind a tiny GPT", ""];
    element.querySelectorAll("[data-milestone]").forEach((item) => {
        const mark = kept.done?.[item.dataset.milestone] ? "x" : " ";
        lines.push(`- [${mark}] ${item.querySelector(".what").textContent}`);
    });
    element.querySelectorAll("[data-idea]").forEach((idea) => {
        const text = kept.notes?.[idea.dataset.idea];
        if (text) lines.push("", `## ${idea.querySelector("summary").textContent.trim()}`, "", text);
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], {type: "text/markdown"}));
    link.download = "my-notes.md";
    link.click();
    URL.revokeObjectURL(link.href);
};

element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-asks]");
    if (button) {
        const asks = JSON.parse(button.dataset.asks);
        const idea = button.closest("[data-idea]");
        if (idea) note_try(idea.dataset.idea);
        if (asks.tab === "learn") {
            document.querySelector("#scaling")?.scrollIntoView({block: "center"});
            return;
        }
        trigger("click", {asks});
        document.querySelector("#title")?.scrollIntoView();
    } else if (event.target.closest("[data-export]")) {
        save();
    }
});
element.addEventListener("input", (event) => {
    const area = event.target.closest("[data-note]");
    if (!area) return;
    const kept = read();
    kept.notes = {...kept.notes, [area.dataset.note]: area.value};
    write(kept);
});
window.addEventListener("guide", show);

element.querySelectorAll("[data-note]").forEach((area) => {
    area.value = read().notes?.[area.dataset.note] ?? "";
});
const asked = new URLSearchParams(window.location.search);
if (asked.get("tab") === "learn" && asked.get("idea")) open(asked.get("idea"));
show();
