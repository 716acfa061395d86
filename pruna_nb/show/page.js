"use strict";
// Zoom for a saved grid: click or Enter opens, arrows turn the pages, Esc closes.
let links = [...document.querySelectorAll("a.zoom")];
const dialog = document.querySelector("dialog");
const [stage, words] = [dialog.querySelector(".stage"), dialog.querySelector(".words")];
const [back, next] = [dialog.querySelector(".back"), dialog.querySelector(".next")];
const { cells } = JSON.parse(document.getElementById("pruna-requests").textContent);
let at = 0;

function line(kind, text) {
  const p = document.createElement("p");
  p.className = kind;
  p.dir = "auto";
  p.textContent = text;
  words.append(p);
}

// Model and fields in words, without the prompt if it stands above already.
function request(asked, text) {
  const fields = Object.entries(asked.input || {}).filter(([, value]) => value !== text);
  const said = fields.map(([name, value]) => {
    const plain = typeof value === "string" ? value : JSON.stringify(value);
    return `${name.replaceAll("_", " ")} ${plain.length > 300 ? `${plain.slice(0, 300)}…` : plain}`;
  });
  return [asked.model, ...said].filter(Boolean).join("  ·  ");
}

function show(index) {
  at = Math.max(0, Math.min(links.length - 1, index));
  const link = links[at];
  const small = link.querySelector("img");
  // only the one on show is decoded: a thousand large pictures would fill the memory
  const large = document.createElement(link.dataset.kind === "video" ? "video" : "img");
  if (large.tagName === "VIDEO") {
    // controls only where it is large
    Object.assign(large, { controls: true, loop: true, autoplay: true, muted: true });
    if (small) large.poster = small.src;
  } else {
    large.alt = small ? small.alt : "";
    if (small) large.className = small.className;
    large.onerror = () => { large.onerror = null; if (small) large.src = small.src; };
  }
  large.src = link.dataset.full || link.getAttribute("href");
  stage.className = "stage";
  stage.replaceChildren(large);
  words.replaceChildren();
  line("text", link.dataset.text);
  const notes = [link.dataset.notes, `${at + 1} / ${links.length}`].filter(Boolean).join("  ·  ");
  line("notes", notes);
  const asked = request(cells[link.dataset.at].request, link.dataset.text);
  if (asked) line("notes", asked);
  if (link.dataset.odd) line("odd", `⚠ ${link.dataset.odd}`);
  back.disabled = at === 0;
  next.disabled = at === links.length - 1;
}

document.querySelector("main").addEventListener("click", (event) => {
  const link = event.target.closest("a.zoom");
  // a click with Ctrl or the middle button still opens the file itself
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(links.indexOf(link));
  dialog.showModal();
});
dialog.addEventListener("keydown", (event) => {
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined || event.target.tagName === "VIDEO") return;
  event.preventDefault();
  show(to);
});
back.addEventListener("click", () => show(at - 1));
next.addEventListener("click", () => show(at + 1));
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
stage.addEventListener("click", (event) => {
  if (event.target === stage) dialog.close();
  if (event.target.tagName === "IMG") stage.classList.toggle("actual");
});
dialog.addEventListener("close", () => {
  stage.replaceChildren();
  if (links[at]) links[at].focus();
});
