// A person at the node's own page, in headless Chromium: an image was refused for what its header
// says, they look at it and have it analysed all the same, with the keyboard alone.
//
//   node override.mjs LINK ACCESSION WHY FOLDER
//
// Prints one line of JSON after each step: {step, ...what was to be seen}. Pictures go into FOLDER.
import { PATIENCE, excess, tell, visit } from './visitor.mjs';

const [link, accession, why, folder] = process.argv.slice(2);
await visit(link, folder, async ({ page, faults, text, focus, press, shoot }) => {
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
  tell('asked', { dialog: await text('.dialog'), narrow: await narrow(page) });
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
});

/** By how many pixels what is shown would be wider than a telephone. */
async function narrow(page) {
  await page.setViewport({ width: 390, height: 800 });
  const wider = await excess(page);
  await page.setViewport({ width: 1280, height: 900 });
  return wider;
}
