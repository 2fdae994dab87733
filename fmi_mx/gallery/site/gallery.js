// What the pages of a run do. data.js says what there is; a layer's own file comes when it is first asked for. All that comes
// from a run is put on the page as text, never as HTML.
"use strict";

const gallery = (() => {
  const NUMBERS = [
    ["share", "share of the energy reached"], ["content", "its share in the content"], ["first", "first loss"],
    ["last", "last loss"], ["left", "loss left"], ["printed", "loss of Eq. (1) as printed"], ["passes", "passes"],
    ["colourful", "colourfulness"], ["intricate", "intricacy"], ["silent", "silent"],
    ["stuck", "stuck"],
  ];
  const COLUMNS = 16; // of a sheet, as pictures.py has it
  const ASCENDING = new Set(["number", "left", "apart"]);
  const layers = {}; // name of a layer that has come -> what its file says
  const waiting = {}; // name of a layer -> promise of it
  const KEPT = `positions of ${location.pathname}`;
  const positions = kept(); // entry of the history -> how far it was scrolled
  let run, entry, last = "";

  const byId = (id) => document.getElementById(id);

  function make(tag, attributes, ...children) {
    const space = ["svg", "polyline", "text", "line"].includes(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const element = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // What was kept of this tab before it was loaded again; nothing where the browser keeps nothing.
  function kept() {
    try {
      return { ...JSON.parse(sessionStorage.getItem(KEPT)) };
    } catch (_) {
      return {};
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(positions));
    } catch (_) { /* back still works, until it is loaded again */ }
  }

  function say(text) {
    byId("said").textContent = text;
  }

  // Small pictures. A place is [sheet, top, left, height, width, height of the sheet, width of the sheet].

  const seen = "IntersectionObserver" in window && new IntersectionObserver((entries) => {
    for (const one of entries) if (one.isIntersecting) paint(one.target);
  }, { rootMargin: "300px" });

  function paint(element) {
    const [sheet, top, left, height, width, all, across] = element.place;
    const [h, w] = [height - 1, width - 1]; // half a pixel less on each side: nothing of its neighbours is seen
    element.style.backgroundSize = `${(100 * across) / w}% ${(100 * all) / h}%`;
    element.style.backgroundPosition = `${(100 * (left + 0.5)) / (across - w)}% ${(100 * (top + 0.5)) / (all - h)}%`;
    element.style.backgroundImage = `url("sheets/${sheet}.jpg")`;
    if (seen) seen.unobserve(element);
  }

  function small(place, lacks, label) {
    if (!place || lacks) return make("span", { class: "lacking" }, (lacks || "missing").split(":")[0]);
    const element = make("span", label ? { class: "small", role: "img", "aria-label": label } : { class: "small" });
    element.place = place;
    element.style.aspectRatio = `${place[4]} / ${place[3]}`;
    if (seen) seen.observe(element);
    else paint(element);
    return element;
  }

  function placeOf(layer, index, image) {
    const { small: size, pitch } = run.images[image];
    if (!size) return null;
    const count = layer.filters.length, columns = Math.min(COLUMNS, count);
    const [row, column] = [Math.floor(index / columns), index % columns];
    const whole = [Math.ceil(count / columns) * pitch[0], columns * pitch[1]];
    return [`${layer.name}.${image}`, row * pitch[0], column * pitch[1], ...size, ...whole];
  }

  // Layers and filters.

  const layerOf = (name) => run.layers.find((layer) => layer.name === name);
  const padded = (number) => String(number).padStart(3, "0");
  const link = (layer, index) => `#${layer.name}.f${padded(layer.filters[index])}`;
  const mean = (values) => {
    const there = values.filter((value) => value !== null && value !== undefined);
    return there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : null;
  };

  function load(name) {
    waiting[name] = waiting[name] || new Promise((done, failed) => {
      const script = make("script", { src: `data/${name}.js` });
      script.onload = () => (layers[name] ? done() : script.onerror()); // a file may be there in part
      script.onerror = () => { delete waiting[name]; failed(new Error(`data/${name}.js cannot be read`)); };
      document.head.append(script);
    });
    return waiting[name];
  }

  // The numbers of a cell by name; of one without a picture only ``lacks``, why.
  function factsOf(row) {
    if (typeof row === "string") return { lacks: row };
    return Object.fromEntries(run.keys.map((key, position) => [key, row[position]]));
  }

  function chosenImages() {
    const chosen = document.querySelector("#view input[name=image]:checked");
    const all = run.images.map((_, image) => image);
    return chosen && chosen.value !== "all" ? [Number(chosen.value)] : all;
  }

  function valueOf(layer, index, order) {
    if (order === "number") return layer.filters[index];
    const found = layers[layer.name];
    if (order === "apart") return found.apart[index];
    return mean(chosenImages().map((image) => factsOf(found.rows[image][index])[order]));
  }

  // The places of a layer's filters, as the view asks for them.
  function listed(layer) {
    const order = byId("order").value, loud = byId("loud").checked, images = chosenImages();
    const facts = (index) => images.map((image) => factsOf(layers[layer.name].rows[image][index]));
    const mute = (index) => facts(index).every((one) => one.silent || one.stuck);
    const found = layer.filters.map((_, index) => index).filter((index) => !loud || !mute(index));
    const values = new Map(found.map((index) => [index, valueOf(layer, index, order)]));
    const sign = ASCENDING.has(order) ? 1 : -1;
    return found.sort((one, other) => {
      const [a, b] = [values.get(one), values.get(other)];
      if (a === null || b === null) return (a === null) - (b === null) || one - other;
      return sign * (a - b) || one - other;
    });
  }

  function written(key, value) {
    if (value === null || value === undefined) return "\u2013";
    if (key === "silent" || key === "stuck") return value ? "yes" : "no";
    if (["share", "content", "left"].includes(key)) return `${Number((100 * value).toPrecision(3))} %`;
    if (key === "passes" || key === "number") return String(value);
    if (["colourful", "intricate", "apart"].includes(key)) return String(Number(value.toPrecision(3)));
    return value >= 1e5 ? value.toExponential(3).replace("e+", "e") : String(Number(value.toPrecision(4)));
  }

  function drawLayer(layer) {
    const { rows } = layers[layer.name], order = byId("order"), images = chosenImages(), found = listed(layer);
    const word = order.selectedOptions[0].textContent;
    const items = found.map((index) => {
      const facts = images.map((image) => factsOf(rows[image][index]));
      const said = [`filter ${layer.filters[index]}`], shown = [];
      if (order.value !== "number") shown.push(written(order.value, valueOf(layer, index, order.value)));
      if (shown.length) said.push(`${word} ${shown[0]}`);
      for (const word of ["silent", "stuck"]) if (facts.some((one) => one[word])) said.push(word), shown.push(word);
      facts.forEach((one, position) => one.lacks && said.push(`${run.images[images[position]].name} ${one.lacks}`));
      const pictures = facts.map((one, position) => small(placeOf(layer, index, images[position]), one.lacks));
      const label = make("span", { class: "label" }, make("b", {}, String(layer.filters[index])), ` ${shown.join(" ")}`);
      return make("li", {}, make("a", { href: link(layer, index), "aria-label": said.join(", ") }, ...pictures, label));
    });
    byId("filters").replaceChildren(...items);
    byId("count").textContent = `${found.length} of ${layer.filters.length} filters, by ${word}`;
  }

  function showLayer(layer) {
    const at = run.layers.indexOf(layer);
    title("page-layer", layer.name);
    point("layer-before", run.layers[at - 1] && `#${run.layers[at - 1].name}`, run.layers[at - 1] && run.layers[at - 1].name);
    point("layer-after", run.layers[at + 1] && `#${run.layers[at + 1].name}`, run.layers[at + 1] && run.layers[at + 1].name);
    drawLayer(layer);
  }

  function showFilter(layer, index) {
    const number = layer.filters[index], { rows, near, far } = layers[layer.name];
    const order = listed(layer), at = order.includes(index) ? order : layer.filters.map((_, one) => one);
    const [before, after] = [at[at.indexOf(index) - 1], at[at.indexOf(index) + 1]];
    title("page-cell", `${layer.name} filter ${number}`);
    point("before", before !== undefined && link(layer, before), `filter ${layer.filters[before]}`);
    point("up", `#${layer.name}`, layer.name);
    point("after", after !== undefined && link(layer, after), `filter ${layer.filters[after]}`);
    const columns = run.images.map((image, position) => ({
      name: image.name, ...factsOf(rows[position][index]), pictured: image.content, small: placeOf(layer, index, position),
      large: image.large && [`pictures/${layer.name}.f${padded(number)}.${position}.jpg`, ...image.large],
      alt: `Texture of filter ${number} of ${layer.name}, inverted from ${image.name}`,
    }));
    describe(columns);
    if (columns.length > 1) {
      const apart = layers[layer.name].apart[index];
      byId("numbers").append(row("distance of the images' textures", [written("apart", apart)], columns.length));
    }
    byId("near").replaceChildren(...near[index].map(([one, image]) => neighbour(layer, one, image)));
    byId("far").replaceChildren(...far[index].map(([where, one, image]) => neighbour(run.layers[where], one, image)));
    const wanted = run.chained ? layer.filters.slice(0, index + 1) : [number];
    const words = { LAYER: layer.name, FILTERS: wanted.join(", "), NAME: `${layer.name}.f${padded(number)}` };
    byId("again").textContent = run.command.replace(/\b(LAYER|FILTERS|NAME)\b/g, (word) => words[word]);
  }

  // image: of which it has a picture.
  function neighbour(layer, index, image) {
    const name = `${layer.name} ${layer.filters[index]}`;
    return make("li", {}, make("a", { href: link(layer, index) }, small(placeOf(layer, index, image)), make("span", { class: "label" }, name)));
  }

  // The page of a filter or of another cell. columns: what is beside one another, each with its facts.

  function describe(columns) {
    byId("pictures").replaceChildren(...columns.flatMap((one) => {
      const figures = [figure(one, one.command === null ? one.name : `from ${one.name}`)]; // null: an image, no result
      if (one.pictured) figures.unshift(make("figure", {}, picture(one.pictured, `Content image ${one.name}`),
        make("figcaption", {}, `content: ${one.name}`)));
      return figures;
    }));
    document.querySelector(".beside").hidden = columns.every((one) => !one.passes);
    const keys = NUMBERS.filter(([key]) => columns.some((one) => one[key] !== null && one[key] !== undefined));
    const parts = (name) => name.split(/(?<=_)/).flatMap((part) => [part, make("wbr")]); // where a narrow column may break it
    const named = ({ name }) => make("th", { scope: "col", class: name.length > 12 ? "long" : "" }, ...parts(name));
    const head = make("thead", {}, make("tr", {}, make("td"), ...columns.map(named)));
    byId("numbers").replaceChildren(head, ...keys.map(([key, word]) => row(word, columns.map((one) => written(key, one[key])))));
    byId("curve").replaceChildren(curve(columns.filter((one) => one.curve)));
  }

  // Its size makes the page as high as it will be before the picture has come.
  function picture([src, height, width], alt) {
    return make("img", { src, alt, height, width });
  }

  function figure(one, caption) {
    const shown = one.large && !one.lacks ? picture(one.large, one.alt) : small(one.small, one.lacks, one.alt);
    const marks = [one.lacks, one.silent && "silent: the feature map stayed 0",
      one.stuck && "stuck: the loss hardly fell"].filter(Boolean);
    return make("figure", {}, shown, make("figcaption", {}, [caption, ...marks].join(", ")));
  }

  function row(word, values, across = 1) {
    return make("tr", {}, make("th", { scope: "row" }, word), ...values.map((value) => make("td", { colspan: across }, value)));
  }

  function curve(columns) {
    if (!columns.length) return make("p", {}, "No curve is kept.");
    const [width, height, left, bottom] = [320, 170, 56, 20];
    const low = Math.min(...columns.map((one) => one.curve[0])), high = Math.max(...columns.map((one) => one.curve[1]));
    const words = columns.map((one) => `${one.name}: ${written("first", one.first)} to ${written("last", one.last)} in ${one.passes} passes`);
    const y = (log) => 8 + (1 - (log - low) / (high - low || 1)) * (height - bottom - 16);
    const lines = columns.map(({ curve: [least, most, heights] }, number) => {
      const step = (width - left - 8) / Math.max(1, heights.length - 1);
      const points = heights.map((one, i) => `${(left + i * step).toFixed(1)},${y(least + (one / 200) * (most - least)).toFixed(1)}`);
      return make("polyline", { class: `line${number % 4}`, points: points.join(" ") });
    });
    const text = (x, at, anchor, word) => make("text", { x, y: at, "text-anchor": anchor }, word);
    const axes = make("polyline", { class: "axes", points: `${left},4 ${left},${height - bottom} ${width - 4},${height - bottom}` });
    const picture = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Loss by pass. ${words.join(". ")}` },
      axes, ...lines, text(left - 4, y(high) + 4, "end", (10 ** high).toExponential(1).replace("+", "")),
      text(left - 4, y(low) + 4, "end", (10 ** low).toExponential(1).replace("+", "")),
      text(left, height - 4, "start", "first pass"), text(width - 4, height - 4, "end", "last"));
    const legend = words.map((word, number) => make("li", { class: `line${number % 4}` }, word));
    return make("div", {}, picture, make("ul", { class: "legend" }, ...legend));
  }

  // Cells by row and column.

  function showCell(name) {
    const names = Object.keys(run.cells), cell = run.cells[name], at = names.indexOf(name);
    title("page-cell", name);
    point("before", names[at - 1] && `#${encodeURIComponent(names[at - 1])}`, names[at - 1]);
    point("up", "#start", "all");
    point("after", names[at + 1] && `#${encodeURIComponent(names[at + 1])}`, names[at + 1]);
    describe([{ name: cell.image, alt: name, ...cell }]);
    byId("again").textContent = cell.command;
    byId("again").parentElement.hidden = !cell.command;
  }

  // Pages, by what stands behind # in the address.

  function title(page, text) {
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== page;
    if (text) document.querySelector(`#${page} h1`).textContent = text;
    document.title = text ? `${text} \u2013 ${run.title}` : run.title;
  }

  function point(id, href, text) {
    const target = byId(id);
    target.hidden = !href;
    if (href) target.setAttribute("href", href);
    target.textContent = href ? text : "";
  }

  function wanted() {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch (_) {
      return location.hash.slice(1);
    }
  }

  // A page's name -> [how to show it, the layer that it needs], or null where there is none.
  function pageOf(name) {
    if (!name || name === "start") return [() => title("page-start")];
    if (run.cells) return Object.prototype.hasOwnProperty.call(run.cells, name) ? [() => showCell(name)] : null;
    const [, own, digits] = /^(\w+?)(?:\.f(\d+))?$/.exec(name) || [], layer = layerOf(own);
    if (!layer) return null;
    if (digits === undefined) return [() => showLayer(layer), own];
    const index = layer.filters.indexOf(Number(digits));
    return index < 0 ? null : [() => showFilter(layer, index), own];
  }

  async function route(first) {
    const name = wanted(), page = pageOf(name), old = last, back = history.state !== null && history.state in positions;
    let trouble = page ? "" : `There is no ${name} here.`;
    last = location.hash;
    if (history.state === null) history.replaceState(Date.now() + Math.random(), "");
    entry = history.state;
    positions[entry] = positions[entry] || 0;
    try {
      if (page && page[1]) await load(page[1]);
    } catch (error) {
      trouble = error.message;
    }
    if (wanted() !== name) return; // another page was asked for meanwhile
    say(trouble);
    (trouble ? pageOf("start") : page)[0]();
    if (first !== true) arrive(back, old);
    window.scrollTo(0, back ? positions[entry] : 0);
  }

  // Where the keyboard begins on a page: at its heading; behind "back" at the link that was followed.
  function arrive(back, old) {
    const page = document.querySelector("main > section:not([hidden])");
    const followed = back && [...page.querySelectorAll("a")].find((one) => one.getAttribute("href") === old);
    (followed || page.querySelector("h1")).focus({ preventScroll: true });
  }

  // What keys and controls do.

  function search(text) {
    const parts = text.trim().toLowerCase().split(/[\s.,#]+/).filter(Boolean);
    if (run.cells) {
      const name = Object.keys(run.cells).find((one) => one.toLowerCase().includes(text.trim().toLowerCase()));
      return name && parts.length ? `#${encodeURIComponent(name)}` : null;
    }
    const named = run.layers.find((layer) => parts.some((part) => layer.name === part || layer.name === `relu${part}`));
    const digits = parts.map((part) => /^f?(\d+)$/.exec(part)).filter(Boolean).pop();
    const layer = named || (digits && parts.length === 1 && layerOf(wanted().split(".")[0])); // a number: of the layer at hand
    if (!layer) return null;
    const index = digits ? layer.filters.indexOf(Number(digits[1])) : -1;
    return digits ? (index < 0 ? null : link(layer, index)) : `#${layer.name}`;
  }

  function random() {
    if (run.cells) {
      const names = Object.keys(run.cells);
      return `#${encodeURIComponent(names[Math.floor(Math.random() * names.length)])}`;
    }
    let at = Math.floor(Math.random() * run.layers.reduce((sum, layer) => sum + layer.filters.length, 0));
    const layer = run.layers.find((one) => at < one.filters.length || ((at -= one.filters.length), false));
    return link(layer, at);
  }

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest("input, select, pre, .wide")) return;
    const cell = event.target.closest("#filters a"), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && !byId("page-cell").hidden) {
      const target = byId(step < 0 ? "before" : "after");
      if (!target.hidden) location.hash = target.getAttribute("href");
      event.preventDefault();
    } else if (cell && event.key.startsWith("Arrow")) {
      const all = [...byId("filters").querySelectorAll("a")];
      const columns = all.filter((one) => one.offsetTop === all[0].offsetTop).length;
      const next = all[all.indexOf(cell) + (step || { ArrowUp: -columns, ArrowDown: columns }[event.key])];
      if (next) next.focus();
      event.preventDefault();
    }
  }

  function start(data) {
    run = data;
    history.scrollRestoration = "manual";
    for (const one of document.querySelectorAll("[data-cell]")) {
      const cell = run.cells[one.dataset.cell] || { lacks: "missing" };
      one.append(small(cell.small, cell.lacks));
    }
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      const found = search(byId("wanted").value);
      say(found ? "" : `There is no ${byId("wanted").value} here.`); // "" as a page that is shown already is not routed to
      if (found === location.hash) route(); // which may not have been shown
      else if (found) location.hash = found;
    });
    byId("random").addEventListener("click", () => { location.hash = random(); });
    document.querySelector("[data-skip]").addEventListener("click", (event) => {
      event.preventDefault();
      byId("main").focus();
    });
    if (byId("view")) byId("view").addEventListener("change", () => drawLayer(layerOf(wanted())));
    document.addEventListener("click", (event) => {
      const followed = event.target.closest("a[href^='#']");
      if (followed && followed.hash === location.hash && !followed.matches("[data-skip]")) route();
    });
    document.addEventListener("keydown", onKey);
    window.addEventListener("scroll", () => { positions[entry] = window.scrollY; }, { passive: true });
    window.addEventListener("pagehide", keep);
    window.addEventListener("hashchange", route);
    route(true);
  }

  return { start, layer: (name, data) => { layers[name] = data; } };
})();
