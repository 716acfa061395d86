// Search, filters and order for a table: its rows are moved and hidden, never made again.
// Without it, as where a notebook is not trusted, the table stands as it is.
((root) => {
  if (!root || root.prunaTable) return;
  root.prunaTable = true;
  const [table, ...folded] = root.querySelectorAll("table");
  const body = table.tBodies[0];
  const page = body.rows.length;
  folded.forEach((each) => {
    body.append(...each.tBodies[0].rows);
    each.closest("details").remove();
  });
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  // a cell that is cut has its whole text as its title
  const texts = rows.map((row) => [...row.cells].map((cell) => cell.title || cell.textContent.trim()));
  const lines = texts.map((row) => row.join("\n").toLowerCase());
  const read = (text) => (text === "" ? NaN : Number(text.replaceAll(",", "").replace("inf", "Infinity")));
  const columns = heads.map((head, i) => {
    const values = [...new Set(texts.map((row) => row[i]).filter(Boolean))];
    return {
      name: head.textContent.trim(),
      pictures: rows.some((row) => row.cells[i].querySelector("img")),
      numbers: values.length > 0 && values.every((value) => !Number.isNaN(read(value))),
      choices: values.length > 1 && values.length < 9
        && values.every((value) => value.length < 31 && !value.includes(",")) ? values.sort(compare) : [],
    };
  });
  const state = { sort: -1, down: false, words: [], filters: columns.map(() => ""), most: page };

  // by its style: a host's own style sheet may show what is hidden by its attribute
  const reveal = (part, yes) => { part.style.display = yes ? "" : "none"; };
  const CONTROL = "font:inherit;font-size:.85em;line-height:1.4;color:inherit;background:transparent;"
    + "border:1px solid rgba(128,128,128,.5);border-radius:4px;padding:3px 8px;margin:0;"
    + "box-sizing:border-box;height:auto;";
  function element(tag, style, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.style.cssText = style;
    // Jupyter's shortcuts are heard before a page's keys, but for an element that has this itself
    made.setAttribute("data-lm-suppress-shortcuts", "true");
    made.append(...children);
    return made;
  }

  // Whether a cell passes a filter: a number by > < = or a range, a choice as a whole, else a part.
  function passes(i, text) {
    const wanted = state.filters[i].trim();
    if (!wanted) return true;
    const { numbers, choices } = columns[i];
    const range = numbers && wanted.match(/^(-?[\d.]+)\s*(?:-|to)\s*(-?[\d.]+)$/);
    const bound = numbers && wanted.match(/^(>=|<=|>|<|=)?\s*(-?[\d.,]+)$/);
    const value = read(text);
    if (range) return value >= Number(range[1]) && value <= Number(range[2]);
    if (bound) {
      const limit = read(bound[2]);
      return { ">": value > limit, "<": value < limit, ">=": value >= limit, "<=": value <= limit }[bound[1]]
        ?? value === limit;
    }
    if (choices.length) return text === wanted;
    return text.toLowerCase().includes(wanted.toLowerCase());
  }

  function inOrder() {
    const found = rows.map((_, at) => at).filter((at) => (
      state.words.every((word) => lines[at].includes(word))
      && columns.every((_, i) => passes(i, texts[at][i]))
    ));
    if (state.sort < 0) return found;
    const { numbers } = columns[state.sort];
    const sign = state.down ? -1 : 1;
    return found.sort((a, b) => {
      const [one, two] = [texts[a][state.sort], texts[b][state.sort]];
      if (!one || !two) return (one ? 0 : 1) - (two ? 0 : 1); // what is empty comes last
      return sign * (numbers ? read(one) - read(two) : compare(one, two));
    });
  }

  const count = element("output", "font-size:.85em;opacity:.75;white-space:nowrap", { ariaLive: "polite" });
  const more = element("button", `${CONTROL}cursor:pointer;margin-top:8px;`, { type: "button" });
  const none = element("p", "font-size:.85em;margin:8px 0", {}, "No row matches.");
  function draw() {
    const found = inOrder();
    body.replaceChildren(...found.slice(0, state.most).map((at) => rows[at]));
    const all = found.length === rows.length;
    count.textContent = all ? `${rows.length} rows` : `${found.length} of ${rows.length} rows`;
    const left = found.length - state.most;
    reveal(more, left > 0);
    more.textContent = `Show ${Math.min(left, page)} more of ${left}`;
    reveal(none, !found.length);
    heads.forEach((head, i) => {
      const sorted = i === state.sort;
      head.setAttribute("aria-sort", sorted ? (state.down ? "descending" : "ascending") : "none");
      const arrow = head.querySelector(".pruna-arrow");
      if (arrow) arrow.textContent = sorted ? (state.down ? "\u00a0↓" : "\u00a0↑") : "";
    });
    root.dispatchEvent(new Event("pruna-order"));
  }

  // A head sorts up, then down, then as the rows were made.
  heads.forEach((head, i) => {
    if (columns[i].pictures || rows.length < 2) return;
    const button = element("button",
      "font:inherit;color:inherit;background:none;border:none;padding:0;margin:0;cursor:pointer;text-align:inherit;",
      { type: "button", title: `Sort by ${columns[i].name}` }, ...head.childNodes,
      element("span", "", { className: "pruna-arrow" }));
    button.addEventListener("click", () => {
      if (state.sort !== i) [state.sort, state.down] = [i, false];
      else if (!state.down) state.down = true;
      else state.sort = -1;
      draw();
    });
    head.replaceChildren(button);
  });

  const filters = element("tr", "background:none;display:none", {}, ...columns.map((column, i) => {
    const cell = element("td", "padding:0 8px 8px 0;vertical-align:top;text-align:left");
    if (column.pictures) return cell;
    const label = { ariaLabel: `Filter ${column.name}` };
    const field = column.choices.length && !column.numbers
      ? element("select", `${CONTROL}width:100%;min-width:80px;`, label,
        ...["", ...column.choices].map((value) => element("option", "color:#111;background:#fff",
          { value, textContent: value || "all" })))
      : element("input", `${CONTROL}width:100%;min-width:${column.numbers ? 72 : 96}px;`,
        { ...label, type: "search", placeholder: column.numbers ? "> 1, 2-5" : "contains" });
    field.addEventListener("input", () => {
      state.filters[i] = field.value;
      draw();
    });
    cell.append(field);
    return cell;
  }));
  table.tHead.append(filters);
  const search = element("input", `${CONTROL}flex:0 1 240px;min-width:120px;`,
    { type: "search", ariaLabel: "Search", placeholder: "Search" });
  search.addEventListener("input", () => {
    state.words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    draw();
  });
  const toggle = element("button", `${CONTROL}cursor:pointer;`, { type: "button", ariaExpanded: "false" },
    "Filter columns");
  toggle.addEventListener("click", () => {
    const open = filters.style.display === "none";
    reveal(filters, open);
    toggle.ariaExpanded = String(open);
    if (open) return;
    filters.querySelectorAll("input, select").forEach((field) => { field.value = ""; });
    state.filters.fill("");
    draw();
  });
  more.addEventListener("click", () => {
    state.most += page;
    draw();
  });
  const box = table.parentElement;
  box.before(element("div", "display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0 0 8px",
    { className: "pruna-table-tools" }, search, toggle, count));
  box.after(none, more);
  draw();
})
