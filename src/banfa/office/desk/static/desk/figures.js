// A table of figures saves itself while it is filled in, and shows what each value then asks.
// Without this the page's own buttons do the same.

import { typedAlready } from "./typed.js";

const WAIT = 900;
const form = document.getElementById("figures-form");
const status = document.getElementById("saved");
const left = document.getElementById("left-open");
let timer = 0;
let busy = false;
let again = false;
let leaving = false;

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
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  const body = new FormData(form);
  body.set("do", "save");
  try {
    const answer = await fetch(location.pathname, {
      method: "POST",
      body,
      headers: { Accept: "application/json" },
    });
    const told = await answer.json();
    status.textContent = told.said;
    status.classList.toggle("bad", !answer.ok || Object.keys(told.problems).length > 0);
    if (answer.ok) form.elements.version.value = told.version;
    show(told);
  } catch {
    if (!leaving) {
      status.textContent = form.dataset.lost;
      status.classList.add("bad");
    }
  }
  busy = false;
  if (again) {
    again = false;
    save();
  }
}

if (form) {
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(save, WAIT);
  };
  form.addEventListener("change", later);
  if (typedAlready(form)) later();
  // A save under way would make the version of the form stale: wait for it, then send.
  form.addEventListener(
    "submit",
    (event) => {
      clearTimeout(timer);
      if (!busy) {
        leaving = true;
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      const button = event.submitter;
      const wait = setInterval(() => {
        if (busy) return;
        clearInterval(wait);
        form.requestSubmit(button);
      }, 50);
    },
    true,
  );
}
