// A person at the node's own page, in headless Chromium: a delivery has failed, and they find it,
// understand it and repair it, with the keyboard alone.
//
//   node page.mjs LINK ACCESSION DESTINATION FOLDER
//
// Prints one line of JSON after each step: {step, ...what was to be seen}. Before the repair it waits
// for a line on standard input, as whoever mends the destination takes some time. Pictures go into
// FOLDER.
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const [link, accession, destination, folder] = process.argv.slice(2);
const PATIENCE = { timeout: 45_000, polling: 100 };
const mended = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', // as root Chromium starts no other way
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const faults = [];
let page;
try {
  page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  page.on('pageerror', (error) => faults.push(`page: ${error}`));
  page.on('console', (said) => said.type() === 'error' && faults.push(`console: ${said.text()}`));
  page.on('response', (answer) => {
    if (answer.status() >= 400) faults.push(`${answer.status()}: ${answer.url()}`);
    const from = new URL(answer.url());
    if (from.origin !== new URL(link).origin) faults.push(`from elsewhere: ${answer.url()}`);
  });
  await page.goto(link);
  tell('came in', { verdict: await text('#verdict'), place: await text('#places') });

  await focus('.find input');
  await page.keyboard.type(accession);
  await press('Enter');
  await focus('#jobs a');
  await press('Enter');
  await page.waitForSelector('#cause form');
  const url = page.url();
  const widths = await phone(url);
  await page.waitForFunction(() => document.querySelector('.picture img')?.naturalWidth > 0, PATIENCE);
  tell('understood', {
    cause: await text('#cause'),
    report: await text('.report'),
    image: await page.$eval('.picture img', (image) => image.naturalWidth),
    widths,
    injected: await page.$$eval('#pwned', (found) => found.length),
  });
  await shoot('understood');

  await mended.next();
  await focus(`#cause button`);
  await press('Enter');
  // From here on the page tells by itself: nothing is loaded again.
  await page.evaluate(() => (window.stillHere = true));
  await page.waitForFunction(
    () => document.querySelector('#head .badge')?.innerText.includes('delivered'),
    PATIENCE,
  );
  tell('repaired', {
    told: await text('#told'),
    deliveries: await text('#deliveries'),
    without_reload: await page.evaluate(() => window.stillHere === true),
  });
  await shoot('repaired');

  await page.goto(new URL('/', link));
  await page.waitForFunction(
    () => document.querySelector('#verdict h1')?.innerText.includes('Working'),
    PATIENCE,
  );
  tell('all clear', { verdict: await text('#verdict'), destination, faults });
} catch (error) {
  await page?.screenshot({ path: join(folder, 'fault.png') });
  tell('failed', { error: String(error), faults });
} finally {
  await browser.close();
}
process.exit();

function tell(step, seen) {
  console.log(JSON.stringify({ step, at_ms: Math.round(performance.now()), ...seen }));
}

function text(selector) {
  return page.$eval(selector, (element) => element.innerText);
}

/** As by the tabulator: what cannot be reached so is not there for many. */
async function focus(selector) {
  for (let left = 80; left > 0; left--) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((one) => document.activeElement?.matches(one), selector)) return;
  }
  throw new Error(`the tabulator does not lead to ${selector}`);
}

async function press(key) {
  await Promise.all([page.waitForNavigation(), page.keyboard.press(key)]);
}

/** By how many pixels each page is wider than a telephone. */
async function phone(url) {
  const narrow = await browser.newPage();
  await narrow.setViewport({ width: 390, height: 800 });
  const widths = {};
  for (const path of ['/', '/jobs', new URL(url).pathname, '/audit', '/login']) {
    await narrow.goto(new URL(path, link));
    widths[path] = await narrow.evaluate(
      () => document.documentElement.scrollWidth - window.innerWidth,
    );
  }
  await narrow.close();
  await page.bringToFront();
  return widths;
}

async function shoot(name) {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
