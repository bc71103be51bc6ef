// A reader at the node's own page, in headless Chromium: from Review they open the editor of masks,
// draw with the mouse, erase with a finger, save, and see what it came to.
//
//   node draw.mjs LINK JOB FOLDER
//
// Prints one line of JSON after each step: {step, ...what was to be seen}. Pictures go into FOLDER.
import { PATIENCE, excess, tell, visit } from './visitor.mjs';

const [link, job, folder] = process.argv.slice(2);
await visit(link, folder, async ({ page, faults, text, shoot }) => {
  // Later it changes only in size, or Chromium would load the page again.
  await page.setViewport({ width: 1280, height: 900, hasTouch: true });
  await page.goto(new URL(`/jobs/${job}`, link));
  await page.evaluate(() => document.querySelector('a[href$="/drawing"]').scrollIntoView());
  await opens(page, () => page.click('a[href$="/drawing"]'));
  await page.evaluate(() => {
    window.pointers = [];
    const note = ({ pointerType }) => window.pointers.push(pointerType);
    document.getElementById('view').addEventListener('pointerdown', note);
  });
  const begun = await counted(page);
  tell('opened', { begun, wider: await excess(page), faults: [...faults] });
  await shoot('opened');

  await page.click('[name="save"]');
  await page.waitForSelector('#fault:not([hidden])', PATIENCE);
  tell('nothing drawn', { fault: await text('#fault'), at: page.url() });
  // That was asked for.
  faults.length = 0;

  // A spot in the middle of the patient's right lung.
  const right = await middle(page, 'right');
  await page.mouse.move(right.x, right.y);
  await page.mouse.down();
  await page.mouse.move(right.x + 12, right.y + 12, { steps: 4 });
  await page.mouse.up();
  const drawn = await counted(page);
  tell('drawn by mouse', { drawn });
  await shoot('drawn');

  await page.keyboard.press('u');
  const undone = await counted(page);
  await page.keyboard.down('Control');
  await page.keyboard.press('z');
  await page.keyboard.up('Control');
  await page.mouse.down();
  await page.mouse.up();
  tell('undone and drawn again', { undone, again: await counted(page) });

  // A tablet: two fingers move and enlarge the sheet, one erases.
  await page.setViewport({ width: 820, height: 1180, hasTouch: true });
  await page.waitForFunction(() => form.dataset.ready);
  const before = await page.evaluate(() => place.scale);
  await pinch(page, right);
  const pinched = await page.evaluate(() => ({ scale: place.scale, masks: steps.length }));
  await page.evaluate(() => form.fit.click());
  await page.tap('.pick:has([value="eraser"])');
  const spot = await middle(page, 'left', 'infection');
  await page.touchscreen.touchStart(spot.x, spot.y);
  await page.touchscreen.touchMove(spot.x + 6, spot.y + 6);
  await page.touchscreen.touchEnd();
  tell('erased by finger', {
    before,
    pinched,
    erased: await counted(page),
    wider: await excess(page),
    pointers: await page.evaluate(() => [...new Set(window.pointers)]),
  });
  await shoot('tablet');
  await page.setViewport({ width: 390, height: 800, hasTouch: true });
  tell('on a telephone', { wider: await excess(page) });

  const last = await counted(page);
  await Promise.all([page.waitForNavigation(PATIENCE), page.tap('[name="save"]')]);
  const told = await text('#told');
  await page.waitForSelector('#readers table', PATIENCE);
  tell('saved', { told, last, readers: await text('#readers'), at: page.url(), faults });
  await shoot('saved');
});

async function opens(page, click) {
  await Promise.all([page.waitForNavigation(PATIENCE), click()]);
  await page.waitForSelector('#draw[data-ready]', PATIENCE);
}

/** Pixels of each mask, as the editor has them. */
function counted(page) {
  return page.evaluate(() => {
    const count = (bit) => masks.reduce((sum, bits) => sum + ((bits & bit) > 0), 0);
    return { left: count(1), right: count(2), infection: count(4) };
  });
}

/** Where on the screen the middle of the pixels is that are in all of these masks. */
function middle(page, ...names) {
  return page.evaluate((names) => {
    const all = names.reduce((bits, name) => bits | BITS[name], 0);
    let [x, y, n] = [0, 0, 0];
    masks.forEach((bits, at) => {
      if ((bits & all) !== all) return;
      x += at % width;
      y += Math.floor(at / width);
      n += 1;
    });
    const box = view.getBoundingClientRect();
    return {
      x: box.left + place.x + (x / n) * place.scale,
      y: box.top + place.y + (y / n) * place.scale,
    };
  }, names);
}

async function pinch(page, { x, y }) {
  const session = await page.createCDPSession();
  const fingers = (apart) => [
    { x: x - apart, y, id: 1 },
    { x: x + apart, y, id: 2 },
  ];
  const touch = (type, touchPoints) => session.send('Input.dispatchTouchEvent', { type, touchPoints });
  await touch('touchStart', fingers(40).slice(0, 1));
  await touch('touchStart', fingers(40));
  for (const apart of [50, 60, 80]) await touch('touchMove', fingers(apart));
  await touch('touchEnd', []);
}
