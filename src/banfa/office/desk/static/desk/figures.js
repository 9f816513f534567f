// A table of figures saves itself while it is filled in, and shows what each value then asks.
// Without this the page's own buttons do the same.

import { savesItself } from "./autosave.js";

const form = document.getElementById("figures-form");
const status = document.getElementById("saved");
const left = document.getElementById("left-open");

function put(key, texts, kind) {
  const place = document.getElementById(`${kind}-${key}`);
  if (!place) return;
  place.replaceChildren(
    ...texts.map((text) => {
      const line = document.createElement("div");
      line.className = kind === "wrong" ? "found" : "found warns";
      line.textContent = text;
      return line;
    }),
  );
  if (kind === "wrong") {
    const field = form.elements[`v.${key}`];
    if (texts.length) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

function show(told) {
  for (const place of form.querySelectorAll("[data-key]")) {
    const key = place.dataset.key;
    put(key, told.problems[key] ? [told.problems[key]] : [], "wrong");
    if (told.asks) put(key, told.asks[key] ?? [], "asks");
  }
  if (told.open !== undefined && left) {
    left.textContent = told.open ? left.dataset.some.replace("0", told.open) : left.dataset.none;
  }
}

async function save() {
  const body = new FormData(form);
  body.set("do", "save");
  const headers = { Accept: "application/json" };
  const answer = await fetch(location.pathname, { method: "POST", body, headers });
  const told = await answer.json();
  status.textContent = told.said;
  status.classList.toggle("bad", !answer.ok || Object.keys(told.problems).length > 0);
  if (answer.ok) form.elements.version.value = told.version;
  show(told);
}

function lost() {
  status.textContent = form.dataset.lost;
  status.classList.add("bad");
}

if (form) savesItself(form, "change", save, lost);
