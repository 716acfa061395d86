// Runs as a handler of an unseen image beside the pairs: without it they stand side by side.
const APART = 0.12; // seconds: eyes notice more
const BLINK = 700; // milliseconds, well below what can harm
const CHIP = 'position:absolute;top:8px;margin:0;padding:1px 8px;border-radius:4px;' +
  'background:rgba(0,0,0,.62);color:#fff;font-size:.85em;pointer-events:none;z-index:2;' +
  'max-width:calc(50% - 12px);box-sizing:border-box;overflow:hidden;text-overflow:ellipsis;' +
  'white-space:nowrap;';
const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;

function element(tag, style, more) {
  const made = Object.assign(document.createElement(tag), more);
  made.style.cssText = style;
  return made;
}

function prepare(box) {
  box.prunaPair = true;
  box.setAttribute('data-lm-suppress-shortcuts', 'true');
  const stage = box.querySelector('.pruna-pair-stage');
  const figures = [...stage.children];
  const media = figures.map((figure) => figure.querySelector('img, video'));
  if (media.length !== 2 || media.includes(null)) return;
  const labels = figures.map((figure) => figure.querySelector('figcaption'));
  const parts = [stage, ...figures, ...media, ...labels];
  const plain = parts.map((part) => part.style.cssText);
  const line = element('div', 'position:absolute;top:0;bottom:0;width:2px;margin-left:-1px;' +
    'background:#fff;box-shadow:0 0 0 1px rgba(0,0,0,.55);pointer-events:none;z-index:1');
  const knob = element('div', 'position:absolute;top:50%;left:-13px;width:28px;height:28px;' +
    'margin-top:-14px;border-radius:50%;background:#fff;color:#222;text-align:center;' +
    'line-height:28px;font-size:15px;box-shadow:0 0 3px rgba(0,0,0,.6)', { textContent: '↔' });
  line.append(knob);
  const bar = element('div', 'display:flex;flex-wrap:wrap;gap:6px;align-items:center;' +
    'margin:0 0 8px');
  const range = element('input', 'flex:1 1 90px;max-width:220px;margin:0 4px', {
    type: 'range', min: 0, max: 100, step: 'any', value: 50, title: 'Drag, or press ← and →' });
  range.setAttribute('aria-label', 'Where the one ends and the other begins');
  let mode = 'side';
  let timer = 0;
  let front = 1;

  function reveal(share) {
    const at = Math.max(0, Math.min(100, share));
    range.value = at;
    line.style.left = `${at}%`;
    media[1].style.clipPath = `inset(0 0 0 ${at}%)`;
  }
  function turn() {
    if (!box.isConnected) clearInterval(timer);
    front = 1 - front;
    figures.forEach((figure, i) => { figure.style.visibility = i === front ? '' : 'hidden'; });
  }
  function show(wanted) {
    mode = wanted;
    clearInterval(timer);
    line.remove();
    parts.forEach((part, i) => { part.style.cssText = plain[i]; });
    buttons.forEach((button) => {
      const on = button.name === mode;
      button.setAttribute('aria-pressed', on);
      button.style.borderColor = on ? 'rgb(64,120,220)' : 'rgba(128,128,128,.5)';
      button.style.boxShadow = on ? 'inset 0 0 0 1px rgb(64,120,220)' : 'none';
    });
    range.style.visibility = mode === 'slide' ? '' : 'hidden';
    if (mode === 'side') return;
    stage.style.cssText += `;display:grid;position:relative;width:100%;overflow:hidden;` +
      `max-width:${box.dataset.width}px;border-radius:4px;user-select:none;touch-action:pan-y;` +
      `cursor:${mode === 'slide' ? 'ew-resize' : 'pointer'}`;
    figures.forEach((figure) => {
      figure.style.cssText = 'grid-area:1/1;margin:0;min-width:0;max-width:none';
    });
    media.forEach((one) => {
      one.style.cssText = 'display:block;width:100%;height:auto;max-width:none;margin:0;' +
        `aspect-ratio:${box.dataset.ratio};object-fit:contain`;
      one.draggable = false;
    });
    labels[0].style.cssText = `${CHIP}left:8px`;
    labels[1].style.cssText = CHIP + (mode === 'slide' ? 'right:8px' : 'left:8px');
    if (mode === 'slide') {
      stage.append(line);
      reveal(50);
      return;
    }
    front = 0;
    turn();
    if (!calm) timer = setInterval(turn, BLINK);
  }

  const buttons = [['slide', 'Slider', 'Drag across the picture'],
    ['flicker', 'Flicker', 'One after the other in one place; a click on the picture alternates'],
    ['side', 'Side by side', 'Both whole']].map(([name, textContent, title]) => {
    const button = element('button', 'font:inherit;color:inherit;padding:2px 10px;cursor:pointer;' +
      'border:1px solid;border-radius:4px;background:rgba(128,128,128,.12)',
    { type: 'button', name, textContent, title });
    button.addEventListener('click', () => show(name));
    return button;
  });
  bar.append(...buttons);
  range.addEventListener('input', () => reveal(Number(range.value)));
  stage.addEventListener('pointerdown', (event) => {
    if (mode === 'flicker') {
      clearInterval(timer);
      turn();
    }
    if (mode !== 'slide') return;
    stage.setPointerCapture(event.pointerId);
    follow(event);
    range.focus({ preventScroll: true });
    event.preventDefault();
  });
  function follow(event) {
    if (mode !== 'slide' || !stage.hasPointerCapture(event.pointerId)) return;
    const { left, width } = stage.getBoundingClientRect();
    reveal(100 * (event.clientX - left) / width);
  }
  stage.addEventListener('pointermove', follow);

  const films = media.filter((one) => one.tagName === 'VIDEO');
  if (films.length) {
    const play = element('button', `${buttons[0].style.cssText};border-color:rgba(128,128,128,.5)`, { type: 'button', name: 'play' });
    const tell = () => { play.textContent = films[0].paused ? '▶ Play' : '❚❚ Pause'; };
    films.forEach((film) => { film.controls = false; film.preload = 'auto'; });
    play.addEventListener('click', () => {
      const paused = films[0].paused;
      films.forEach((film) => { paused ? film.play().catch(() => {}) : film.pause(); });
    });
    ['play', 'pause'].forEach((kind) => films[0].addEventListener(kind, tell));
    // the other one follows the first, whatever each of them had to load
    films[0].addEventListener('timeupdate', () => films.slice(1).forEach((film) => {
      const time = films[0].currentTime % (film.duration || Infinity);
      if (Math.abs(film.currentTime - time) > APART) film.currentTime = time;
    }));
    tell();
    bar.append(play);
  }
  bar.append(range);
  stage.before(bar);
  show(films.length ? 'side' : 'slide');
}

for (const box of this.parentElement.querySelectorAll('.pruna-pair')) {
  if (!box.prunaPair) prepare(box);
}
