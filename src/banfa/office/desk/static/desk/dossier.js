// Writing a dossier: saved while typing, files sent with a progress bar, evidence shown beside.
// Without this script the form has a button to save, and links open files in a page of their own.

import { typedAlready } from "./typed.js";

const PAUSE = 1200;
const AGAIN = 15000;

// One thing at a time reaches the server, each with the version that the one before it gave.
const busy = { save: null, files: 0 };

async function idle() {
  while (busy.save || busy.files) await new Promise((done) => setTimeout(done, 50));
}

function autosave(form) {
  const told = document.getElementById("saved");
  const { say } = speaker(form, told);
  let dirty = false;
  let timer = 0;

  function due(wait = PAUSE) {
    clearTimeout(timer);
    timer = setTimeout(save, wait);
  }

  function body() {
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    return data;
  }

  async function save(second = false) {
    if (busy.save || busy.files) return due();
    dirty = false;
    say("saving");
    const headers = { Accept: "application/json" };
    const sent = fetch(form.dataset.save, { method: "POST", body: body(), headers, redirect: "manual" });
    busy.save = sent;
    try {
      await answered(await sent, second);
    } catch {
      dirty = true;
      say("failed", true);
      due(AGAIN);
    } finally {
      busy.save = null;
    }
  }

  async function answered(answer, second) {
    const kind = answer.headers.get("Content-Type") ?? "";
    if (answer.status === 401) return expired();
    if (answer.status === 403 && !kind.includes("json") && !second) {
      if (await freshToken()) return setTimeout(() => save(true));
      return expired();
    }
    if (!kind.includes("json")) throw new Error("no answer");
    const found = await answer.json();
    if (answer.status === 409 && found.conflict) return conflicted(found);
    if (found.version) form.elements.version.value = found.version;
    told.classList.toggle("bad", !answer.ok);
    told.textContent = found.said;
    if (answer.ok && dirty) due();
  }

  function expired() {
    dirty = true;
    say("expired", true);
    const link = document.createElement("a");
    Object.assign(link, { href: form.dataset.login, target: "_blank", rel: "noopener" });
    link.textContent = form.dataset.sayLogin;
    told.append(" ", link);
  }

  function conflicted(found) {
    dirty = true;
    told.classList.add("bad");
    told.textContent = `${found.said} `;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = form.dataset.sayOverwrite;
    button.addEventListener("click", () => {
      form.elements.version.value = found.version;
      save();
    });
    told.append(button);
    clearTimeout(timer);
  }

  function changed(event) {
    if (event.target.type === "file") return;
    if (!dirty) say("unsaved");
    dirty = true;
    due();
  }

  form.addEventListener("input", changed);
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-remove-row]")) setTimeout(() => changed({ target: form }));
  });
  form.addEventListener("submit", async (event) => {
    clearTimeout(timer);
    if (busy.save || busy.files) {
      event.preventDefault();
      event.stopPropagation();
      await idle();
      form.requestSubmit(event.submitter);
      return;
    }
    dirty = false;
  });
  if (typedAlready(form)) changed({ target: form });
  window.addEventListener("focus", () => dirty && due(0));
  window.addEventListener("pagehide", () => dirty && navigator.sendBeacon(form.dataset.save, body()));
}

function speaker(form, told) {
  return {
    say(what, bad = false) {
      told.classList.toggle("bad", bad);
      told.textContent = form.dataset[`say${what[0].toUpperCase()}${what.slice(1)}`];
    },
  };
}

// After signing in anew the page's token is stale; a fresh page has one.
async function freshToken() {
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("#dossier-form [name=csrfmiddlewaretoken]")?.value;
  if (!fresh) return false;
  for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = fresh;
  return true;
}

// --- files

function uploads(form) {
  const row = document.getElementById("file-row");
  let chain = Promise.resolve();

  function send(list, path) {
    for (const file of list) chain = chain.then(() => turn(file, path)).catch(() => {});
  }

  async function turn(file, path) {
    while (busy.save) await new Promise((done) => setTimeout(done, 50));
    busy.files += 1;
    try {
      await one(file, path);
    } finally {
      busy.files -= 1;
    }
  }

  function one(file, path) {
    const place = form.querySelector(`[data-files="${CSS.escape(path)}"]`);
    const line = row.content.firstElementChild.cloneNode(true);
    const [link, told] = line.children;
    link.textContent = file.name;
    place.append(line);
    const data = new FormData();
    data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.append("path", path);
    data.append("file", file);
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open("POST", form.dataset.files);
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) line.querySelector("progress").value = (100 * event.loaded) / event.total;
      });
      request.addEventListener("loadend", () => {
        finished(request, line, link, told, path);
        done();
      });
      request.send(data);
    });
  }

  function finished(request, line, link, told, path) {
    line.querySelector("progress").remove();
    const found = parsed(request.responseText);
    const [made] = found?.files ?? [];
    if (!made) {
      told.className = "bad small";
      told.textContent = found?.faults?.[0] ?? form.dataset.sayFailed;
      told.setAttribute("role", "alert");
      return;
    }
    form.elements.version.value = found.version;
    link.href = made.url;
    link.textContent = made.name;
    told.textContent = form.dataset.sayDone;
    if (made.shown) Object.assign(link, { target: "_blank", rel: "noopener" }).dataset.view = made.type;
    const takesOne = form.querySelector(`input[type=file][name="${CSS.escape(path)}"]`);
    if (takesOne && path) for (const old of [...line.parentElement.children]) if (old !== line) old.remove();
    line.append(removal(made));
  }

  function removal(made) {
    const button = document.createElement("button");
    button.className = "quiet";
    button.setAttribute("form", "detach");
    Object.assign(button, { name: "attachment", value: made.id });
    button.textContent = form.dataset.sayRemove;
    return button;
  }

  form.addEventListener("change", (event) => {
    const { upload } = event.target.dataset;
    if (upload === undefined || !event.target.files.length) return;
    send([...event.target.files], upload);
    event.target.value = "";
  });
  for (const drop of form.querySelectorAll("[data-drop]")) {
    const over = (on) => (event) => {
      event.preventDefault();
      drop.classList.toggle("over", on);
    };
    drop.addEventListener("dragover", over(true));
    drop.addEventListener("dragleave", over(false));
    drop.addEventListener("drop", (event) => {
      over(false)(event);
      send([...event.dataTransfer.files], "");
    });
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// --- how long a text is, against what is usual

function lengths(form) {
  for (const hint of form.querySelectorAll("[data-length]")) {
    const field = document.getElementById(hint.dataset.for);
    if (!field) continue;
    const count = () => {
      const now = field.value.replace(/\s/g, "").length;
      hint.querySelector("span").textContent = hint.dataset.now.replace("{n}", String(now));
      hint.classList.toggle("soon", now > Number(hint.dataset.length));
    };
    field.addEventListener("input", count);
    count();
  }
}

// --- evidence beside the number it proves

function beside(viewer) {
  const frame = document.getElementById("viewer-body");
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-view]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!window.matchMedia("(min-width: 64rem)").matches) return;
    event.preventDefault();
    const shown = document.createElement(link.dataset.view === "application/pdf" ? "iframe" : "img");
    shown.src = link.href;
    shown[shown.localName === "img" ? "alt" : "title"] = link.textContent;
    frame.replaceChildren(shown);
    document.getElementById("viewer-name").textContent = link.textContent;
    viewer.hidden = false;
    viewer.parentElement.classList.add("beside");
    link.scrollIntoView({ block: "center", behavior: "instant" });
  });
  viewer.querySelector("[data-close]").addEventListener("click", () => {
    viewer.hidden = true;
    viewer.parentElement.classList.remove("beside");
    frame.replaceChildren();
  });
}

const form = document.getElementById("dossier-form");
if (form) {
  autosave(form);
  uploads(form);
  lengths(form);
}
const viewer = document.getElementById("viewer");
if (viewer) beside(viewer);
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
