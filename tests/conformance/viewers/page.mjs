// A person at the node's own page, in headless Chromium: a delivery has failed, and they find it,
// understand it and repair it, with the keyboard alone.
//
//   node page.mjs LINK ACCESSION DESTINATION FOLDER
//
// Prints one line of JSON after each step: {step, ...what was to be seen}. Before the repair it waits
// for a line on standard input, as whoever mends the destination takes some time. Pictures go into
// FOLDER.
import { createInterface } from 'node:readline';
import { PATIENCE, excess, tell, visit } from './visitor.mjs';

const [link, accession, destination, folder] = process.argv.slice(2);
const mended = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await visit(link, folder, async ({ browser, page, faults, text, focus, press, shoot }) => {
  tell('came in', { verdict: await text('#verdict'), place: await text('#places') });

  await focus('.find input');
  await page.keyboard.type(accession);
  await press('Enter');
  await focus('#jobs a');
  await press('Enter');
  await page.waitForSelector('#cause form');
  const url = page.url();
  const widths = await phone(url, browser, page);
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
});

/** By how many pixels each page is wider than a telephone. */
async function phone(url, browser, page) {
  const narrow = await browser.newPage();
  await narrow.setViewport({ width: 390, height: 800 });
  const widths = {};
  for (const path of ['/', '/jobs', new URL(url).pathname, '/audit', '/login']) {
    await narrow.goto(new URL(path, link));
    widths[path] = await excess(narrow);
  }
  await narrow.close();
  await page.bringToFront();
  return widths;
}
