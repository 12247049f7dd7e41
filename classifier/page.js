"use strict";
// Without this the page can be read; with it arrow keys go from part to part, and the panel shows the reasons.
(() => {
  const root = document.documentElement, panel = document.getElementById("detail");
  const parts = [...document.querySelectorAll(".s")];
  const shown = (part) => part.getClientRects().length > 0;
  const reachable = (part) => parts.forEach((each) => { each.tabIndex = each === part ? 0 : -1; });
  const element = (name, text, kind) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const show = (part) => {
    const lines = part.dataset.tip.split("\n").map((line) => element("p", line));
    lines[0].className = part.dataset.label;
    panel.replaceChildren(...lines);
    const why = JSON.parse(part.dataset.why || "[]"), most = Math.max(...why.map(([, weight]) => Math.abs(weight)));
    const list = element("ol", "");
    for (const [name, weight, kind] of why) {
      const item = element("li", "", (weight < 0 ? "against " : "for ") + kind);
      const track = element("span", ""), bar = element("i", "");
      bar.style.width = `${100 * Math.abs(weight) / most}%`;
      track.append(bar);
      item.append(element("span", name), track, element("span", (weight < 0 ? "\u2212" : "+") + Math.abs(weight).toFixed(1)));
      list.append(item);
    }
    if (why.length) panel.append(list);
    panel.classList.add("full");
  };
  const settle = () => {
    const part = document.activeElement.closest(".s");
    if (part) show(part);
  };
  root.classList.add("live");
  parts.forEach((part) => part.removeAttribute("title"));
  reachable(parts[0]);
  document.addEventListener("mouseover", (event) => {
    const part = event.target.closest(".s");
    if (part) show(part); else settle();
  });
  document.addEventListener("focusin", (event) => {
    const part = event.target.closest(".s");
    if (part) { reachable(part); show(part); }
  });
  document.addEventListener("change", () => {
    const first = parts.find(shown);
    if (first) reachable(first);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") panel.classList.remove("full");
    const part = event.target.closest(".s");
    if (!part || event.altKey || event.ctrlKey || event.metaKey) return;
    const seen = parts.filter(shown), at = seen.indexOf(part);
    const next = { ArrowRight: seen[at + 1], ArrowLeft: seen[at - 1], Home: seen[0], End: seen.at(-1) }[event.key];
    if (next) { event.preventDefault(); next.focus(); }
  });
})();
