// A person at the node's own page, in headless Chromium, who has a keyboard and nothing else.
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

/** For what the page is waited for. */
export const PATIENCE = { timeout: 45_000, polling: 100 };

/**
 * Enters by `link` and does as `walk` says, which is given all that a person has there. What goes
 * wrong on the way is in `faults`; pictures go into `folder`. Ends the process.
 */
export async function visit(link, folder, walk) {
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
    await walk({ browser, page, faults, ...means(page, folder) });
  } catch (error) {
    await page?.screenshot({ path: join(folder, 'fault.png') });
    tell('failed', { error: String(error), faults });
  } finally {
    await browser.close();
  }
  process.exit();
}

/** One line of JSON for what was to be seen at a step. */
export function tell(step, seen) {
  console.log(JSON.stringify({ step, at_ms: Math.round(performance.now()), ...seen }));
}

/** By how many pixels what `page` shows is wider than its window. */
export function excess(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

function means(page, folder) {
  return {
    text: (selector) => page.$eval(selector, (element) => element.innerText),
    /** As by the tabulator: what cannot be reached so is not there for many. */
    async focus(selector) {
      for (let left = 80; left > 0; left--) {
        await page.keyboard.press('Tab');
        if (await page.evaluate((one) => document.activeElement?.matches(one), selector)) return;
      }
      throw new Error(`the tabulator does not lead to ${selector}`);
    },
    press: (key) => Promise.all([page.waitForNavigation(), page.keyboard.press(key)]),
    shoot: (name) => page.screenshot({ path: join(folder, `${name}.png`), fullPage: true }),
  };
}
