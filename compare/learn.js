// The guide: notes and milestones. What is noted stays in this browser.
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

// What has been tried is noted wherever it happens (journey.js); here those of the first part are counted.
const count = () => {
    const kept = read();
    const ideas = [...element.querySelectorAll("[data-idea]")]
        .filter((idea) => Number(idea.dataset.number) <= NINETEEN);
    if (!kept.done?.ideas && ideas.every((idea) => kept.tried?.[idea.dataset.idea]))
        write({...kept, done: {...kept.done, ideas: new Date().toISOString()}});
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
    if (event.target.closest("[data-export]")) {
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
window.addEventListener("guide", count);
window.addEventListener("idea", (event) => open(event.detail));

element.querySelectorAll("[data-note]").forEach((area) => {
    area.value = read().notes?.[area.dataset.note] ?? "";
});
const asked = new URLSearchParams(window.location.search);
if (asked.get("tab") === "learn" && asked.get("idea")) open(asked.get("idea"));
count();
