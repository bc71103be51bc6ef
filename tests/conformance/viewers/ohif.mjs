// Opens studies in OHIF, in headless Chromium, and says what there is to see.
//
//   node ohif.mjs ORTHANC_HTTP_PORT PLAN.json
//
// The plan is a list of studies, {name, study_instance_uid, series}; series are {role,
// series_number, sop_instance_uid, shows}, in the order to open them. What one shows is "image",
// "segmentation", "measurements" or "nothing".
//
// The last line printed is JSON, one entry a study: {name, faults, views}. Faults are errors of
// the page and answers of 400 and above. A view is {role, picture, labels, to_picture}: a file
// beside the plan; the lines of each label that is drawn over the image; and the affine
// [[a, b, c], [d, e, f]] that takes a place (column, row) in the image to one (x, y) in the
// picture, null where no image is shown.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import puppeteer, { TimeoutError } from 'puppeteer-core';
import { serveOhif } from './ohif_server.mjs';

const PATIENCE = { timeout: 60_000, polling: 100 };
const CLICK_PATIENCE = { timeout: 30_000, polling: 100 };
const CLICKS = 4;
const LOOKS = 2;
const SIZE = { width: 1500, height: 950 };
const THUMBNAIL = '[data-cy^="study-browser-thumbnail"]';
const PROMPT = '[data-cy="yes-hydrate-btn"]';

/** When each kind of result is shown; these run in the page. */
const SHOWN = {
  image: (sopInstanceUid) =>
    window.cornerstone
      ?.getRenderingEngines()
      .flatMap((engine) => engine.getViewports())
      .some(
        (viewport) =>
          viewport.getCornerstoneImage?.()?.imageId.includes(sopInstanceUid) &&
          viewport.viewportStatus === 'rendered',
      ),
  segmentation: () =>
    window.cornerstone
      .getRenderingEngines()
      .flatMap((engine) => engine.getViewports())
      .some(
        ({ id }) =>
          window.cornerstoneTools.segmentation.state.getSegmentationRepresentations(id).length,
      ),
  measurements: () => document.querySelector('[data-cy="viewport-pane"] svg tspan') !== null,
  nothing: (sopInstanceUid) => {
    const { displaySetService, viewportGridService } = window.services;
    return [...viewportGridService.getState().viewports.values()]
      .flatMap((viewport) => viewport.displaySetInstanceUIDs)
      .some((uid) => displaySetService.getDisplaySetByUID(uid)?.SOPInstanceUID === sopInstanceUid);
  },
};

const [orthancPort, planFile] = process.argv.slice(2);
const site = await serveOhif(orthancPort);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  protocolTimeout: 180_000,
  args: [
    '--no-sandbox', // as root Chromium starts no other way
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--ignore-gpu-blocklist',
    '--disable-dev-shm-usage',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const seen = [];
  for (const study of JSON.parse(readFileSync(planFile, 'utf-8'))) seen.push(await insist(study));
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
process.exit();

/** As a person does: who waits in vain opens the study once more. Any other fault is told at once. */
async function insist(study) {
  for (let left = LOOKS; ; left--) {
    const { waited, ...seen } = await look(study);
    if (!waited || left === 1) return seen;
    console.error(`${study.name}: ${seen.faults.join('; ')}: opened again`);
  }
}

async function look({ name, study_instance_uid, series }) {
  const page = await browser.newPage();
  await page.setViewport(SIZE);
  // The tour for new users would lie over the image.
  await page.evaluateOnNewDocument(() => localStorage.setItem('shownTours', '["basicViewerTour"]'));
  const faults = listen(page);
  const views = [];
  let waited = false;
  try {
    await page.goto(`${site}/viewer?StudyInstanceUIDs=${study_instance_uid}`);
    await page.waitForFunction(SHOWN.image, PATIENCE, ''); // whichever OHIF thinks the first
    await settle(page);
    for (const { role, series_number, sop_instance_uid, shows } of series) {
      await open(page, series_number, SHOWN[shows], sop_instance_uid);
      if (shows === 'segmentation') await accept(page);
      await settle(page);
      views.push(await view(page, role, join(dirname(planFile), `${name}-${role}.png`)));
    }
  } catch (error) {
    waited = error instanceof TimeoutError && faults.length === 0;
    faults.push(`after ${views.length} views: ${error}`);
    await page.screenshot({ path: join(dirname(planFile), `${name}-fault.png`) });
  }
  await page.close();
  return { name, faults, views, waited };
}

/** The list that every error of the page will be put into. */
function listen(page) {
  const faults = [];
  page.on('pageerror', (error) => faults.push(`page: ${error}`));
  page.on('console', (said) => said.type() === 'error' && faults.push(`console: ${said.text()}`));
  page.on('response', (answer) => {
    if (answer.status() >= 400) faults.push(`${answer.status()}: ${answer.url()}`);
  });
  return faults;
}

/** As a person does: who sees nothing come of a double click makes another. */
async function open(page, seriesNumber, isShown, sopInstanceUid) {
  for (let left = CLICKS; left > 0; left--) {
    await doubleClick(page, seriesNumber);
    try {
      await page.waitForFunction(isShown, CLICK_PATIENCE, sopInstanceUid);
      return;
    } catch (error) {
      if (left === 1 || !(error instanceof TimeoutError)) throw error;
    }
  }
}

/** On the thumbnail of the series, which names its number on a line of its own. */
async function doubleClick(page, seriesNumber) {
  const find = (selector, line) =>
    [...document.querySelectorAll(selector)].find((one) =>
      one.innerText.split('\n').includes(line),
    );
  const thumbnail = await page.waitForFunction(find, PATIENCE, THUMBNAIL, `S:${seriesNumber}`);
  await thumbnail.asElement().click({ count: 2, delay: 40 });
}

/** OHIF shows a segmentation first, then asks whether to keep it. */
async function accept(page) {
  const prompt = await page.waitForSelector(PROMPT, { timeout: PATIENCE.timeout });
  await prompt.click();
  await page.waitForSelector(PROMPT, { hidden: true, timeout: PATIENCE.timeout });
  await page.waitForFunction(SHOWN.segmentation, PATIENCE);
}

/** Two pictures in a row that are the same: whatever is drawn later than it is said is drawn. */
async function settle(page) {
  let before;
  for (const until = Date.now() + PATIENCE.timeout; Date.now() < until; ) {
    const now = await page.screenshot({ encoding: 'base64', optimizeForSpeed: true });
    if (now === before) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('the picture does not come to rest');
}

async function view(page, role, picture) {
  await page.screenshot({ path: picture });
  const labels = await page.$$eval('[data-cy="viewport-pane"] svg text', (texts) =>
    texts.map((text) => [...text.querySelectorAll('tspan')].map((line) => line.textContent)),
  );
  return { role, picture, labels, to_picture: await page.evaluate(imageToPicture) };
}

function imageToPicture() {
  const viewport = window.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find((one) => one.getCornerstoneImage?.());
  if (!viewport) return null;
  const { left, top } = viewport.canvas.getBoundingClientRect();
  const place = (column, row) => {
    const { imageToWorldCoords } = window.cornerstone.utilities;
    const world = imageToWorldCoords(viewport.getCurrentImageId(), [column, row]);
    const [x, y] = viewport.worldToCanvas(world);
    return [x + left, y + top];
  };
  const [x, y] = place(0, 0);
  const [acrossX, acrossY] = place(100, 0);
  const [downX, downY] = place(0, 100);
  return [
    [(acrossX - x) / 100, (downX - x) / 100, x],
    [(acrossY - y) / 100, (downY - y) / 100, y],
  ];
}
