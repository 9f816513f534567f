// A scoring sheet saves itself while it is filled in, and shows the weighted total.
// Without this the page's own buttons do the same.

import { savesItself } from "./autosave.js";

const form = document.getElementById("scoring");
const status = document.getElementById("autosave");
const total = document.getElementById("total");

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
  status.textContent = form.dataset.saving;
  const body = new FormData(form);
  body.set("what", "save");
  const headers = { "X-Autosave": "1" };
  const answer = await fetch(location.pathname, { method: "POST", body, headers });
  const told = await answer.json();
  if (answer.ok) {
    form.elements.version.value = told.version;
    mark(told.wrong);
    status.textContent = form.dataset.saved;
  } else {
    status.textContent = told.said;
  }
}

function lost() {
  status.textContent = form.dataset.lost;
}

if (form?.hasAttribute("data-autosave")) {
  form.addEventListener("input", add);
  savesItself(form, "input", save, lost);
}
