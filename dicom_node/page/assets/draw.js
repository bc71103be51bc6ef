// The editor of masks. Nothing leaves the page before "Save", and what is not taken stays on it.
'use strict';
const form = document.getElementById('draw');
const view = document.getElementById('view');
const sheet = document.getElementById('sheet');
const cursor = document.getElementById('cursor');
const fault = document.getElementById('fault');
const canvas = sheet.querySelector('canvas');
const [width, height] = [Number(form.dataset.width), Number(form.dataset.height)];
/** A bit of each pixel for each mask: left lung, right lung, infection. */
const BITS = { left: 1, right: 2, infection: 4 };
const OTHER = { left: BITS.right, right: BITS.left, infection: 0 };
const MOST_STEPS = 30;
const LARGEST_SCALE = 12;

let masks = new Uint8Array(width * height);
const steps = [];
let isReady = false;
let isSaving = false;
let isChanged = false;

// What is shown.

canvas.width = width;
canvas.height = height;
sheet.style.width = `${width}px`;
sheet.style.height = `${height}px`;
const paper = canvas.getContext('2d');

/** Color and opacity, 0..255, of a pixel of these bits. */
function colorOf(bits) {
  const isLung = bits & (BITS.left | BITS.right);
  if (bits & BITS.infection) return [255, 128, 16, isLung ? 255 : 90];
  if (bits & BITS.left) return [86, 180, 233, 90];
  return bits ? [0, 158, 115, 90] : [0, 0, 0, 0];
}
const COLORS = Array.from({ length: 8 }, (_, bits) => colorOf(bits));

function paint(left = 0, top = 0, right = width, bottom = height) {
  if (right <= left || bottom <= top) return;
  const part = paper.createImageData(right - left, bottom - top);
  let at = 0;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++, at += 4) part.data.set(COLORS[masks[y * width + x]], at);
  paper.putImageData(part, left, top);
}

function say(text) {
  fault.textContent = text;
  fault.hidden = !text;
}

// The view: where the sheet lies in it, and how large.

const place = { scale: 1, x: 0, y: 0 };

function lay() {
  sheet.style.transform = `translate(${place.x}px, ${place.y}px) scale(${place.scale})`;
}

function fittingScale() {
  return Math.min(view.clientWidth / width, view.clientHeight / height);
}

function fit() {
  place.scale = fittingScale();
  place.x = (view.clientWidth - width * place.scale) / 2;
  place.y = (view.clientHeight - height * place.scale) / 2;
  lay();
}

/** Closer or farther around a point of the view. */
function zoom(factor, x = view.clientWidth / 2, y = view.clientHeight / 2) {
  const smallest = fittingScale() / 2;
  const scale = Math.min(LARGEST_SCALE, Math.max(smallest, place.scale * factor));
  place.x = x - ((x - place.x) * scale) / place.scale;
  place.y = y - ((y - place.y) * scale) / place.scale;
  place.scale = scale;
  lay();
}

/** Of an event, in the view. */
function inView(event) {
  const box = view.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** Of an event, on the sheet, in its pixels. */
function onSheet(event) {
  const [x, y] = inView(event);
  return [(x - place.x) / place.scale, (y - place.y) / place.scale];
}

function showCursor(event) {
  cursor.hidden = event.pointerType === 'touch';
  const across = Number(form.size.value) * place.scale;
  const [x, y] = inView(event);
  cursor.style.width = cursor.style.height = `${across}px`;
  cursor.style.transform = `translate(${x - across / 2 - 1.5}px, ${y - across / 2 - 1.5}px)`;
}

// Drawing: a stroke is a chain of straight pieces, each as wide as the brush.

function draw([x0, y0], [x1, y1]) {
  const radius = Number(form.size.value) / 2;
  const [bit, other] = [BITS[form.mask.value], OTHER[form.mask.value]];
  const isBrush = form.tool.value === 'brush';
  const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius));
  const right = Math.min(width, Math.ceil(Math.max(x0, x1) + radius) + 1);
  const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius));
  const bottom = Math.min(height, Math.ceil(Math.max(y0, y1) + radius) + 1);
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const [ox, oy] = [px - along * dx, py - along * dy];
      if (ox * ox + oy * oy > radius * radius) continue;
      const at = y * width + x;
      // A pixel is of one lung.
      masks[at] = isBrush ? (masks[at] & ~other) | bit : masks[at] & ~bit;
    }
  paint(left, top, right, bottom);
}

function begin() {
  say('');
  steps.push(masks.slice());
  if (steps.length > MOST_STEPS) steps.shift();
  changed();
}

function undo() {
  if (!steps.length || stroke) return;
  masks = steps.pop();
  paint();
  changed();
}

function changed() {
  isChanged = steps.length > 0;
  form.undo.disabled = !steps.length;
}

// Pointers: one draws; two fingers move the sheet.

const fingers = new Map();
let stroke = null;
let gesture = null;

view.addEventListener('pointerdown', (event) => {
  if (!isReady || isSaving || (event.pointerType === 'mouse' && event.button !== 0)) return;
  event.preventDefault();
  view.setPointerCapture(event.pointerId);
  if (event.pointerType === 'touch') fingers.set(event.pointerId, inView(event));
  if (fingers.size === 2) {
    // What the first finger began was meant to be this.
    if (stroke) cancel();
    gesture = spread();
  } else if (!stroke && !gesture) {
    begin();
    stroke = { id: event.pointerId, at: onSheet(event) };
    draw(stroke.at, stroke.at);
  }
  showCursor(event);
});

view.addEventListener('pointermove', (event) => {
  showCursor(event);
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, inView(event));
  if (gesture && fingers.size === 2) {
    const now = spread();
    zoom(now.apart / gesture.apart, gesture.x, gesture.y);
    place.x += now.x - gesture.x;
    place.y += now.y - gesture.y;
    lay();
    gesture = now;
  } else if (stroke?.id === event.pointerId) {
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const to = onSheet(one);
      draw(stroke.at, to);
      stroke.at = to;
    }
  }
});

for (const name of ['pointerup', 'pointercancel'])
  view.addEventListener(name, (event) => {
    if (stroke?.id === event.pointerId) stroke = null;
    fingers.delete(event.pointerId);
    if (!fingers.size) gesture = null;
  });
view.addEventListener('pointerleave', () => (cursor.hidden = true));
view.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), ...inView(event));
  },
  { passive: false },
);

function cancel() {
  stroke = null;
  undo();
}

function spread() {
  const [[ax, ay], [bx, by]] = [...fingers.values()];
  return { x: (ax + bx) / 2, y: (ay + by) / 2, apart: Math.max(1, Math.hypot(ax - bx, ay - by)) };
}

// Buttons, sliders and keys.

form.undo.onclick = undo;
form.closer.onclick = () => zoom(1.25);
form.farther.onclick = () => zoom(0.8);
form.fit.onclick = fit;
form.opacity.oninput = () => (canvas.style.opacity = form.opacity.value / 100);
form.opacity.oninput();
addEventListener('resize', fit);
addEventListener('beforeunload', (event) => isChanged && event.preventDefault());

let hiddenFrom = 0;
function press(key) {
  const size = Number(form.size.value);
  if (key === '[') form.size.value = size / 1.2;
  else if (key === ']') form.size.value = size * 1.2 + 1;
  else if (key === 'h') {
    const now = Number(form.opacity.value);
    form.opacity.value = now ? 0 : hiddenFrom || 50;
    hiddenFrom = now;
    form.opacity.oninput();
  } else if (key === '=') form.closer.click();
  else form.querySelector(`[data-key="${CSS.escape(key)}"]`)?.click();
}
addEventListener('keydown', (event) => {
  if (event.target.matches('input[type="search"]')) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === 'z') {
      event.preventDefault();
      undo();
    }
  } else if (!event.altKey && key.length === 1 && key !== ' ') press(key);
});

// Loading and saving: the masks as a picture, one in each of red, green and blue.

async function load() {
  const image = new Image();
  image.src = canvas.dataset.src;
  const shown = sheet.querySelector('img');
  try {
    await Promise.all([image.decode(), shown.decode()]);
  } catch {
    return say('The radiograph or its masks cannot be had: load the page again; the job says why.');
  }
  const ink = inked();
  ink.drawImage(image, 0, 0);
  const { data } = ink.getImageData(0, 0, width, height);
  for (let at = 0; at < masks.length; at++)
    masks[at] =
      (data[4 * at] > 127 ? BITS.left : 0) |
      (data[4 * at + 1] > 127 ? BITS.right : 0) |
      (data[4 * at + 2] > 127 ? BITS.infection : 0);
  paint();
  isReady = true;
  form.dataset.ready = 'yes';
}

function inked() {
  const other = document.createElement('canvas');
  [other.width, other.height] = [width, height];
  return other.getContext('2d', { willReadFrequently: true });
}

/** The masks as PNG, in base 64. */
async function written() {
  const ink = inked();
  const picture = ink.createImageData(width, height);
  for (let at = 0; at < masks.length; at++) {
    picture.data[4 * at] = masks[at] & BITS.left ? 255 : 0;
    picture.data[4 * at + 1] = masks[at] & BITS.right ? 255 : 0;
    picture.data[4 * at + 2] = masks[at] & BITS.infection ? 255 : 0;
    picture.data[4 * at + 3] = 255;
  }
  ink.putImageData(picture, 0, 0);
  const blob = await new Promise((done) => ink.canvas.toBlob(done, 'image/png'));
  const reader = new FileReader();
  await new Promise((done) => {
    reader.onload = done;
    reader.readAsDataURL(blob);
  });
  return reader.result.split(',')[1];
}

/** Whoever has had to log in again meanwhile has another token. */
async function tokenOfNow() {
  const answer = await fetch(location.href, { headers: { 'X-Live': '1' } });
  if (answer.redirected)
    throw new Error('you are logged out; log in in another tab, come back and save again');
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  return fresh.querySelector('[name="token"]')?.value ?? form.token.value;
}

async function save() {
  const body = new URLSearchParams({
    token: await tokenOfNow(),
    basis: form.basis.value,
    editor: form.editor.value,
    back: form.back.value,
    masks: await written(),
  });
  if (String(body).length > Number(form.dataset.most))
    throw new Error('it has too many edges to be kept; draw with a larger brush');
  const answer = await fetch(form.action, { method: 'POST', body });
  if (answer.status === 201) {
    isChanged = false;
    return location.assign(answer.headers.get('Location'));
  }
  const told = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const why = told.querySelector('.dialog p')?.textContent ?? told.body.textContent;
  throw new Error(why || `the node answers ${answer.status}`);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!isReady || isSaving) return;
  isSaving = form.save.disabled = true;
  say('');
  try {
    await save();
  } catch (error) {
    const isAway = error instanceof TypeError;
    const why = isAway ? 'the node does not answer; try again' : error.message.replace(/\.$/, '');
    say(`Not saved, and what you drew stays here: ${why}.`);
    isSaving = form.save.disabled = false;
  }
});

fit();
load();
