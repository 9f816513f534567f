// A link to a place inside folded details opens them; a refused form's answer takes the focus.

function unfold(root) {
  const id = decodeURIComponent(location.hash.slice(1));
  const place = id && root.getElementById(id);
  if (!place) return;
  const folded = [];
  for (let at = place; at; at = at.parentElement) {
    if (at.localName === "details" && !at.open) folded.push(at);
  }
  for (const section of place.querySelectorAll(":scope > details.fold")) folded.push(section);
  for (const details of folded) details.open = true;
  if (folded.length) place.scrollIntoView({ behavior: "instant" });
}

export function showPlaces(root) {
  unfold(root);
  window.addEventListener("hashchange", () => unfold(root));
  if (!location.hash) root.getElementById("answer")?.focus();
}
