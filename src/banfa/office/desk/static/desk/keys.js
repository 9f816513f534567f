// `/` goes to the search field, `?` lists the keys, `g` and a letter go to a page; an act's form
// loaded in place takes the focus, Escape closes it. Single keys can be switched off.

function typing(target) {
  return target.closest("input, select, textarea, [contenteditable]") !== null;
}

const OFF = "banfa-keys-off";

function listKeys(root) {
  const list = root.querySelector("#keys");
  const button = root.querySelector("#keys-open");
  if (!list || !button) return null;
  button.hidden = false;
  button.addEventListener("click", () => list.showModal());
  const on = list.querySelector("#keys-on");
  on.checked = !localStorage.getItem(OFF);
  on.addEventListener("change", () => {
    if (on.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });
  return list;
}

export function shortcuts(root) {
  const list = listKeys(root);
  let went = 0;
  root.addEventListener("keydown", (event) => {
    const single = !typing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey
      && !localStorage.getItem(OFF);
    if (event.key === "?" && single && list && !list.open) {
      event.preventDefault();
      list.showModal();
    }
    if (single && event.timeStamp - went < 1500) {
      root.querySelector(`#keys [data-key="${CSS.escape(event.key)}"]`)?.click();
    }
    went = event.key === "g" && single ? event.timeStamp : 0;
    if (event.key === "/" && single) {
      const search = root.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      } else {
        root.querySelector('#keys [data-key="s"]')?.click();
      }
    }
    const place = event.key === "Escape" && event.target.closest(".form-here");
    if (place) {
      place.replaceChildren();
      root.querySelector(`[hx-target="#${place.id}"]`)?.focus();
    }
  });
  root.addEventListener("htmx:afterSwap", (event) => {
    event.target.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  });
}
