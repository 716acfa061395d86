// Axes, filter and order of a saved grid: figures are moved, never made again.
const main = document.querySelector("main");
const controls = document.querySelector(".controls");
const axes = JSON.parse(main.dataset.axes);
const figures = [...main.querySelectorAll("figure")]
  .sort((a, b) => a.dataset.cell - b.dataset.cell);
const state = { rows: axes.rows, cols: axes.cols, sort: -1, down: false, words: [] };
const compare = new Intl.Collator(undefined, { numeric: true }).compare;
const haystacks = figures.map((figure, i) => {
  const said = axes.fields.map((field) => field.values[field.at[i]]);
  const { request, status, error } = cells[i];
  const asked = Object.values(request.input || {}).map(String);
  return [figure.textContent, ...said, ...asked, request.model, status, error]
    .filter(Boolean).join("\n").toLowerCase();
});

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function text(field, value) {
  return field < 0 ? "" : axes.fields[field].values[value];
}

function placed(field, cell) {
  return field < 0 ? 0 : axes.fields[field].at[cell];
}

// The values of a field in their order: by number where all are numbers.
function ranks(field) {
  const { values } = axes.fields[field];
  const numbers = values.every((value) => value === "" || Number.isFinite(Number(value)));
  const order = values.map((_, i) => i).sort((a, b) => (
    numbers ? Number(values[a]) - Number(values[b]) : compare(values[a], values[b])
  ));
  return order.reduce((found, value, rank) => { found[value] = rank; return found; }, []);
}

function inOrder() {
  const found = figures.map((_, i) => i)
    .filter((i) => state.words.every((word) => haystacks[i].includes(word)));
  if (state.sort < 0) return state.down ? found.reverse() : found;
  const rank = ranks(state.sort);
  const sign = state.down ? -1 : 1;
  return found.sort((a, b) => sign * (rank[placed(state.sort, a)] - rank[placed(state.sort, b)]));
}

// The keys of an axis, those of one group side by side, each level as its values come first.
function keysOf(fields, shown) {
  const places = fields.map((field) => [...new Set(shown.map((i) => placed(field, i)))]);
  const keys = new Map();
  shown.forEach((i) => {
    const key = fields.map((field) => placed(field, i));
    keys.set(key.join(), key);
  });
  return [...keys.values()].sort((a, b) => {
    const level = a.findIndex((value, i) => value !== b[i]);
    return level < 0 ? 0 : places[level].indexOf(a[level]) - places[level].indexOf(b[level]);
  });
}

// For each level the heads, and how many keys each stands for.
function spansOf(keys) {
  return keys[0].map((_, depth) => keys.reduce((heads, key, start) => {
    const before = keys[start - 1];
    const same = before && key.slice(0, depth + 1).every((value, i) => value === before[i]);
    if (same) heads.at(-1).span += 1;
    else heads.push({ value: key[depth], start, span: 1 });
    return heads;
  }, []));
}

function head(scope, span, words, level) {
  const properties = { scope, [scope.startsWith("col") ? "colSpan" : "rowSpan"]: span };
  if (level !== undefined) properties.className = `l${level}`;
  return element("th", properties, element("bdi", { textContent: words }));
}

function title(field) {
  return field < 0 ? "" : axes.fields[field].name;
}

function table(shown) {
  const rows = state.rows.length ? state.rows : [-1];
  const cols = state.cols.length ? state.cols : [-1];
  const [rowKeys, colKeys] = [keysOf(rows, shown), keysOf(cols, shown)];
  const places = new Map();
  shown.forEach((i) => {
    const place = [...rows, ...cols].map((field) => placed(field, i)).join();
    places.set(place, [...(places.get(place) || []), figures[i]]);
  });
  const top = spansOf(colKeys).map((heads, level) => element("tr", {}, ...heads.map(
    ({ value, span }) => head(level < cols.length - 1 ? "colgroup" : "col", span,
      text(cols[level], value)),
  )));
  const corners = rows.map((field, level) => {
    const names = [title(field), level === rows.length - 1 ? cols.map(title).join(" · ") : ""];
    return element("td", { className: `l${level}`, rowSpan: cols.length },
      names.filter(Boolean).join(" / "));
  });
  top[0].prepend(...corners);
  const lines = rowKeys.map((row) => element("tr", {}, ...colKeys.map((col) => {
    const found = places.get([...row, ...col].join());
    return found ? element("td", {}, ...found) : element("td", { className: "none" }, "–");
  })));
  spansOf(rowKeys).reverse().forEach((heads, i) => heads.forEach(({ value, start, span }) => {
    const level = rows.length - 1 - i;
    const scope = i ? "rowgroup" : "row";
    lines[start].prepend(head(scope, span, text(rows[level], value), level));
  }));
  main.style.setProperty("--n", colKeys.length);
  main.style.setProperty("--depth", rows.length);
  return element("table", {}, element("thead", {}, ...top), element("tbody", {}, ...lines));
}

function fitHeads() {
  const thead = main.querySelector("thead");
  document.body.classList.toggle("axes", Boolean(thead));
  if (thead) main.style.setProperty("--top", `${thead.offsetHeight}px`);
}

function draw() {
  const shown = inOrder();
  const heads = [...state.rows, ...state.cols];
  figures.forEach((figure) => figure.querySelectorAll("[data-field]").forEach((part) => {
    part.hidden = heads.includes(Number(part.dataset.field));
  }));
  let body = element("p", { className: "nothing" }, "No picture matches the filter.");
  if (shown.length && heads.length) body = table(shown);
  else if (shown.length) body = element("div", { className: "flow" }, ...shown.map((i) => figures[i]));
  main.replaceChildren(body);
  links = [...main.querySelectorAll("a.zoom")];
  const all = shown.length === figures.length;
  controls.querySelector("output").textContent = all ? "" : `${shown.length} of ${figures.length}`;
  fitHeads();
}

// A list for each level of an axis, and one more to add another level.
function axis(name, label) {
  const other = name === "rows" ? "cols" : "rows";
  const spare = axes.fields.length > state.rows.length + state.cols.length;
  const levels = [...state[name], ...(spare || !state[name].length ? [-1] : [])];
  const lists = levels.map((chosen, level) => {
    const kept = state[name].filter((_, i) => i !== level);
    const options = [-1, ...axes.fields.keys()].filter((field) => !kept.includes(field))
      .map((field) => element("option", { value: field, selected: field === chosen },
        field < 0 ? (level ? "+" : "–") : title(field)));
    const className = level && chosen < 0 ? "more" : "";
    const list = element("select", { className, ariaLabel: level ? `${label}, level ${level + 1}` : label },
      ...options);
    list.addEventListener("change", () => {
      const field = Number(list.value);
      state[name] = levels.map((value, i) => (i === level ? field : value))
        .filter((value) => value >= 0);
      state[other] = state[other].filter((value) => value !== field);
      choose(`select[aria-label="${list.ariaLabel}"]`);
    });
    return list;
  });
  return element("span", { className: "control" }, `${label} `, ...lists);
}

function order() {
  const options = [-1, ...axes.fields.keys()].map((field) => element("option",
    { value: field, selected: field === state.sort }, field < 0 ? "as made" : title(field)));
  const list = element("select", { ariaLabel: "Sort" }, ...options);
  list.addEventListener("change", () => {
    state.sort = Number(list.value);
    draw();
  });
  const turn = element("button", { type: "button", ariaLabel: "Reverse the order" },
    state.down ? "↓" : "↑");
  turn.addEventListener("click", () => {
    state.down = !state.down;
    turn.textContent = state.down ? "↓" : "↑";
    draw();
  });
  return element("span", { className: "control" }, "Sort ", list, turn);
}

const filter = element("input",
  { type: "search", ariaLabel: "Filter", placeholder: "Filter: words of a prompt, a seed, failed" });
filter.addEventListener("input", () => {
  state.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  draw();
});
const filtered = element("span", { className: "control wide" }, filter,
  element("output", { ariaLive: "polite" }));
const extras = element("span", { className: "control" });

function choose(focused) {
  const lists = axes.fields.length ? [axis("rows", "Rows"), axis("cols", "Columns"), order()] : [];
  controls.replaceChildren(...lists, extras, filtered);
  draw();
  controls.querySelector(focused)?.focus();
}

controls.addEventListener("submit", (event) => event.preventDefault());
if (figures.length > 1) {
  const lists = axes.fields.length ? [axis("rows", "Rows"), axis("cols", "Columns"), order()] : [];
  controls.replaceChildren(...lists, extras, filtered);
  controls.hidden = false;
}
fitHeads();
window.addEventListener("resize", fitHeads);
