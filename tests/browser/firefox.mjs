// Opens an exported page in Firefox, without a network, and says what happened.

import puppeteer from "puppeteer-core";

const [program, address, profile, what] = process.argv.slice(2);
const browser = await puppeteer.launch({
    browser: "firefox", // over WebDriver BiDi
    executablePath: program,
    headless: true,
    userDataDir: profile,
    extraPrefsFirefox: {
        // Whatever it would ask of the network goes to a port where nobody listens.
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": 9,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": 9,
    },
});
const said = [],
    asked = [];
try {
    const page = await browser.newPage();
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("request", (request) => asked.push(request.url().slice(0, 60)));
    await page.goto(address);
    await page.waitForSelector("body:not(.busy)", { timeout: 120_000 });
    if (what === "hostile") {
        for (const tab of ["inside", "surprise", "training", "about"])
            await page.click(`#tab-${tab}`);
        const ran = await page.evaluate(() => globalThis.ran ?? null);
        const images = await page.evaluate(() => document.querySelectorAll("img, iframe").length);
        process.stdout.write(JSON.stringify({ ran, images, said }));
    } else await walk(page);
} finally {
    await browser.close();
}

async function walk(page) {
    const answers = await page.evaluate(async () => {
        await tinygpt.ready;
        const ids = await tinygpt.encode("ROMEO:\n");
        const logits = [...(await tinygpt.logits(ids))];
        const text = await tinygpt.generate("ROMEO:\n", { greedy: true, max_new_tokens: 300 });
        return { ids, logits, text };
    });
    const shown = await page.$eval(".take", (take) => take.textContent);
    const figures = await page.$eval(".figures", (line) => line.textContent);
    const tabs = {};
    for (const tab of ["inside", "surprise", "training", "about"]) {
        await page.click(`#tab-${tab}`);
        if (tab === "surprise") await page.click("#measure");
        const wait = {
            inside: ".odds",
            surprise: ".bits small",
            training: ".curve",
            about: ".facts",
        }[tab];
        await page.waitForSelector(wait, { timeout: 60_000 });
        tabs[tab] = await page.$eval(`${wait}`, (element) => element.textContent.length);
    }
    process.stdout.write(JSON.stringify({ ...answers, shown, figures, tabs, said, asked }));
}
