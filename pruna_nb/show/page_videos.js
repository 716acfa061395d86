// Videos play where they stand: one below the pointer or the focus, or all of them in step.
const playing = new Map();
// seconds: eyes notice more
const APART = 0.12;

function play(link) {
  if (playing.has(link)) return playing.get(link);
  const video = element("video", { muted: true, loop: true, playsInline: true, tabIndex: -1 });
  video.src = link.dataset.full || link.getAttribute("href");
  video.addEventListener("playing", () => link.classList.add("playing"));
  video.addEventListener("error", () => stop(link));
  playing.set(link, video);
  link.append(video);
  return video;
}

function stop(link) {
  playing.get(link)?.remove();
  playing.delete(link);
  link.classList.remove("playing");
}

function start(video) {
  // refused while it is taken away again: nothing to tell
  video.play().catch(() => {});
}

let together = false;
const films = () => links.filter((link) => link.dataset.kind === "video");
for (const [kind, begins] of [["pointerover", true], ["focusin", true], ["pointerout", false],
  ["focusout", false]]) {
  main.addEventListener(kind, (event) => {
    const link = event.target.closest('a.zoom[data-kind="video"]');
    if (together || !link || link.contains(event.relatedTarget)) return;
    if (begins) start(play(link));
    else stop(link);
  });
}

// The others follow the first one, whatever each of them had to load.
function keepStep() {
  const [first, ...others] = [...playing.values()];
  if (!together || !first) return;
  others.forEach((video) => {
    if (!video.duration) return;
    const time = first.currentTime % video.duration;
    if (Math.abs(video.currentTime - time) > APART) video.currentTime = time;
  });
}

if (films().length > 1) {
  const all = element("button", { type: "button", className: "play" }, "▶ Play all");
  all.addEventListener("click", () => {
    together = !together;
    all.textContent = together ? "■ Stop" : "▶ Play all";
    [...playing.keys()].forEach(stop);
    if (!together) return;
    const videos = films().map(play);
    videos[0].addEventListener("timeupdate", keepStep);
    // all begin when all can
    Promise.all(videos.map((video) => new Promise((ready) => {
      for (const kind of ["canplay", "error"]) video.addEventListener(kind, ready, { once: true });
      video.load();
    }))).then(() => videos.forEach(start));
  });
  extras.append(all);
}
