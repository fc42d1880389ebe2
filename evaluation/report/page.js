"use strict";
// Two things that the page does without: finding questions, and the way of every passage.
(() => {
  const CITED = 1, CONTEXT = 2, EVIDENCE = 4, PLANTED = 8, REFUSED = 16;
  const AT_ONCE = 12, OPEN_AT_ONCE = 50;
  const questions = [...document.querySelectorAll("details.q")];
  let known = null;
  const data = () => known ??= JSON.parse(document.getElementById("data").textContent);

  // Texts reach the page as text nodes only.
  const make = (tag, kind, ...inside) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...inside);
    return element;
  };

  // Find -------------------------------------------------------------------
  const bar = document.getElementById("find");
  const search = bar.querySelector("input");
  const buttons = [...bar.querySelectorAll("button[data-tag]")];
  const count = document.getElementById("count");
  const words = new Map();
  const textOf = (question) => {
    if (!words.has(question)) words.set(question, question.textContent.toLowerCase());
    return words.get(question);
  };
  const apply = () => {
    const chosen = buttons.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.tag);
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const question of questions) {
      const has = question.dataset.tags.split(" ");
      const fits = chosen.every((tag) => has.includes(tag)) && (!wanted || textOf(question).includes(wanted));
      question.hidden = !fits;
      if (fits) shown += 1;
      question.classList.toggle("late", fits && shown > 100);
    }
    count.textContent = `${shown} of ${questions.length} shown`;
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 150); });
  bar.querySelector("[data-do=open]").addEventListener("click", () => {
    for (const one of questions.filter((one) => !one.hidden).slice(0, OPEN_AT_ONCE)) one.open = true;
  });
  bar.querySelector("[data-do=close]").addEventListener("click", () => { for (const one of questions) one.open = false; });
  bar.hidden = false;
  apply();

  // Open what an address leads to, also inside a closed question ------------
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const question = target && target.closest("details.q");
    if (!question) return;
    question.hidden = false;
    question.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);

  // The way of every passage ------------------------------------------------
  const marked = (text, spots) => {
    const letters = Array.from(text);  // places are counted in letters, not in UTF-16 units
    const parts = [];
    let at = 0;
    for (const [low, high] of spots) {
      if (low >= letters.length) break;
      parts.push(letters.slice(at, low).join(""), make("mark", "", letters.slice(low, high).join("")));
      at = high;
    }
    parts.push(letters.slice(at).join(""));
    return parts;
  };
  const said = ([node, what, ...rest]) => {
    const name = data().nodes[node];
    if (what === "k") return rest.length ? `${name}: kept, ${data().reasons[rest[0]]}` : `${name}: kept`;
    if (what === "d") return `${name}: dropped, ${data().reasons[rest[0]]}`;
    return `${name} #${rest[0]} (${rest[1] ?? "no number"})`;
  };
  const step = (one) => make("span", { k: "step good", d: "step bad", r: "step" }[one[1]], said(one));
  const fate = (roles, way) => {
    const dropped = way.find((one) => one[1] === "d");
    if (dropped) return said(dropped);
    if (roles & REFUSED) return "dropped on the word of a verifier";
    const kept = way.filter((one) => one[1] === "k" && one.length > 2);
    if (roles & CONTEXT) return kept.length ? `kept to the end: ${data().reasons[kept[kept.length - 1][2]]}` : "kept to the end";
    if (way.some((one) => one[1] === "k")) return "not kept to the end";
    return way.length ? `only ranked, ${said(way[way.length - 1])}` : "in none of the lists that this page holds";
  };
  const passage = ([place, roles, way, flags, spots]) => {
    const [id, title, text, cut] = data().passages[place];
    const name = make("span", "text", make("bdi", "mono", id), " ", make("bdi", "", title), make("span", "fate", fate(roles, way)));
    const summary = make("summary", "", name);
    const badges = [[CITED, "cited", "good"], [CONTEXT, "in context", "good"], [EVIDENCE, "evidence", "soft"],
      [PLANTED, "planted", "bad"], [REFUSED, "refused", "bad"]];
    for (const [bit, word, colour] of badges) {
      if (roles & bit) summary.append(make("span", `badge ${colour}`, word));
    }
    const steps = make("div", "steps", ...way.map(step));
    const body = make("details", "passage", summary, steps);
    for (const flag of flags) body.append(make("div", "flag", data().reasons[flag]));
    if (text) {
      const quote = make("blockquote", "", ...marked(text, spots));
      if (cut) quote.append(make("span", "soft", ` … (${cut} more letters)`));
      body.append(quote);
    } else {
      body.append(make("p", "soft", cut ? "Its text is left out: the page would be too large." : "Its text is not in the set."));
    }
    return body;
  };
  const rank = ([, roles, way]) => {
    if (roles & CITED) return 0;
    if (roles & CONTEXT) return 1;
    if (roles & (REFUSED | PLANTED)) return 2;
    if (roles & EVIDENCE) return 3;
    return way.some((one) => one[1] !== "r") ? 4 : 5;
  };
  const best = ([, , way]) => {
    const ranks = way.filter((one) => one[1] === "r");
    return ranks.length ? ranks[ranks.length - 1][2] - 1000 * ranks[ranks.length - 1][0] : 1e6;
  };
  const fill = (question) => {
    const found = data().questions[question.dataset.n];
    if (!found || question.dataset.filled) return;
    question.dataset.filled = "yes";
    const ordered = [...found.p].sort((one, other) => rank(one) - rank(other) || best(one) - best(other));
    const list = make("div", "passages", ...ordered.slice(0, AT_ONCE).map(passage));
    const heads = found.h.map(([node, count, dropped]) => {
      const name = data().nodes[node];
      return make("span", "step", dropped === undefined ? `${name} ${count}` : `${name} kept ${count}, dropped ${dropped}`);
    });
    const slow = [...found.s].filter((one) => one[1] > 0).sort((one, other) => other[1] - one[1]).slice(0, 4);
    const part = make("div", "trail", make("h4", "", "Stage by stage"), make("div", "steps", ...heads));
    if (slow.length) {
      const spent = slow.map(([node, seconds, calls]) => `${data().nodes[node]} ${+seconds.toPrecision(3)} s${calls ? ` (model calls: ${calls})` : ""}`);
      part.append(make("p", "soft", `Slowest: ${spent.join(", ")}`));
    }
    if (found.l) {
      const list = make("ul", "sought", ...found.l.map(([node, text, flag, chosen, more]) => {
        const names = chosen.map(([place, score]) => `${data().passages[place][0]} (${score ?? "no number"})`);
        if (more) names.push(`${more} more`);
        const line = make("li", "", make("bdi", "", data().reasons[text]), make("span", "soft", ` ${data().nodes[node]}: ${names.join(", ") || "no passage was found for it"}`));
        if (flag !== null) line.append(make("span", "flag", ` Suspicious would be: ${data().reasons[flag]}`));
        return line;
      }));
      part.append(make("h4", "", "What the passages were chosen by"), list);
      if (found.m) part.append(make("p", "soft", `and ${found.m} more, which stand in the run record`));
    }
    part.append(make("h4", "", `Passages, and why each was kept or dropped (${ordered.length})`), list);
    if (ordered.length > AT_ONCE) {
      const more = make("button", "", `Show the other ${ordered.length - AT_ONCE}`);
      more.type = "button";
      more.addEventListener("click", () => { list.append(...ordered.slice(AT_ONCE).map(passage)); more.remove(); });
      part.append(more);
    }
    question.querySelector(".inside").append(part);
  };
  for (const question of questions) {
    question.addEventListener("toggle", () => { if (question.open) fill(question); });
  }
  follow();
})();
