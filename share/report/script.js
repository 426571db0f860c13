// Filter, order and links. The page is complete without this.
"use strict";
(() => {
  const list = document.querySelector(".qs");
  const questions = list ? [...list.querySelectorAll(".q")] : [];
  const byId = (id) => document.getElementById(id);
  const search = byId("search"), show = byId("show"), order = byId("order"), count = byId("count");

  // ---- questions ----
  const folded = new Map(); // text of a question, in lower case, when it is first wanted
  const textOf = (q) => {
    if (!folded.has(q)) folded.set(q, q.textContent.toLowerCase());
    return folded.get(q);
  };
  const isShown = (q) => {
    const kinds = q.dataset.o || "", wanted = show.value, text = search.value.trim().toLowerCase();
    if (wanted === "p" && kinds !== "p") return false;
    if (wanted && wanted !== "p" && !kinds.includes(wanted)) return false;
    return !text || text.split(/\s+/).every((word) => textOf(q).includes(word));
  };
  const filter = () => {
    let shown = 0;
    for (const q of questions) {
      q.hidden = !isShown(q);
      if (!q.hidden) shown++;
    }
    count.textContent = `${shown} of ${questions.length}`;
  };
  const sort = () => {
    const sorted = [...questions];
    const name = (q) => q.querySelector("summary > span").textContent;
    if (order.value === "worst") sorted.sort((a, b) => a.dataset.r - b.dataset.r);
    if (order.value === "text") sorted.sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0));
    list.append(...sorted);
  };
  if (search && list) {
    const form = search.form;
    let timer = 0;
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(filter, 120);
    });
    show.addEventListener("change", filter);
    order.addEventListener("change", sort);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || /^(INPUT|SELECT)$/.test(document.activeElement.tagName)) return;
      event.preventDefault();
      search.focus();
    });
    filter();
    if (order.value) sort(); // what a browser keeps of a page that was left
  }

  // ---- a link to a question opens it ----
  const open = () => {
    const target = location.hash.length > 1 && byId(location.hash.slice(1));
    if (!target || !target.classList.contains("q")) return;
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({preventScroll: true});
  };
  addEventListener("hashchange", open);
  open();

  // ---- tables sort by a column ----
  const valueOf = (row, i) => {
    const cell = row.cells[i], text = cell ? cell.dataset.v || cell.textContent.trim() : "";
    const number = parseFloat(text.replace(/[,~+]/g, "").replace("−", "-"));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (x, y) => {
    if (typeof x === typeof y) return x < y ? -1 : x > y ? 1 : 0;
    return typeof x === "number" ? -1 : 1; // texts such as "–" last
  };
  for (const table of document.querySelectorAll("table.sort")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, i) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [valueOf(row, i), row]);
        rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }
})();
