// Runs as a handler of an unseen image within a grid; without it, a click on a picture opens it too.
// Esc and a click on the large one close it, the arrows turn the pages, and videos play where they
// stand: the one below the pointer or the focus, or all of them in step.
const APART = 0.12; // seconds: eyes notice more
const root = this.parentElement;
const all = [...root.querySelectorAll('details.pruna-large')];
const playing = new Map();
let together = false;

function open(fold) {
  fold.open = true;
  const summary = fold.querySelector('summary');
  summary.focus({ preventScroll: true });
  summary.nextElementSibling.firstElementChild.scrollIntoView({ block: 'nearest' });
}
root.addEventListener('keydown', (event) => {
  const fold = event.target.closest('details.pruna-large[open]');
  const step = { ArrowRight: 1, ArrowLeft: -1, Escape: 0 }[event.key];
  if (!fold || step === undefined || event.target.tagName === 'VIDEO') return;
  event.preventDefault();
  event.stopPropagation();
  fold.open = false;
  if (step) open(all[(all.indexOf(fold) + step + all.length) % all.length]);
}, true);

// Place what is open below all of its row, and keep just its place free.
function settle(fold) {
  const [summary, large, spacer] = fold.children;
  const { top, bottom } = summary.getBoundingClientRect();
  const row = [...root.querySelectorAll('figure')].filter((each) => !each.contains(fold))
    .map((each) => each.getBoundingClientRect())
    .filter((each) => each.top < bottom && each.bottom > top);
  const down = Math.max(0, ...row.map((each) => each.bottom - bottom));
  large.style.marginTop = `${down}px`;
  spacer.style.height = `${down + large.offsetHeight + 16}px`;
}

function still(fold) {
  return fold.querySelector('summary').firstElementChild;
}
function play(fold) {
  if (playing.has(fold)) return playing.get(fold);
  const film = document.createElement('video');
  Object.assign(film, { muted: true, loop: true, playsInline: true, tabIndex: -1 });
  film.src = fold.querySelector('video[controls]').src;
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = still(fold);
  film.style.cssText = `position:absolute;left:${offsetLeft}px;top:${offsetTop}px;` +
    `width:${offsetWidth}px;height:${offsetHeight}px;object-fit:cover;border-radius:4px;` +
    'max-width:none;margin:0;pointer-events:none';
  playing.set(fold, film);
  fold.querySelector('summary').append(film);
  return film;
}
function stop(fold) {
  playing.get(fold)?.remove();
  playing.delete(fold);
}
// refused while it is taken away again: nothing to tell
const start = (film) => film.play().catch(() => {});

const films = all.filter((fold) => fold.querySelector('video[controls]'));
for (const fold of all) {
  const summary = fold.querySelector('summary');
  const large = summary.nextElementSibling.firstElementChild;
  summary.setAttribute('data-lm-suppress-shortcuts', 'true');
  if (large.tagName === 'IMG') {
    large.style.cursor = 'zoom-out';
    large.addEventListener('click', () => { fold.open = false; });
    large.addEventListener('load', () => { if (fold.open) settle(fold); });
  }
  fold.addEventListener('toggle', () => {
    if (fold.open) settle(fold);
    if (large.tagName !== 'VIDEO') return;
    if (!fold.open) large.pause();
    else {
      stop(fold);
      start(large);
    }
  });
}
for (const fold of films) {
  const summary = fold.querySelector('summary');
  for (const kind of ['pointerenter', 'focus']) {
    summary.addEventListener(kind, () => { if (!together && !fold.open) start(play(fold)); });
  }
  for (const kind of ['pointerleave', 'blur']) {
    summary.addEventListener(kind, () => { if (!together) stop(fold); });
  }
}
if (films.length > 1) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'pruna-play-all';
  button.style.cssText = 'font:inherit;font-size:.9em;color:inherit;padding:2px 10px;' +
    'cursor:pointer;border:1px solid rgba(128,128,128,.5);border-radius:4px;margin:0 0 10px;' +
    'background:rgba(128,128,128,.12)';
  button.textContent = '▶ Play all';
  button.addEventListener('click', () => {
    together = !together;
    button.textContent = together ? '■ Stop' : '▶ Play all';
    [...playing.keys()].forEach(stop);
    if (!together) return;
    const [first, ...others] = films.map(play);
    // the others follow the first one, whatever each of them had to load
    first.addEventListener('timeupdate', () => others.forEach((film) => {
      if (!film.duration) return;
      const time = first.currentTime % film.duration;
      if (Math.abs(film.currentTime - time) > APART) film.currentTime = time;
    }));
    // all begin when all can
    Promise.all([first, ...others].map((film) => new Promise((ready) => {
      for (const kind of ['canplay', 'error']) film.addEventListener(kind, ready, { once: true });
      film.load();
    }))).then(() => [first, ...others].forEach(start));
  });
  root.prepend(button);
}
