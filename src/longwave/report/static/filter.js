// Runs the filters of the instance browser. They live in the address; the index of all rows is read when one is used.
"use strict";

(function () {
  const byId = (id) => document.getElementById(id);
  const form = byId("filter");
  const cases = byId("cases");
  if (!form || !cases) return;

  const NAMES = ["model", "input", "prompt", "beside", "edits", "outcome", "versus", "flip", "group", "error", "low", "high", "text"];
  const [RIGHT, WRONG] = [0, 1];
  const here = Number(cases.dataset.page);
  const slug = cases.dataset.slug;
  const answers = Array.from(cases.querySelectorAll(".answer"), (node) => [Number(node.dataset.row), node]);
  const texts = new Map(Array.from(cases.children, (node) => [node, node.textContent.toLowerCase()]));
  const navs = Array.from(document.querySelectorAll(".pages ul"), (list) => [list, Array.from(list.children)]);

  // ---- the index ----

  const loaded = new Map();

  // a script and not a request: pages from disk may not ask for files
  function load(ending, name) {
    if (!loaded.has(ending)) {
      loaded.set(ending, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = slug + ending;
        script.onload = () => resolve(window[name]);
        script.onerror = () => reject(new Error(script.src + " cannot be read"));
        document.head.append(script);
      }));
    }
    return loaded.get(ending);
  }

  function bytes(text) {
    const raw = atob(text);
    const array = new Uint8Array(raw.length);
    for (let place = 0; place < raw.length; place += 1) array[place] = raw.charCodeAt(place);
    return array.buffer;
  }

  const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };

  function unpack(column, length) {
    return "all" in column ? new Uint32Array(length).fill(column.all) : new TYPES[column.type](bytes(column.data));
  }

  let rows = null; // columns by name, once the index is there
  let confidence = null;

  async function readIndex(wanted) {
    const index = await load(".rows.js", "longwaveRows");
    if (!rows) {
      rows = {};
      for (const [name, column] of Object.entries(index.columns)) {
        rows[name] = unpack(column, name === "count" ? index.instances : index.rows);
      }
    }
    if (!confidence && (wanted.low !== "" || wanted.high !== "")) {
      confidence = new Float64Array(bytes(await load(".confidence.js", "longwaveConfidence")));
    }
    return index;
  }

  // ---- which rows match ----

  function bound(text) {
    return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
  }

  // what a row must be, by number; a name that is not there matches nothing
  function numbers(wanted, index) {
    const place = (list, name) => (name === "" ? null : list.indexOf(name));
    const shift = (number) => (number === null ? null : number < 0 ? -1 : number + 1);
    return {
      model: place(index.model, wanted.model), input: place(index.input, wanted.input),
      prompt: shift(place(index.prompt, wanted.prompt)), beside: shift(place(index.prompt, wanted.beside)),
      outcome: place(index.outcome, wanted.outcome), versus: place(index.model, wanted.versus),
      group: shift(place(index.group, wanted.group)), error: shift(place(index.error, wanted.error)),
      edits: wanted.edits === "" ? null : new Set([index.input.indexOf("original"), ...(index.edits[wanted.edits] || [])]),
      flip: { lost: [RIGHT, WRONG], gained: [WRONG, RIGHT] }[wanted.flip] || null,
      low: bound(wanted.low), high: bound(wanted.high),
    };
  }

  function matches(row, is) {
    for (const name of ["model", "input", "outcome", "group", "error"]) {
      if (is[name] !== null && rows[name][row] !== is[name]) return false;
    }
    // a second prompt is beside the first, or with none alone
    const isOneOf = is.prompt === null && is.beside === null
      || rows.prompt[row] === is.prompt || rows.prompt[row] === is.beside;
    if (!isOneOf) return false;
    if (is.edits !== null && !is.edits.has(rows.input[row])) return false;
    if (is.low !== null && !(confidence[row] >= is.low)) return false;
    return is.high === null || confidence[row] <= is.high;
  }

  // keeps of one instance's rows those with a partner: the second model's with the other outcome on the same
  // input, or the answer to the original that was the other way; the partners come along
  function pairs(found, start, end, is, original) {
    const kept = [];
    for (const row of found) {
      if (is.versus !== null && rows.model[row] === is.versus) continue;
      if (is.flip !== null && (rows.outcome[row] !== is.flip[1] || rows.input[row] === original)) continue;
      const partners = [];
      for (let other = start; other < end; other += 1) {
        const isRival = is.versus !== null && rows.model[other] === is.versus
          && rows.input[other] === rows.input[row] && rows.outcome[other] + rows.outcome[row] === RIGHT + WRONG
          && rows.outcome[other] !== rows.outcome[row];
        const isOriginal = is.flip !== null && rows.input[other] === original && rows.model[other] === rows.model[row]
          && rows.variant[other] === rows.variant[row] && rows.outcome[other] === is.flip[0];
        if (isRival || isOriginal) partners.push(other);
      }
      const hasRival = is.versus === null || partners.some((other) => rows.model[other] === is.versus);
      const hasOriginal = is.flip === null || partners.some((other) => rows.input[other] === original);
      if (hasRival && hasOriginal) kept.push(row, ...partners);
    }
    return kept;
  }

  // every row that matches, and on each page how many instances have one
  function select(index, is) {
    const found = new Set();
    const pages = new Map();
    const original = index.input.indexOf("original");
    let start = 0;
    rows.count.forEach((count, instance) => {
      const end = start + count;
      let own = [];
      for (let row = start; row < end; row += 1) if (matches(row, is)) own.push(row);
      if (is.versus !== null || is.flip !== null) own = pairs(own, start, end, is, original);
      own.forEach((row) => found.add(row));
      const page = Math.floor(instance / index.pageSize) + 1;
      if (own.length) pages.set(page, (pages.get(page) || 0) + 1);
      start = end;
    });
    return { found, pages };
  }

  // ---- what is shown ----

  function showAnswers(found, wanted) {
    const columns = new Set([wanted.model, wanted.versus].filter((name) => name !== ""));
    for (const [number, node] of answers) node.hidden = found !== null && !found.has(number);
    const models = Array.from(form.elements.model.options, (option) => option.value).slice(1);
    for (const node of cases.querySelectorAll("[data-model]")) {
      node.hidden = wanted.model !== "" && !columns.has(models[Number(node.dataset.model)]);
    }
    for (const part of cases.querySelectorAll(".answers tbody")) {
      part.hidden = !part.querySelector(".answer:not([hidden])");
    }
    const text = wanted.text.trim().toLowerCase();
    let shown = 0;
    for (const node of cases.children) {
      node.hidden = !node.querySelector(".answer:not([hidden])") || (text !== "" && !texts.get(node).includes(text));
      shown += node.hidden ? 0 : 1;
    }
    return shown;
  }

  function address(page) {
    return slug + (page === 1 ? "" : "~" + page) + ".html";
  }

  // first, last and the pages around this one, as the pages are written without a filter
  function nearby(listed) {
    const last = listed.length - 1;
    const place = Math.max(listed.findIndex((page) => page >= here), 0);
    return listed.filter((_, number) => number === 0 || number === last || Math.abs(number - place) <= 3);
  }

  function pageLink(page, before, hits, query, isNext) {
    const item = document.createElement("li");
    if (!isNext) {
      const gap = document.createElement("span");
      gap.className = "sep";
      gap.setAttribute("aria-hidden", "true");
      gap.textContent = "…";
      item.append(gap);
    }
    const link = document.createElement("a");
    link.href = address(page) + query;
    link.dataset.page = page;
    link.textContent = page;
    if (page === here) link.setAttribute("aria-current", "page");
    const note = document.createElement("span");
    note.className = "hits";
    note.textContent = " (" + hits + ")";
    link.append(note);
    item.append(link);
    return item;
  }

  function showPages(pages, query) {
    for (const [list, items] of navs) {
      if (pages === null) {
        list.replaceChildren(...items);
        for (const link of list.querySelectorAll("a")) link.search = query;
        continue;
      }
      const listed = Array.from(pages.keys());
      const shown = nearby(listed);
      list.replaceChildren(...shown.map((page, place) => {
        const isNext = place === 0 || listed.indexOf(page) === listed.indexOf(shown[place - 1]) + 1;
        return pageLink(page, shown[place - 1], pages.get(page), query, isNext);
      }));
    }
  }

  function read() {
    const value = (name) => (form.elements[name] ? form.elements[name].value : "");
    return Object.fromEntries(NAMES.map((name) => [name, value(name)]));
  }

  function toQuery(wanted) {
    const query = new URLSearchParams();
    for (const name of NAMES) if (wanted[name]) query.set(name, wanted[name]);
    const text = query.toString();
    return text ? "?" + text : "";
  }

  const s = (n) => (n === 1 ? "" : "s");

  let turn = 0; // the newest call wins where an older one still waits for the index

  async function apply() {
    const mine = (turn += 1);
    const wanted = read();
    const query = toQuery(wanted);
    let [found, pages, message] = [null, null, ""];
    const isFiltered = NAMES.some((name) => name !== "text" && wanted[name] !== "");
    if (isFiltered) {
      try {
        const index = await readIndex(wanted);
        if (mine !== turn) return null;
        ({ found, pages } = select(index, numbers(wanted, index)));
      } catch (error) {
        byId("found").textContent = "The filters cannot be used: " + error.message + ".";
        return null;
      }
    }
    const shown = showAnswers(found, wanted);
    showPages(pages, query);
    if (pages === null) {
      const { rows: n, instances } = cases.dataset;
      message = n + " row" + s(Number(n)) + " of " + instances + " instance" + s(Number(instances)) + "; " + shown + " on this page.";
    } else {
      const total = Array.from(pages.values()).reduce((sum, one) => sum + one, 0);
      message = found.size + " row" + s(found.size) + " of " + total + " instance" + s(total) + " match; " + shown + " on this page.";
    }
    if (wanted.text) message += " The text is searched on this page only.";
    byId("found").textContent = message;
    return { shown, pages };
  }

  // ---- the address ----

  function fill() {
    const query = new URLSearchParams(window.location.search);
    for (const name of NAMES) {
      const field = form.elements[name];
      if (!field) continue;
      const value = query.get(name) || "";
      if (field.options && !Array.from(field.options).some((option) => option.value === value)) {
        field.add(new Option(value, value)); // it matches nothing, and says so
      }
      field.value = value;
    }
  }

  let last = null; // the field that changed last: arrowing through one list is one step back, not many

  function changed(field) {
    const target = window.location.pathname + toQuery(read());
    try {
      if (field === last) history.replaceState(null, "", target);
      else history.pushState(null, "", target);
    } catch (error) {
      // some browsers refuse this for files; the filter works without it
    }
    last = field;
    apply();
  }

  fill();
  form.hidden = false;
  form.addEventListener("input", (event) => changed(event.target.name));
  form.addEventListener("reset", () => setTimeout(() => changed("reset"), 0));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("popstate", () => {
    last = null;
    fill();
    apply();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    fill();
    apply();
  });

  apply().then((state) => {
    if (!state || state.pages === null || state.shown || window.location.hash || !state.pages.size) return;
    const first = Math.min(...state.pages.keys());
    if (first !== here) window.location.replace(address(first) + window.location.search);
  });
})();
