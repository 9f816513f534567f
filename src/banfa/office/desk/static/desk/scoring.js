// A scoring sheet saves itself while it is filled in, and shows the weighted total.
// Without this the page's own buttons do the same.

import { typedAlready } from "./typed.js";

const WAIT = 900;
const form = document.getElementById("scoring");
const status = document.getElementById("autosave");
const total = document.getElementById("total");
let timer = 0;
let busy = false;
let again = false;
let leaving = false;

// Hundredths of a point; null when it is not written as a score.
function hundredths(text) {
  const parts = /^(\d{1,5})(?:\.(\d{1,2}))?$/.exec(text.trim());
  return parts ? Number(parts[1]) * 100 + Number((parts[2] ?? "").padEnd(2, "0")) : null;
}

function add() {
  let sum = 0;
  for (const field of form.querySelectorAll("[data-weight]")) {
    const points = hundredths(field.value);
    if (points === null || points > Number(form.dataset.highest) * 100) {
      total.textContent = "—";
      return;
    }
    sum += points * Number(field.dataset.weight);
  }
  // Ten-thousandths, rounded half up to hundredths, as the server does.
  const rounded = Math.floor((sum + 50) / 100);
  total.textContent = String(rounded / 100);
}

function mark(wrong) {
  for (const field of form.querySelectorAll("[data-weight]")) {
    const id = field.name.slice("score.".length);
    const place = document.getElementById(`wrong-${id}`);
    const said = wrong[id] ?? "";
    place.firstElementChild.textContent = said;
    place.hidden = !said;
    field.toggleAttribute("aria-invalid", false);
    if (said) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", place.id);
    } else {
      field.removeAttribute("aria-describedby");
    }
  }
}

async function save() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  status.textContent = form.dataset.saving;
  const body = new FormData(form);
  body.set("what", "save");
  try {
    const answer = await fetch(location.pathname, { method: "POST", body, headers: { "X-Autosave": "1" } });
    const told = await answer.json();
    if (answer.ok) {
      form.elements.version.value = told.version;
      mark(told.wrong);
      status.textContent = form.dataset.saved;
    } else {
      status.textContent = told.said;
    }
  } catch {
    if (!leaving) status.textContent = form.dataset.lost;
  }
  busy = false;
  if (again) {
    again = false;
    save();
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(save, WAIT);
}

if (form?.hasAttribute("data-autosave")) {
  form.addEventListener("input", () => {
    add();
    later();
  });
  if (typedAlready(form)) later();
  // A save under way would make the version of the form stale: wait for it, then send.
  form.addEventListener("submit", (event) => {
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
  }, true);
}
