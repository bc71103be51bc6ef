// Keeps a page that is open up to date: asks for it again, and swaps the parts that are marked and
// have changed. Without it everything works, and is as old as the page.
'use strict';
const live = document.getElementById('live');
const every = Number(live?.dataset.every || 0) * 1000;
let failures = 0;
let timer = 0;

/** Whoever is in the middle of something in a part keeps it as it is. */
function isInUse(part) {
  const active = document.activeElement;
  if (part.querySelector('details[open]')) return true;
  return part.contains(active) && active.matches('input, select, textarea');
}

function swap(fresh) {
  for (const part of document.querySelectorAll('[data-live]')) {
    const next = fresh.getElementById(part.id);
    if (!next || isInUse(part) || next.outerHTML === part.outerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const [id, href] = [focused?.id, focused?.getAttribute('href')];
    const place = part.scrollLeft;
    part.className = next.className;
    part.replaceChildren(...next.childNodes);
    part.scrollLeft = place;
    if (id) document.getElementById(id)?.focus();
    else if (href) part.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
  }
  document.title = fresh.title;
}

function say(text, isOld) {
  live.textContent = text;
  document.body.classList.toggle('old', isOld);
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, {
        headers: { 'X-Live': '1' },
        signal: AbortSignal.timeout(15000),
      });
      if (answer.redirected) return location.reload();
      if (!answer.ok) throw new Error(answer.status);
      // What stands here is that the ledger does not answer, and it does again.
      if (!document.querySelector('[data-live]')) return location.reload();
      swap(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      failures = 0;
      say('Live.', false);
    } catch {
      failures += 1;
      say('The node does not answer: what is shown is old.', true);
    }
  }
  timer = setTimeout(look, every * Math.min(10, 1 + failures));
}

if (every) {
  say('Live.', false);
  timer = setTimeout(look, every);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    clearTimeout(timer);
    look();
  });
}
