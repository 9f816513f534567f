// `/` goes to the search field; an act's form loaded in place takes the focus, Escape closes it.

function typing(target) {
  return target.closest("input, select, textarea, [contenteditable]") !== null;
}

export function shortcuts(root) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "/" && !typing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = root.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
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
