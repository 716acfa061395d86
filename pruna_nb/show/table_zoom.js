// A click on a picture of a table shows it large, from the larger ones that are folded below.
((root) => {
  if (!root || root.prunaZoom) return;
  root.prunaZoom = true;
  const larger = new Map();
  root.querySelectorAll("details figure img").forEach((image) => {
    larger.set(image.alt, [...(larger.get(image.alt) || []), image.src]);
  });
  // Jupyter's shortcuts are heard before a page's keys, but for an element that has this itself
  const takesKeys = (part) => part.setAttribute("data-lm-suppress-shortcuts", "true");
  const pictures = [...root.querySelectorAll("tbody img")];
  const sources = new Map(pictures.map((image) => [image, larger.get(image.alt)?.shift() || image.src]));
  if (!pictures.length) return;
  const large = document.createElement("img");
  const words = document.createElement("p");
  const dialog = document.createElement("dialog");
  dialog.ariaLabel = "Picture";
  dialog.tabIndex = -1;
  takesKeys(dialog);
  dialog.style.cssText = "max-width:96vw;max-height:96vh;padding:16px;border:none;border-radius:8px;"
    + "background:#141417;color:#f2f2f5;text-align:center;overflow:auto;outline:none";
  large.style.cssText = "display:block;margin:0 auto;max-width:100%;max-height:78vh;object-fit:contain";
  words.style.cssText = "margin:10px auto 0;max-width:80ch;overflow-wrap:anywhere;line-height:1.4;"
    + "max-height:12vh;overflow:auto";
  words.dir = "auto";
  dialog.append(large, words);
  root.append(dialog);
  let at = null;

  // In the order in which the rows stand now, without those that are filtered out.
  const shown = () => [...root.querySelectorAll("tbody img")];
  function show(image) {
    at = image;
    large.src = sources.get(image);
    large.alt = image.alt;
    large.style.minWidth = `min(100%, ${2 * image.width}px)`;
    words.textContent = image.title;
    const all = shown();
    words.append(` · ${all.indexOf(image) + 1} of ${all.length} · ← → Esc`);
  }
  pictures.forEach((image) => {
    image.style.cursor = "zoom-in";
    image.tabIndex = 0;
    takesKeys(image);
    const open = () => {
      show(image);
      dialog.showModal();
      dialog.focus();
    };
    image.addEventListener("click", open);
    image.addEventListener("keydown", (event) => {
      if (event.key === "Enter") open();
    });
  });
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => at?.focus());
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = shown();
    show(all[(all.indexOf(at) + step + all.length) % all.length]);
  });
})
