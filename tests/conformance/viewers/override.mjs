// A person at the node's own page, in headless Chromium: an image was refused for what its header
// says, they look at it and have it analysed all the same, with the keyboard alone.
//
//   node override.mjs LINK ACCESSION WHY FOLDER
//
// Prints one line of JSON after each step: {step, ...what was to be seen}. Pictures go into FOLDER.
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const [link, accession, why, folder] = process.argv.slice(2);
const PATIENCE = { timeout: 45_000, polling: 100 };
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-first-run', '--disable-sync'],
});
const faults = [];
let page;
try {
  page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  page.on('pageerror', (error) => faults.push(`page: ${error}`));
  page.on('console', (said) => said.type() === 'error' && faults.push(`console: ${said.text()}`));
  await page.goto(link);
  await focus('.find input');
  await page.keyboard.type(accession);
  await press('Enter');
  await focus('#jobs a');
  await press('Enter');
  const url = page.url();
  tell('refused', { cause: await text('#cause'), actions: await text('#acts') });
  await shoot('refused');

  await focus('#act-analyse-anyway');
  await press('Enter');
  tell('asked', { dialog: await text('.dialog'), narrow: await narrow() });
  await shoot('asked');
  // Without a reason the browser does not even send it.
  await page.keyboard.press('Enter');
  const stayed = page.url();
  await page.keyboard.type(why);
  await press('Enter');
  await page.waitForFunction(
    () => document.querySelector('#head .badge')?.innerText.includes('delivered'),
    PATIENCE,
  );
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector('.picture img')?.naturalWidth > 0, PATIENCE);
  tell('analysed', {
    stayed,
    override: await text('#override'),
    report: await text('.report'),
    timeline: await text('#timeline'),
    buttons: await page.$$eval('#act-analyse-anyway', (found) => found.length),
    faults,
  });
  await shoot('analysed');
} catch (error) {
  await page?.screenshot({ path: join(folder, 'fault.png') });
  tell('failed', { error: String(error), faults });
} finally {
  await browser.close();
}
process.exit();

function tell(step, seen) {
  console.log(JSON.stringify({ step, ...seen }));
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

/** By how many pixels what is shown would be wider than a telephone. */
async function narrow() {
  await page.setViewport({ width: 390, height: 800 });
  const wider = await page.evaluate(
    () => document.documentElement.scrollWidth - window.innerWidth,
  );
  await page.setViewport({ width: 1280, height: 900 });
  return wider;
}

async function shoot(name) {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
